/*
 * scan_plan.h
 *		Planning: whether a scan can compute an aggregate of a query.
 */
#ifndef CELL_BINARY_SCAN_PLAN_H
#define CELL_BINARY_SCAN_PLAN_H

#include "compat.h"

#include "nodes/pathnodes.h"
#include "scan/scanned_aggregate.h"

/* What the plan of a scan has in custom_private. */
typedef struct ScanPlan
{
	const ScannedAggregate *aggregate;
	bool		grouped;
	Expr	   *constant;		/* the aggregate's last argument, or NULL */
	List	   *tables;			/* lists from TablePlanToList */
} ScanPlan;

extern ScanPlan ScanPlanFromList(List *list);

/*
 * Make the planner consider scans for these aggregates; NULL ends the list.
 * Aggregates of folders above this one can be among them.
 */
extern void ScanPlanInstall(const ScannedAggregate *const *scanned);

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
