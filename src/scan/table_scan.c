/*
 * table_scan.c
 *		Opening and closing the scan of one table.
 */
#include "scan/table_scan.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/table.h"

List *
TablePlanToList(const TablePlan *plan)
{
	return list_make4(list_make2_oid(plan->table, plan->index), plan->arguments, plan->conditions,
					  plan->sample);
}

TablePlan
TablePlanFromList(List *list)
{
	return (TablePlan) {
		.table = linitial_oid(linitial(list)),
		.index = lsecond_oid(linitial(list)),
		.arguments = lsecond(list),
		.conditions = lthird(list),
		.sample = lfourth(list),
	};
}

void
TableScanInit(TableScan *scan, const TablePlan *plan, int last_column, PlanState *parent)
{
	memset(scan, 0, sizeof(*scan));
	scan->table = table_open(plan->table, AccessShareLock);
	if (OidIsValid(plan->index))
		scan->index = index_open(plan->index, AccessShareLock);
	ConditionsInit(&scan->conditions, plan->conditions, parent);
	TupleShapeInit(&scan->shape, RelationGetDescr(scan->table),
				   ConditionsLastColumn(&scan->conditions, last_column));
}

void
TableScanClose(TableScan *scan)
{
	if (scan->index != NULL)
		index_close(scan->index, NoLock);
	table_close(scan->table, NoLock);
}

bool
TableScanBegin(TableScan *scan, Snapshot snapshot, ExprContext *context)
{
	ScanKey		keys = NULL;
	int			count = 0;

	/* As in the executor, an empty table needs no values of conditions. */
	if (RelationGetNumberOfBlocks(scan->table) == 0)
		return false;
	ConditionsEvaluate(&scan->conditions, context);
	if (scan->conditions.never)
		return false;
	if (scan->index != NULL && scan->index->rd_indam->amgetbitmap != NULL)
		count = ConditionsKeys(&scan->conditions, scan->index, &keys);
	PagesOpen(&scan->pages, scan->table, snapshot, count > 0 ? scan->index : NULL, keys, count);
	return true;
}

void
TableScanEnd(TableScan *scan)
{
	PagesClose(&scan->pages);
}

const HeapTupleHeaderData *
TableScanFit(TableScan *scan, HeapTupleHeader tuple, uint32 length)
{
	if (TupleShapeLacksColumns(&scan->shape, tuple))
	{
		tuple = TupleShapeComplete(&scan->shape, tuple, length);
		if (TupleShapeMatches(&scan->shape, tuple))
			return tuple;
	}
	TupleShapeFit(&scan->shape, tuple);
	scan->shapes++;
	return tuple;
}
