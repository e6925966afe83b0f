/*
 * change_log.c
 *		Reading and writing the record of changes, the table cell_change.
 *
 * A transaction that changes a sample overwrites a row of the sample that no
 * other transaction in progress has written, or adds a row if there is none.
 * The rows of a sample are therefore at most as numerous as the transactions
 * that changed it at the same time.
 *
 * Overwriting is safe: any snapshot that sees the later transaction also sees
 * the earlier one, which had committed before; any other snapshot still sees
 * the old version of the row.
 */
#include "changes/change_log.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "executor/tuptable.h"
#include "study/own_table.h"
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

StaticAssertDecl(offsetof(ChangeRow, changed_by) == DOUBLEALIGN(sizeof(int32)) + sizeof(int64),
				 "ChangeRow is not laid out as the table is");

PackedAt
PackedNow(void)
{
	return (PackedAt)
	{
		.snapshot = DirectFunctionCall1(pg_current_snapshot, (Datum) 0),
			.packed_by = GetTopFullTransactionId()
	};
}

/* A transaction id of a snapshot in use, with its epoch added. */
static FullTransactionId
full_id(TransactionId id)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	return FullTransactionIdFromEpochAndXid(id > XidFromFullTransactionId(next) ? epoch - 1 : epoch,
											id);
}

/* Whether a payload's snapshot sees a transaction. */
static bool
is_seen(FullTransactionId id, PackedAt packed)
{
	return DatumGetBool(DirectFunctionCall2(pg_visible_in_snapshot,
											FullTransactionIdGetDatum(id), packed.snapshot));
}

/*
 * Whether this cluster has not yet assigned a transaction id.  A row with such
 * an id came from another cluster, for example by a publication of all tables,
 * or is from before the transaction counter was set back.
 */
static bool
is_foreign(FullTransactionId id)
{
	return FullTransactionIdFollowsOrEquals(id, ReadNextFullTransactionId());
}

bool
IsNoLater(PackedAt packed, Snapshot snapshot)
{
	Datum		end = DirectFunctionCall1(pg_snapshot_xmax, packed.snapshot);

	if (FullTransactionIdFollows(DatumGetFullTransactionId(end), full_id(snapshot->xmax)))
		return false;
	for (uint32 i = 0; i < snapshot->xcnt; i++)
		if (is_seen(full_id(snapshot->xip[i]), packed))
			return false;
	return true;
}

/* Insert the index entries of a row version that needs new ones. */
static void
insert_index_entries(Relation table, TupleTableSlot *slot)
{
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(table))
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);
		IndexInfo  *info = BuildIndexInfo(index);
		Datum		values[INDEX_MAX_KEYS];
		bool		isnull[INDEX_MAX_KEYS];

		/* This includes an index that is being built concurrently. */
		if (info->ii_ReadyForInserts)
		{
			FormIndexDatum(info, slot, NULL, values, isnull);
			index_insert(index, values, isnull, &slot->tts_tid, table, UNIQUE_CHECK_NO, false,
						 info);
		}
		index_close(index, RowExclusiveLock);
	}
}

/* Overwrite a row.  Returns false if another transaction changed it first. */
static bool
overwrite_row(Relation table, HeapTuple row)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple);
	ItemPointerData old = row->t_self;
	TM_FailureData failure;
	LockTupleMode lockmode;
	TU_UpdateIndexes update_indexes;
	bool		done;

	ExecForceStoreHeapTuple(row, slot, false);
	done = UpdateTupleIfFree(table, &old, slot, &failure, &lockmode, &update_indexes) == TM_Ok;
	if (done && update_indexes)
		insert_index_entries(table, slot);
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
	OwnScan		scan;

	OwnScanBegin(&scan, schema, "cell_change", "cell_change_sample", RowExclusiveLock, study,
				 &sample_hash, NULL);
	while (!recorded && HeapTupleIsValid(row = OwnScanNext(&scan)))
	{
		if (FullTransactionIdEquals(((ChangeRow *) GETSTRUCT(row))->changed_by, current))
			recorded = true;
		else if (free_row == NULL && !TransactionIdIsValid(scan.dirty.xmin) &&
				 !TransactionIdIsValid(scan.dirty.xmax))
			free_row = heap_copytuple(row);
	}

	if (!recorded)
	{
		if (free_row != NULL)
			((ChangeRow *) GETSTRUCT(free_row))->changed_by = current;
		if (free_row == NULL || !overwrite_row(scan.table, free_row))
			add_row(scan.table, study, sample_hash, current);
	}
	OwnScanEnd(&scan);
}

/*
 * Whether a payload has all changes that a snapshot sees of one hash, or of all
 * hashes if it is NULL.
 *
 * A change by the transaction that packed the payload never counts as
 * included: the payload's snapshot seems to see its own transaction, but
 * cannot tell whether that transaction's change came before the packing or
 * after it.
 */
static bool
has_changes_of(Oid schema, int32 study, const int64 *sample_hash, Snapshot snapshot,
			   PackedAt packed)
{
	bool		all = true;
	HeapTuple	row;
	OwnScan		scan;

	OwnScanBegin(&scan, schema, "cell_change", "cell_change_sample", AccessShareLock, study,
				 sample_hash, snapshot);
	OwnTableCheckPersistence(scan.table, true);
	while (all && HeapTupleIsValid(row = OwnScanNext(&scan)))
	{
		FullTransactionId changed_by = ((ChangeRow *) GETSTRUCT(row))->changed_by;

		/* It is no change of this cluster, and no payload could ever include it. */
		if (is_foreign(changed_by))
			continue;
		all = !FullTransactionIdEquals(changed_by, packed.packed_by) && is_seen(changed_by, packed);
	}
	OwnScanEnd(&scan);
	return all;
}

bool
HasAllChanges(Oid schema, int32 study, int64 sample_hash, Snapshot snapshot, PackedAt packed)
{
	const int64 every_sample = EVERY_SAMPLE;

	if (is_foreign(packed.packed_by))
		return false;
	if (sample_hash == EVERY_SAMPLE)
		return has_changes_of(schema, study, NULL, snapshot, packed);
	return has_changes_of(schema, study, &sample_hash, snapshot, packed) &&
		has_changes_of(schema, study, &every_sample, snapshot, packed);
}
