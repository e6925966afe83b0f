/*
 * change.c
 *		The record of changes: which transactions changed the cells of a sample.
 *
 * A transaction overwrites the row of an earlier one, if there is one that
 * nobody else is at, and adds a row otherwise.  So a sample has as many rows
 * as transactions changed it at once.  An overwritten row is no loss: who sees
 * the later transaction sees the earlier one, which had committed before, and
 * who does not sees the old version of the row.
 */
#include "change.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "executor/tuptable.h"
#include "own_table.h"
#include "study_errors.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

/* A row of the table cell_change. */
typedef struct ChangeRow
{
	int32		study;
	int64		sample_hash;
	FullTransactionId changed_by;
} ChangeRow;

#define CHANGE_COLUMNS 3

StaticAssertDecl(offsetof(ChangeRow, changed_by) == 16, "ChangeRow is not laid out as the table is");

PackedAt
PackedNow(void)
{
	return (PackedAt)
	{
		.snapshot = DirectFunctionCall1(pg_current_snapshot, (Datum) 0),
			.packed_by = GetTopFullTransactionId()
	};
}

/* A transaction id of a snapshot that is in use, with its epoch. */
static FullTransactionId
full_id(TransactionId id)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	return FullTransactionIdFromEpochAndXid(id > XidFromFullTransactionId(next) ? epoch - 1 : epoch, id);
}

static bool
is_seen(FullTransactionId id, PackedAt packed)
{
	return DatumGetBool(DirectFunctionCall2(pg_visible_in_snapshot,
											FullTransactionIdGetDatum(id), packed.snapshot));
}

bool
IsNoLater(PackedAt packed, Snapshot snapshot)
{
	Datum		end = DirectFunctionCall1(pg_snapshot_xmax, packed.snapshot);

	if (U64FromFullTransactionId(DatumGetFullTransactionId(end)) > U64FromFullTransactionId(full_id(snapshot->xmax)))
		return false;
	for (uint32 i = 0; i < snapshot->xcnt; i++)
		if (is_seen(full_id(snapshot->xip[i]), packed))
			return false;
	return true;
}

/* Overwrite a row, unless another transaction was faster: then false. */
static bool
overwrite_row(Relation table, Oid index_id, HeapTuple row)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple);
	ItemPointerData old = row->t_self;
	TM_FailureData failure;
	LockTupleMode lockmode;
	TU_UpdateIndexes update_indexes;
	bool		done;

	ExecForceStoreHeapTuple(row, slot, false);
	done = table_tuple_update(table, &old, slot, GetCurrentCommandId(true), InvalidSnapshot,
							  InvalidSnapshot, false, &failure, &lockmode, &update_indexes) == TM_Ok;
	if (done && update_indexes)
	{
		/* It did not fit on the page of the old one. */
		ChangeRow  *change = (ChangeRow *) GETSTRUCT(row);
		Relation	index = index_open(index_id, RowExclusiveLock);
		Datum		values[2] = {Int32GetDatum(change->study), Int64GetDatum(change->sample_hash)};
		bool		isnull[2] = {false, false};

		index_insert(index, values, isnull, &slot->tts_tid, table, UNIQUE_CHECK_NO, false, BuildIndexInfo(index));
		index_close(index, RowExclusiveLock);
	}
	ExecDropSingleTupleTableSlot(slot);
	return done;
}

static void
add_row(Relation table, int32 study, int64 sample_hash, FullTransactionId changed_by)
{
	Datum		values[CHANGE_COLUMNS] = {
		Int32GetDatum(study), Int64GetDatum(sample_hash), FullTransactionIdGetDatum(changed_by)
	};
	bool		isnull[CHANGE_COLUMNS] = {false};
	HeapTuple	row = heap_form_tuple(RelationGetDescr(table), values, isnull);

	CatalogTupleInsert(table, row);
	heap_freetuple(row);
}

void
RecordChange(Oid schema, int32 study, int64 sample_hash)
{
	FullTransactionId current = GetTopFullTransactionId();
	HeapTuple	row;
	HeapTuple	free_row = NULL;
	bool		recorded = false;
	OwnScan	scan;

	OwnScanBegin(&scan, schema, "cell_change", "cell_change_sample", RowExclusiveLock, study, sample_hash, NULL);
	while (!recorded && HeapTupleIsValid(row = OwnScanNext(&scan)))
	{
		if (FullTransactionIdEquals(((ChangeRow *) GETSTRUCT(row))->changed_by, current))
			recorded = true;
		else if (free_row == NULL && !TransactionIdIsValid(scan.dirty.xmin) && !TransactionIdIsValid(scan.dirty.xmax))
			free_row = heap_copytuple(row);
	}

	if (!recorded)
	{
		if (free_row != NULL)
			((ChangeRow *) GETSTRUCT(free_row))->changed_by = current;
		if (free_row == NULL || !overwrite_row(scan.table, OwnRelation(schema, "cell_change_sample"), free_row))
			add_row(scan.table, study, sample_hash, current);
	}
	OwnScanEnd(&scan);
}

/* Whether a payload from then has all changes that are recorded for a key. */
static bool
has_changes_of(Oid schema, int32 study, int64 sample_hash, Snapshot snapshot, PackedAt packed)
{
	bool		all = true;
	HeapTuple	row;
	OwnScan	scan;

	OwnScanBegin(&scan, schema, "cell_change", "cell_change_sample", AccessShareLock, study, sample_hash, snapshot);
	if (!RelationIsPermanent(scan.table))
		ReportUnloggedChanges();
	while (all && HeapTupleIsValid(row = OwnScanNext(&scan)))
	{
		FullTransactionId changed_by = ((ChangeRow *) GETSTRUCT(row))->changed_by;

		all = !FullTransactionIdEquals(changed_by, packed.packed_by) && is_seen(changed_by, packed);
	}
	OwnScanEnd(&scan);
	return all;
}

bool
HasAllChanges(Oid schema, int32 study, int64 sample_hash, Snapshot snapshot, PackedAt packed)
{
	return has_changes_of(schema, study, sample_hash, snapshot, packed) &&
		has_changes_of(schema, study, EVERY_SAMPLE, snapshot, packed);
}

void
ForgetChanges(Oid schema, int32 study)
{
	Relation	table = table_open(OwnRelation(schema, "cell_change"), RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(study));
	scan = systable_beginscan(table, OwnRelation(schema, "cell_change_sample"), true, GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(row = systable_getnext(scan)))
		(void) DeleteIfFree(table, &row->t_self);
	systable_endscan(scan);
	table_close(table, NoLock);
}
