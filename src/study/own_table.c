/*
 * own_table.c
 *		Reading and writing the extension's own tables from C.
 */
#include "study/own_table.h"

#include "access/stratnum.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

Oid
OwnSchema(FunctionCallInfo fcinfo)
{
	return get_func_namespace(fcinfo->flinfo->fn_oid);
}

Oid
OwnRelation(Oid schema, const char *name)
{
	Oid			relation = get_relname_relid(name, schema);

	if (!OidIsValid(relation))
		elog(ERROR, "relation \"%s\" of extension cell_binary is missing", name);
	return relation;
}

void
OwnScanBegin(OwnScan *scan, Oid schema, const char *table, const char *index,
			 LOCKMODE lockmode, int32 study, const int64 *sample_hash, Snapshot snapshot)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(study));
	if (sample_hash != NULL)
		ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(*sample_hash));

	InitDirtySnapshot(scan->dirty);
	scan->table = table_open(OwnRelation(schema, table), lockmode);
	scan->scan = systable_beginscan(scan->table, OwnRelation(schema, index), true,
									snapshot != NULL ? snapshot : &scan->dirty,
									sample_hash != NULL ? 2 : 1, keys);
}

HeapTuple
OwnScanNext(OwnScan *scan)
{
	return systable_getnext(scan->scan);
}

void
OwnScanEnd(OwnScan *scan)
{
	systable_endscan(scan->scan);
	table_close(scan->table, NoLock);
}

/* The buffer of the scan's current tuple; the scan holds the pin. */
static Buffer
current_page(SysScanDesc scan)
{
	Assert(TTS_IS_BUFFERTUPLE(scan->slot));
	return ((BufferHeapTupleTableSlot *) scan->slot)->buffer;
}

void
LockTupleInPlace(SysScanDesc scan)
{
	LockBuffer(current_page(scan), BUFFER_LOCK_EXCLUSIVE);
}

void
UnlockTupleInPlace(SysScanDesc scan)
{
	MarkBufferDirtyHint(current_page(scan), true);
	LockBuffer(current_page(scan), BUFFER_LOCK_UNLOCK);
}

bool
DeleteIfFree(Relation table, ItemPointer tid)
{
	TM_FailureData failure;

	return DeleteTupleIfFree(table, tid, &failure) == TM_Ok;
}

void
OwnForget(Oid schema, const char *table, const char *index, int32 study)
{
	Relation	relation = table_open(OwnRelation(schema, table), RowExclusiveLock);
	ScanKeyData key;
	SnapshotData dirty;
	SysScanDesc scan;
	HeapTuple	row;

	InitDirtySnapshot(dirty);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(study));
	scan = systable_beginscan(relation, OwnRelation(schema, index), true, &dirty, 1, &key);
	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		if (!TransactionIdIsValid(dirty.xmin))
			(void) DeleteIfFree(relation, &row->t_self);
	}
	systable_endscan(scan);
	table_close(relation, NoLock);
}

void
OwnTableCheckPersistence(Relation table, bool logged)
{
	const char *name = RelationGetRelationName(table);

	if (RelationIsPermanent(table) == logged)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table %s must be %s", name, logged ? "logged" : "unlogged"),
			 errdetail("Recorded changes must survive a crash; stored payloads must not."),
			 errhint("Use ALTER TABLE %s SET %s.", name, logged ? "LOGGED" : "UNLOGGED")));
}
