/*
 * study_rows.c
 *		What a study has, as rows: cell_feature_names, cell_samples, and
 *		cell_data_samples, which packs all of it.
 */
#include "compat.h"

#include "coding.h"
#include "funcapi.h"
#include "layout_argument.h"
#include "miscadmin.h"
#include "own_table.h"
#include "payload.h"
#include "source.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/* A study whose source the caller may read, and a query of it. */
static Study *
open_study(FunctionCallInfo fcinfo, Source *source, SourceQuery query, const char *layout)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Study	   *study;

	PushActiveSnapshot(GetTransactionSnapshot());
	study = StudyNamed(OwnSchema(fcinfo), name, GetActiveSnapshot());
	SourceOpen(source, study, query, (Datum) 0, layout);
	(void) SourceInspect(source);
	return study;
}

static void
close_study(Source *source)
{
	SourceClose(source);
	PopActiveSnapshot();
}

/*
 * cell_feature_names(study text) -> setof (bit integer, feature text); strict
 *
 * Errors: as of cell_data, without P0002.
 */
PG_FUNCTION_INFO_V1(cell_feature_names);
Datum
cell_feature_names(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Source		source;
	Study	   *study;

	InitMaterializedSRF(fcinfo, 0);
	study = open_study(fcinfo, &source, SOURCE_PACK_ALL, "compact");
	for (int i = 0; i < study->features; i++)
	{
		Datum		values[2] = {Int32GetDatum(i), CStringGetTextDatum(study->feature_names[i])};
		bool		isnull[2] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
	close_study(&source);
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
 *
 * In the order of the source's column.  Errors: as of cell_data, without P0002.
 */
PG_FUNCTION_INFO_V1(cell_samples);
Datum
cell_samples(PG_FUNCTION_ARGS)
{
	ResultRows	rows = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	Source		source;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	(void) open_study(fcinfo, &source, SOURCE_SAMPLES, NULL);
	SourceRun(&source, put_sample, &rows);
	close_study(&source);
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
	Source		source;

	InitMaterializedSRF(fcinfo, 0);
	rows.per_row = AllocSetContextCreate(CurrentMemoryContext, "cell_binary sample", ALLOCSET_DEFAULT_SIZES);
	(void) open_study(fcinfo, &source, SOURCE_PACK_ALL, rows.layout->name);
	SourceRun(&source, put_payload, &rows);
	close_study(&source);
	MemoryContextDelete(rows.per_row);
	return (Datum) 0;
}
