/*
 * listing.c
 *		The SQL functions that list the features and the samples of a study:
 *		cell_feature_names, cell_samples and cell_samples_now.  The function
 *		cell_data_samples, which packs every sample, is in serve/data.c.
 */
#include "compat.h"

#include "funcapi.h"
#include "study/own_table.h"
#include "study/source.h"
#include "study/study.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/* The study that the first argument names, as the active snapshot sees it. */
static Study *
study_argument(FunctionCallInfo fcinfo)
{
	return StudyNamed(OwnSchema(fcinfo), text_to_cstring(PG_GETARG_TEXT_PP(0)),
					  GetActiveSnapshot());
}

/*
 * cell_feature_names(study text) -> setof (bit integer, feature text); strict
 *
 * Returns one row for each feature, in the order of the bits.  The caller
 * needs SELECT on all columns of the study.  No query is planned or run,
 * because planning can run code of the source's owner.
 *
 * Errors: those of cell_data, except P0002.
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

static void
put_sample(TupleTableSlot *row, void *argument)
{
	ReturnSetInfo *result = argument;

	slot_getallattrs(row);
	tuplestore_putvalues(result->setResult, result->setDesc, row->tts_values, row->tts_isnull);
}

/*
 * cell_samples(study text) -> setof text; strict
 * cell_samples_now(study text) -> setof text; strict
 *
 * Both return the names of the samples, in the order of the sample column.
 * cell_samples reads with the snapshot of the calling statement.
 * cell_samples_now reads with a snapshot that is taken once the source is
 * locked, so it sees what other transactions committed while it waited for the
 * lock.
 *
 * Errors: those of cell_data, except P0002.
 */
static void
put_samples(FunctionCallInfo fcinfo, SnapshotChoice choice)
{
	Source		source;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	SourceOpen(&source, study_argument(fcinfo), SOURCE_SAMPLES, (Datum) 0, NULL);
	SourceCheck(&source, choice);
	SourceRun(&source, put_sample, fcinfo->resultinfo);
	SourceClose(&source);
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
