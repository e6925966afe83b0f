/*
 * data.c
 *		The SQL functions that serve: cell_data, cell_data_head, cell_make_ready,
 *		and cell_data_samples, which packs every sample past the store.
 */
#include "serve/request.h"

#include "access/htup_details.h"
#include "arguments.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "read/payload.h"
#include "study/own_table.h"
#include "study/study.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/*
 * cell_data(study text, sample text, layout text, coding text) -> bytea; strict
 *
 * Errors: 42704 unknown study, 42P01 and 42703 its source or a column of it is
 * gone, P0002 no cells, 42501 the caller may not read the source, 22023 unknown
 * layout or coding, and those of packing.
 */
PG_FUNCTION_INFO_V1(cell_data);
Datum
cell_data(PG_FUNCTION_ARGS)
{
	Request		request;
	Served		result;

	RequestBegin(&request, fcinfo, true);
	RequestServe(&request, &result);
	RequestEnd(&request);
	PG_RETURN_DATUM(result.payload);
}

/*
 * cell_data_head(study text, sample text, layout text, coding text)
 *		-> (cells bigint, bytes bigint, etag text); strict
 *
 * Errors as of cell_data.
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

	RequestBegin(&request, fcinfo, false);
	RequestServe(&request, &result);
	RequestEnd(&request);

	values[0] = Int64GetDatum(result.head.cells);
	values[1] = Int64GetDatum(result.head.bytes);
	values[2] = CStringGetTextDatum(result.head.etag);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, isnull)));
}

/*
 * cell_make_ready(study text, sample text, layout text, coding text)
 *		-> (outcome text, cells bigint, bytes bigint); strict
 *
 * Errors as of cell_data, and 55000 if payloads are not stored.
 */
PG_FUNCTION_INFO_V1(cell_make_ready);
Datum
cell_make_ready(PG_FUNCTION_ARGS)
{
	Request		request;
	Served		result;
	TupleDesc	columns;
	const char *outcome;
	Datum		values[3];
	bool		isnull[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	RequestBegin(&request, fcinfo, false);
	if (request.detour != NO_DETOUR || request.read_only)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("payloads of study \"%s\" cannot be stored", request.study->name),
				 errdetail_internal("%s", RequestDetourDetail(&request)),
				 request.detour == DETOUR_UNTRACKED &&
				 request.state.catalogs.untracked == UNTRACKED_TRIGGERS ?
				 errhint("The owner of the source makes them with cell_track_study().") : 0));
	RequestServe(&request, &result);
	RequestEnd(&request);

	if (!request.made)
		outcome = "was ready";
	else if (request.stored)
		outcome = "packed";
	else if (!request.storable)
		outcome = "packed, not stored because its source was changed meanwhile";
	else if (request.outcome == STORE_TOO_LARGE)
		outcome = "packed, too large to be stored";
	else if (request.outcome == STORE_FULL)
		outcome = "packed, not stored because the store is full until VACUUM";
	else
		outcome = "packed, not stored because the server lacks the resources";

	values[0] = CStringGetTextDatum(outcome);
	values[1] = Int64GetDatum(result.head.cells);
	values[2] = Int64GetDatum(result.head.bytes);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, isnull)));
}

/* The rows of cell_data_samples, and how they are made of those of the source. */
typedef struct ResultRows
{
	ReturnSetInfo *result;
	const CbLayout *layout;
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
	values[1] = Int64GetDatum(PayloadCells(rows->layout, payload));
	if (rows->coding->encode != NULL)
		payload = EncodePayload(rows->coding, payload, rows->coding->default_level);
	values[2] = PointerGetDatum(payload);
	tuplestore_putvalues(rows->result->setResult, rows->result->setDesc, values, isnull);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(rows->per_row);
}

/*
 * cell_data_samples(study text, layout text, coding text)
 *		-> setof (sample text, cells bigint, payload bytea); strict
 *
 * Packed by one snapshot; the store is not asked.  Rows beyond work_mem wait on
 * disk.  Errors: as of cell_data, without P0002.
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

	InitMaterializedSRF(fcinfo, 0);
	rows.per_row = AllocSetContextCreate(CurrentMemoryContext, "cell_binary sample",
										 ALLOCSET_DEFAULT_SIZES);
	PushActiveSnapshot(GetTransactionSnapshot());
	study = StudyNamed(OwnSchema(fcinfo), text_to_cstring(PG_GETARG_TEXT_PP(0)),
					   GetActiveSnapshot());
	SourceOpen(&source, study, SOURCE_PACK_ALL, (Datum) 0, rows.layout->name);
	SourceCheck(&source, RENEW_SNAPSHOT);
	SourceRun(&source, put_payload, &rows);
	SourceClose(&source);
	PopActiveSnapshot();
	MemoryContextDelete(rows.per_row);
	return (Datum) 0;
}
