/*
 * data.c
 *		The SQL functions that serve payloads: cell_data and cell_data_head, which
 *		use the store (request.c), and cell_data_samples, which packs every sample
 *		without it.
 */
#include "serve/request.h"

#include "access/htup_details.h"
#include "arguments.h"
#include "funcapi.h"
#include "read/payload.h"
#include "study/one_payload.h"
#include "study/own_table.h"
#include "study/study.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/* Whether an argument other than the sample is null; then the result is, too. */
static bool
is_incomplete(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3);
}

/*
 * cell_data(study text, sample text, layout text, coding text) -> bytea
 *
 * Returns the payload of a sample, from the store or packed; or, if the layout is
 * one of studies and the sample is NULL, the payload of the study.  NULL for any
 * other argument gives NULL.
 *
 * Errors: 42704 unknown study, 42P01 its source was dropped, 42703 a column of
 * the source does not exist, P0002 the sample or the study has no cells, 42501
 * the caller cannot read the source, 22023 unknown layout or coding, 22004 the
 * layout is one of samples and the sample is NULL, 22023 the layout is one of
 * studies and the sample is not, 42704 the layout needs intensities and the study
 * has none, those of StudyResolve, of the input function of the sample's type and
 * of packing.
 */
PG_FUNCTION_INFO_V1(cell_data);
Datum
cell_data(PG_FUNCTION_ARGS)
{
	Request		request;
	Served		result;

	if (is_incomplete(fcinfo))
		PG_RETURN_NULL();
	RequestBegin(&request, fcinfo, true);
	RequestServe(&request, &result);
	RequestEnd(&request);
	PG_RETURN_DATUM(result.payload);
}

/*
 * cell_data_head(study text, sample text, layout text, coding text)
 *		-> (cells bigint, bytes bigint, etag text)
 *
 * Returns the number of cells, the length and the ETag of what cell_data would
 * return; NULL where cell_data does.
 *
 * Errors: those of cell_data.
 */
PG_FUNCTION_INFO_V1(cell_data_head);
Datum
cell_data_head(PG_FUNCTION_ARGS)
{
	Request		request;
	Served		result;
	TupleDesc	columns;
	Datum		values[3];
	bool		isnull[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	if (is_incomplete(fcinfo))
		PG_RETURN_NULL();
	RequestBegin(&request, fcinfo, false);
	RequestServe(&request, &result);
	RequestEnd(&request);

	values[0] = Int64GetDatum(result.head.cells);
	values[1] = Int64GetDatum(result.head.bytes);
	values[2] = CStringGetTextDatum(result.head.etag);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, isnull)));
}

/* What put_payload needs to make a result row from a row of the source's query. */
typedef struct ResultRows
{
	ReturnSetInfo *result;
	const Source *source;
	const CbLayout *layout;
	int			channels;
	const Coding *coding;
	MemoryContext per_row;
} ResultRows;

static void
put_payload(TupleTableSlot *row, void *argument)
{
	ResultRows *rows = argument;
	MemoryContext caller = MemoryContextSwitchTo(rows->per_row);
	bytea	   *payload;
	Datum		values[3];
	bool		isnull[3] = {false};

	slot_getallattrs(row);
	payload = DatumGetByteaPP(row->tts_values[1]);
	values[0] = row->tts_values[0];
	values[1] = Int64GetDatum(PayloadCells(rows->layout, rows->channels, payload));
	if (rows->coding->encode != NULL)
		payload = EncodePayload(rows->coding, payload, rows->coding->default_level);
	values[2] = PointerGetDatum(payload);
	tuplestore_putvalues(rows->result->setResult, rows->result->setDesc, values, isnull);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(rows->per_row);
}

/*
 * The same for a row of the study's relation of payloads, which has the same columns.
 * Without a coding, the payload itself gives the number of cells, and is checked.
 */
static void
put_ready(TupleTableSlot *row, void *argument)
{
	ResultRows *rows = argument;
	MemoryContext caller = MemoryContextSwitchTo(rows->per_row);
	Datum		values[3];

	CheckReadyRow(rows->source, row);
	memcpy(values, row->tts_values, sizeof(values));
	values[2] = PointerGetDatum(DatumGetByteaPP(values[2]));
	if (rows->coding->encode == NULL)
		values[1] = Int64GetDatum(PayloadCells(rows->layout, rows->channels,
											   (bytea *) DatumGetPointer(values[2])));
	tuplestore_putvalues(rows->result->setResult, rows->result->setDesc, values,
						 row->tts_isnull);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(rows->per_row);
}

/*
 * cell_data_samples(study text, layout text, coding text)
 *		-> setof (sample text, cells bigint, payload bytea); strict
 *
 * Returns the payload of every sample, packed with one snapshot.  The store is
 * not used.  Rows beyond work_mem are written to a temporary file.
 *
 * Errors: those of cell_data, except P0002.
 */
PG_FUNCTION_INFO_V1(cell_data_samples);
Datum
cell_data_samples(PG_FUNCTION_ARGS)
{
	ResultRows	rows = {
		.result = (ReturnSetInfo *) fcinfo->resultinfo,
		.layout = GetLayoutArgument(fcinfo, 1),
		.coding = GetCodingArgument(fcinfo, 2),
	};
	Study	   *study;
	Source		source;

	rows.source = &source;
	InitMaterializedSRF(fcinfo, 0);
	rows.per_row = AllocSetContextCreate(CurrentMemoryContext, "cell_binary sample",
										 ALLOCSET_DEFAULT_SIZES);
	PushActiveSnapshot(GetTransactionSnapshot());
	study = StudyNamed(OwnSchema(fcinfo), text_to_cstring(PG_GETARG_TEXT_PP(0)),
					   GetActiveSnapshot());
	if (rows.layout->has_intensities)
		StudyResolveIntensities(study);
	rows.channels = study->features;
	if (StudyHasPayloads(study))
		StudyResolvePayloads(study);
	SourceOpen(&source, study, StudyHasPayloads(study) ? SOURCE_READY_ALL : SOURCE_PACK_ALL,
			   (SourceArguments) {.layout = rows.layout, .coding = rows.coding});
	SourceCheck(&source, RENEW_SNAPSHOT);
	SourceRun(&source, StudyHasPayloads(study) ? put_ready : put_payload, &rows);
	SourceClose(&source);
	PopActiveSnapshot();
	MemoryContextDelete(rows.per_row);
	return (Datum) 0;
}
