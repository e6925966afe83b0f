/*
 * scans.c
 *		cell_scans: whether the queries on a study's source are computed by a
 *		scan.
 */
#include "compat.h"

#include "access/xact.h"
#include "funcapi.h"
#include "scan/scan_plan.h"
#include "study/own_table.h"
#include "study/sample.h"
#include "study/source.h"
#include "study/study.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/* Plan a query, and return the decisions about its aggregates. */
static List *
decisions_about(const Study *study, SourceQuery query, Datum sample, const CbLayout *layout)
{
	List	   *decisions = NIL;
	Source		source;

	ScanPlanObserve(&decisions);
	PG_TRY();
	{
		SourceOpen(&source, study, query,
				   (SourceArguments) {.sample = sample, .layout = layout});
		SourceCheck(&source, KEEP_SNAPSHOT);
		SourceClose(&source);
	}
	PG_FINALLY();
	{
		ScanPlanObserve(NULL);
	}
	PG_END_TRY();
	return decisions;
}

/* Add a row for each decision. */
static void
put_decisions(ReturnSetInfo *result, const char *call, const List *decisions)
{
	ListCell   *cell;

	foreach(cell, decisions)
	{
		const ScanDecision *decision = lfirst(cell);
		bool		serializable = decision->scan && IsolationIsSerializable();
		Datum		values[4] = {
			CStringGetTextDatum(call),
			CStringGetTextDatum(decision->aggregate),
			BoolGetDatum(decision->scan && !serializable),
			CStringGetTextDatum(serializable ? "The transaction is serializable." :
								decision->detail),
		};
		bool		isnull[4] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
}

/* Add rows for the packing of all samples and, if there is a second argument, of one. */
static void
put_packing(ReturnSetInfo *result, const Study *study, FunctionCallInfo fcinfo,
			const CbLayout *layout)
{
	const char *name;
	Datum		sample;

	put_decisions(result, "cell_data_samples",
				  decisions_about(study, SOURCE_PACK_ALL, (Datum) 0, layout));
	if (PG_ARGISNULL(1))
		return;
	sample = SampleValue(study->sample.type, text_to_cstring(PG_GETARG_TEXT_PP(1)), &name);
	put_decisions(result, "cell_data", decisions_about(study, SOURCE_PACK, sample, layout));
}

/*
 * cell_scans(study text, sample text)
 *		-> setof (call text, aggregate text, scan boolean, detail text)
 *
 * Returns, for cell_data_samples, with a sample for cell_data, and for the same
 * with intensities and for cell_subsample, whether each aggregate of its query is
 * computed by a scan, and which pages the scan reads or why there is no scan.
 * Payloads that the study takes from another relation are not packed, and have no row.
 * NULL for the study gives no rows.
 *
 * Errors: those of cell_data, except P0002; 42804 if the column of intensities
 * has the wrong type.
 */
PG_FUNCTION_INFO_V1(cell_scans);
Datum
cell_scans(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Study	   *study;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	study = StudyNamed(OwnSchema(fcinfo), text_to_cstring(PG_GETARG_TEXT_PP(0)),
					   GetActiveSnapshot());
	if (!StudyHasPayloads(study))
		put_packing(result, study, fcinfo, &cb_compact);
	if (StudyMayReadIntensities(study))
	{
		StudyResolveIntensities(study);
		if (!StudyHasPayloads(study))
			put_packing(result, study, fcinfo, &cb_intensity);
		put_decisions(result, "cell_subsample",
					  decisions_about(study, SOURCE_SCAN_INTENSITIES, (Datum) 0, NULL));
	}
	return (Datum) 0;
}
