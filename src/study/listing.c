/*
 * listing.c
 *		What a study has, as rows: cell_feature_names, cell_samples, and
 *		cell_data_samples, which packs all of it.
 */
#include "compat.h"

#include "coding/coding.h"
#include "funcapi.h"
#include "layout_argument.h"
#include "miscadmin.h"
#include "study/own_table.h"
#include "read/payload.h"
#include "study/source.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/* The study of the first argument, as the active snapshot has it. */
static Study *
study_argument(FunctionCallInfo fcinfo)
{
	return StudyNamed(OwnSchema(fcinfo), text_to_cstring(PG_GETARG_TEXT_PP(0)), GetActiveSnapshot());
}

/* Run a query of a study, and call a function for each row. */
static void
read_study(const Study *study, SnapshotChoice choice, SourceQuery query, const char *layout, SourceRow function, void *argument)
{
	Source		source;

	SourceOpen(&source, study, query, (Datum) 0, layout);
	(void) SourceInspect(&source, choice);
	SourceRun(&source, function, argument);
	SourceClose(&source);
}

/*
 * cell_feature_names(study text) -> setof (bit integer, feature text); strict
 *
 * The caller needs SELECT on all columns of the study.  No query is planned or
 * run.  Errors: as of cell_data, without P0002.
 */
PG_FUNCTION_INFO_V1(cell_feature_names);
Datum
cell_feature_names(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Study	   *study;

	InitMaterializedSRF(fcinfo, 0);
	study = study_argument(fcinfo);
	StudyCheckReadable(study);
	for (int i = 0; i < study->features; i++)
	{
		Datum		values[2] = {Int32GetDatum(i), CStringGetTextDatum(study->feature_names[i])};
		bool		isnull[2] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
	return (Datum) 0;
}

/* The rows of a function, and what it makes of those of the source. */
typedef struct ResultRows
{
	ReturnSetInfo *result;
	const CbLayout *layout;
	const Coding *coding;
	MemoryContext per_row;
} ResultRows;

static void
put_sample(TupleTableSlot *row, void *argument)
{
	ResultRows *rows = argument;

	slot_getallattrs(row);
	tuplestore_putvalues(rows->result->setResult, rows->result->setDesc, row->tts_values, row->tts_isnull);
}

/*
 * cell_samples(study text) -> setof text; strict
 * cell_samples_now(study text) -> setof text; strict
 *
 * In the order of the source's column: by the snapshot of the statement that
 * calls, or by one that sees what was committed while the source was waited for.
 * Errors: as of cell_data, without P0002.
 */
static void
put_samples(FunctionCallInfo fcinfo, SnapshotChoice choice)
{
	ResultRows	rows = {.result = (ReturnSetInfo *) fcinfo->resultinfo};

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	read_study(study_argument(fcinfo), choice, SOURCE_SAMPLES, NULL, put_sample, &rows);
}

PG_FUNCTION_INFO_V1(cell_samples);
Datum
cell_samples(PG_FUNCTION_ARGS)
{
	put_samples(fcinfo, KEEP_SNAPSHOT);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(cell_samples_now);
Datum
cell_samples_now(PG_FUNCTION_ARGS)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	put_samples(fcinfo, RENEW_SNAPSHOT);
	PopActiveSnapshot();
	return (Datum) 0;
}

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

	InitMaterializedSRF(fcinfo, 0);
	rows.per_row = AllocSetContextCreate(CurrentMemoryContext, "cell_binary sample", ALLOCSET_DEFAULT_SIZES);
	PushActiveSnapshot(GetTransactionSnapshot());
	read_study(study_argument(fcinfo), RENEW_SNAPSHOT, SOURCE_PACK_ALL, rows.layout->name, put_payload, &rows);
	PopActiveSnapshot();
	MemoryContextDelete(rows.per_row);
	return (Datum) 0;
}
