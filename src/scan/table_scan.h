/*
 * table_scan.h
 *		A scan of one table: its pages, the conditions on its tuples, and where
 *		the columns are in them.
 *
 * What a scan cannot read as it is, it leaves to the executor: a function that
 * returns false has met such a value, and then the whole query must run in the
 * executor instead.  So do all errors about rows, because the executor then
 * raises them.
 */
#ifndef CELL_BINARY_TABLE_SCAN_H
#define CELL_BINARY_TABLE_SCAN_H

#include "compat.h"

#include "scan/conditions.h"
#include "heap/pages.h"
#include "heap/tuple_shape.h"

/*
 * What the planner knows of a table to scan.  It is kept in the plan as a
 * list, because PostgreSQL copies plans.
 */
typedef struct TablePlan
{
	Oid			table;
	Oid			index;			/* that chooses the pages, or InvalidOid */
	List	   *arguments;		/* expressions, of the aggregate */
	List	   *conditions;		/* expressions, all of which must be true */
	Expr	   *sample;			/* to group by, or NULL */
} TablePlan;

extern List *TablePlanToList(const TablePlan *plan);
extern TablePlan TablePlanFromList(List *list);

typedef struct TableScan
{
	Relation	table;
	Relation	index;			/* or NULL */
	Conditions	conditions;
	TupleShape	shape;
	uint64		shapes;			/* how many tuples had another shape than the
								 * one before */
	Pages		pages;
} TableScan;

/*
 * Open the table of a plan, which the caller has locked, up to its last column
 * that is read.
 */
extern void TableScanInit(TableScan *scan, const TablePlan *plan, int last_column,
						  PlanState *parent);

/* Close the table.  TableScanBegin must have been followed by TableScanEnd. */
extern void TableScanClose(TableScan *scan);

/* Begin to read the pages.  Returns false if no tuple can meet the conditions. */
extern bool TableScanBegin(TableScan *scan, Snapshot snapshot, ExprContext *context);
extern void TableScanEnd(TableScan *scan);

/* Fit the shape to a tuple that has another one; return the tuple, or a complete copy. */
extern const HeapTupleHeaderData *TableScanFit(TableScan *scan, HeapTupleHeader tuple,
											   uint32 length);

/* Return the data of a tuple on the current page, and set the shape to that of the tuple. */
static pg_attribute_always_inline const uint8 *
TableScanData(TableScan *scan, int number)
{
	ItemId		item = PagesItem(&scan->pages, number);
	const HeapTupleHeaderData *tuple = (HeapTupleHeader) PageGetItem(scan->pages.page, item);

	if (number + TUPLES_AHEAD < scan->pages.count)
		PrefetchTuple(PagesTuple(&scan->pages, number + TUPLES_AHEAD));
	if (unlikely(TupleShapeLacksColumns(&scan->shape, tuple) ||
				 !TupleShapeMatches(&scan->shape, tuple)))
		tuple = TableScanFit(scan, unconstify(HeapTupleHeaderData *, tuple),
							 ItemIdGetLength(item));
	else
		scan->shape.misses = 0;
	return TupleData(tuple);
}

#endif							/* CELL_BINARY_TABLE_SCAN_H */
