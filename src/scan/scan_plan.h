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

/* Make the planner consider scans. */
extern void ScanPlanInstall(void);

/*
 * While a query is planned, collect why a scan cannot compute its aggregate.
 * Returns what the caller must restore with the same function; NULL collects
 * nothing.
 */
extern StringInfo ScanPlanExplain(StringInfo reasons);

#endif							/* CELL_BINARY_SCAN_PLAN_H */
