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
decisions_about(const Study *study, SourceQuery query, Datum sample)
{
	List	   *decisions = NIL;
	Source		source;

	ScanPlanObserve(&decisions);
	PG_TRY();
	{
		SourceOpen(&source, study, query, sample, "compact");
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

/*
 * cell_scans(study text, sample text)
 *		-> setof (call text, aggregate text, scan boolean, detail text)
 *
 * Returns, for cell_data_samples and, with a sample, for cell_data, whether
 * each aggregate of its query is computed by a scan, and which pages the scan
 * reads or why there is no scan.  NULL for the study gives no rows.
 *
 * Errors: those of cell_data, except P0002.
 */
PG_FUNCTION_INFO_V1(cell_scans);
Datum
cell_scans(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Study	   *study;
	const char *name;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	study = StudyNamed(OwnSchema(fcinfo), text_to_cstring(PG_GETARG_TEXT_PP(0)),
					   GetActiveSnapshot());
	put_decisions(result, "cell_data_samples", decisions_about(study, SOURCE_PACK_ALL, (Datum) 0));
	if (!PG_ARGISNULL(1))
		put_decisions(result, "cell_data",
					  decisions_about(study, SOURCE_PACK,
									  SampleValue(study->sample.type,
												  text_to_cstring(PG_GETARG_TEXT_PP(1)), &name)));
	return (Datum) 0;
}
