/*
 * listing.c
 *		The SQL functions that list the features and the samples of a study:
 *		cell_feature_names and cell_samples.  The function cell_data_samples, which
 *		packs every sample, is in serve/data.c.
 */
#include "study/listing.h"

#include "funcapi.h"
#include "study/own_table.h"
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
 * cell_feature_names(study text)
 *		-> setof (bit integer, feature text, full_name text); strict
 *
 * Returns one row for each feature, in the order of the bits.  full_name is empty
 * if the study was registered without full names.  The caller
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
		const char *full_name = study->full_names != NULL ? study->full_names[i] : "";
		Datum		values[3] = {
			Int32GetDatum(i), CStringGetTextDatum(study->feature_names[i]),
			CStringGetTextDatum(full_name)
		};
		bool		isnull[3] = {false};

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

void
StudyPutSamples(ReturnSetInfo *result, const Study *study, SnapshotChoice choice)
{
	Source		source;

	if (StudyHasPayloads(study))
	{
		StudyResolvePayloads(study);
		SourceOpen(&source, study, SOURCE_READY_SAMPLES,
				   (SourceArguments) {.layout = &cb_compact, .coding = &coding_identity});
	}
	else
		SourceOpen(&source, study, SOURCE_SAMPLES, (SourceArguments) {0});
	SourceCheck(&source, choice);
	SourceRun(&source, put_sample, result);
	SourceClose(&source);
}

/*
 * cell_samples(study text) -> setof text; strict
 *
 * Returns the names of the samples, in the order of the sample column.  Reads
 * with the snapshot of the calling statement.
 *
 * Errors: those of cell_data, except P0002.
 */
PG_FUNCTION_INFO_V1(cell_samples);
Datum
cell_samples(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	StudyPutSamples((ReturnSetInfo *) fcinfo->resultinfo, study_argument(fcinfo), KEEP_SNAPSHOT);
	return (Datum) 0;
}
