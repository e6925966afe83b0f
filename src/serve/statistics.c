/*
 * statistics.c
 *		Updating the statistics of the store, the table cell_store_count.
 */
#include "serve/statistics.h"

#include "access/htup_details.h"
#include "catalog/indexing.h"
#include "serve/attempt.h"
#include "study/own_table.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#define COUNTERS ((int) (sizeof(StoreStatistics) / sizeof(int64)))

/* A row of the table: an int32 and padding, then the counters. */
typedef struct CountRow
{
	int32		study;
	StoreStatistics counts;
} CountRow;

StaticAssertDecl(offsetof(CountRow, counts) == DOUBLEALIGN(sizeof(int32)),
				 "CountRow is not laid out as the table is");

/* The first row of a study, to be inserted. */
typedef struct FirstCount
{
	Relation	table;
	int32		study;
	const int64 *counters;
} FirstCount;

static void
insert_row(void *argument)
{
	FirstCount *first = argument;
	Datum		values[1 + COUNTERS];
	bool		isnull[1 + COUNTERS] = {false};
	HeapTuple	row;

	values[0] = Int32GetDatum(first->study);
	for (int i = 0; i < COUNTERS; i++)
		values[1 + i] = Int64GetDatum(first->counters[i]);
	row = heap_form_tuple(RelationGetDescr(first->table), values, isnull);
	CatalogTupleInsert(first->table, row);
	heap_freetuple(row);
}

void
AddStatistics(Oid schema, int32 study, StoreStatistics counts)
{
	Relation	table = table_open(OwnRelation(schema, "cell_store_count"), RowExclusiveLock);
	const int64 *more = (const int64 *) &counts;
	SnapshotData dirty;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;

	/* A study has one live row, or more if sessions inserted one at the same time. */
	InitDirtySnapshot(dirty);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(study));
	scan = systable_beginscan(table, OwnRelation(schema, "cell_store_count_study"), true, &dirty, 1,
							  &key);
	if (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		int64	   *counters = (int64 *) &((CountRow *) GETSTRUCT(row))->counts;

		LockTupleInPlace(scan);
		for (int i = 0; i < COUNTERS; i++)
			counters[i] += more[i];
		UnlockTupleInPlace(scan);
		systable_endscan(scan);
	}
	else
	{
		/*
		 * This is the first use of the study, or the first after a crash,
		 * which empties the table.  If the row cannot be inserted for lack of
		 * resources, the call still succeeds.
		 */
		FirstCount	first = {table, study, more};
		ErrorData  *error;

		systable_endscan(scan);
		error = Attempt(insert_row, &first, IsLackOfResources);
		if (error != NULL)
			FreeErrorData(error);
	}
	table_close(table, NoLock);
}
