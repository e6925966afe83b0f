/*
 * scan_plan.h
 *		Planning: whether a scan can compute an aggregate of a query.
 */
#ifndef CELL_BINARY_SCAN_PLAN_H
#define CELL_BINARY_SCAN_PLAN_H

#include "compat.h"

#include "nodes/pg_list.h"

/* Make the planner consider scans. */
extern void ScanPlanInstall(void);

/* What the planner decided about an aggregate. */
typedef struct ScanDecision
{
	const char *aggregate;
	bool		scan;
	const char *detail;			/* which pages the scan reads, or why there is
								 * no scan */
} ScanDecision;

/*
 * Collect the decisions about the queries that are planned from now on in a
 * list of ScanDecisions; NULL ends this, and must do so after an error, too.
 */
extern void ScanPlanObserve(List **decisions);

#endif							/* CELL_BINARY_SCAN_PLAN_H */
