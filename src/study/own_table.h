/*
 * own_table.h
 *		Reading and writing the extension's own tables from C: cell_study,
 *		cell_payload, cell_change and cell_store_count.  What their rows mean is
 *		in registry.h, serve/store.h, changes/change_log.h and
 *		serve/statistics.h.
 *
 * A table is looked up in the schema of the called function and is opened
 * without a privilege check: the function has checked before what its caller
 * may do.  No SQL is run, so search_path has no effect.
 */
#ifndef CELL_BINARY_OWN_TABLE_H
#define CELL_BINARY_OWN_TABLE_H

#include "compat.h"

#include "access/genam.h"
#include "access/table.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* The schema of the extension, which is the schema of the called function. */
extern Oid	OwnSchema(FunctionCallInfo fcinfo);

/* The OID of a table, an index or a sequence in that schema. */
extern Oid	OwnRelation(Oid schema, const char *name);

/*
 * A scan of a table by the columns (study, sample_hash) of one of its indexes, or
 * by the first of them.
 */
typedef struct OwnScan
{
	Relation	table;
	SysScanDesc scan;
	SnapshotData dirty;			/* sees all live rows, committed or not */
} OwnScan;

/*
 * Start a scan with a snapshot, of the rows with a study and a hash, or with the
 * study and any hash if sample_hash is NULL.  With a NULL snapshot, the scan returns all
 * live rows, including those of transactions in progress; scan->dirty.xmin and
 * .xmax then name another transaction in progress that inserted, or is
 * deleting or updating, the current row.
 */
extern void OwnScanBegin(OwnScan *scan, Oid schema, const char *table, const char *index,
						 LOCKMODE lockmode, int32 study, const int64 *sample_hash,
						 Snapshot snapshot);
extern HeapTuple OwnScanNext(OwnScan *scan);
extern void OwnScanEnd(OwnScan *scan);

/*
 * Lock the page of the scan's current tuple, so that the caller can change its
 * fixed-width fields in place.  Like the counter of a sequence, such a change
 * belongs to no transaction and is not rolled back.
 */
extern void LockTupleInPlace(SysScanDesc scan);
extern void UnlockTupleInPlace(SysScanDesc scan);

/*
 * Delete the rows of a study that is being dropped, using an index whose first
 * column is the study's id.  Rows that another transaction is adding or
 * changing stay; once the study is dropped, they belong to no study.
 */
extern void OwnForget(Oid schema, const char *table, const char *index, int32 study);

/*
 * Raise 55000 unless a table is logged (true) or unlogged (false).
 *
 * The store must be unlogged: a crash empties an unlogged source, and a
 * payload that survived the crash would be stale.  The record of changes must
 * be logged: a prepared transaction survives a crash, and so must its recorded
 * changes.
 */
extern void OwnTableCheckPersistence(Relation table, bool logged);

/*
 * Delete a row unless another transaction has changed or locked it.  Returns
 * true if the row was deleted.  Does not wait.
 */
extern bool DeleteIfFree(Relation table, ItemPointer tid);

#endif							/* CELL_BINARY_OWN_TABLE_H */
