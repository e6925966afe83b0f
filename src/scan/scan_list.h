/*
 * scan_list.h
 *		The aggregates that a scan can compute, and the lists in which a plan
 *		describes a scan.
 */
#ifndef CELL_BINARY_SCAN_LIST_H
#define CELL_BINARY_SCAN_LIST_H

#include "compat.h"

#include "scan/scanned_aggregate.h"

/* Return the aggregate that a SQL function is, or NULL if no scan can compute it. */
extern const ScannedAggregate *ScannedAggregateOf(Oid function);

/*
 * What the plan of a scan has in custom_private.  It is kept as a list, because
 * PostgreSQL copies plans.
 */
typedef struct ScanPlan
{
	const ScannedAggregate *aggregate;
	bool		grouped;
	Expr	   *constant;		/* the aggregate's last argument, or NULL */
	List	   *tables;			/* lists from TablePlanToList */
} ScanPlan;

extern List *ScanPlanToList(const ScanPlan *plan);
extern ScanPlan ScanPlanFromList(List *list);

#endif							/* CELL_BINARY_SCAN_LIST_H */
