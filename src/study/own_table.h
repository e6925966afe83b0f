/*
 * own_table.h
 *		The tables of the extension, as C reads and writes them.
 *
 * They are found in the schema that the called function is in, and opened
 * without a look at privileges: what a caller may do is decided before, by the
 * function.  Nobody's search_path matters, and no SQL is run.
 */
#ifndef CELL_BINARY_OWN_TABLE_H
#define CELL_BINARY_OWN_TABLE_H

#include "compat.h"

#include "access/genam.h"
#include "access/table.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* The schema of the extension: that of the function which is running. */
extern Oid	OwnSchema(FunctionCallInfo fcinfo);

/* A table or index in it. */
extern Oid	OwnRelation(Oid schema, const char *name);

/* A scan of a table by the columns (study, sample_hash) of one of its indexes. */
typedef struct OwnScan
{
	Relation	table;
	SysScanDesc scan;
	SnapshotData dirty;			/* what is alive, committed or not */
} OwnScan;

/*
 * Start a scan by a snapshot; or, if that is NULL, of all rows that are alive,
 * also of transactions in progress.
 */
extern void OwnScanBegin(OwnScan *scan, Oid schema, const char *table, const char *index,
						 LOCKMODE lockmode, int32 study, int64 sample_hash, Snapshot snapshot);
extern HeapTuple OwnScanNext(OwnScan *scan);
extern void OwnScanEnd(OwnScan *scan);

/*
 * Lock the page of the tuple that a scan is at, so that its fixed-width fields
 * can be changed in place.  Like a sequence's counter, such a change belongs to
 * no transaction.
 */
extern void LockTupleInPlace(SysScanDesc scan);
extern void UnlockTupleInPlace(SysScanDesc scan);

/*
 * Delete the rows of a study that is dropped, by an index that begins with the
 * study.  What another transaction is about to add is left: it is of no study.
 */
extern void OwnForget(Oid schema, const char *table, const char *index, int32 study);

/*
 * Raise 55000 unless a table is logged, or unlogged.  A stored payload that
 * outlives a crash may be that of an unlogged table, which does not; a change that
 * is lost in a crash may be that of a prepared transaction, which is not.
 */
extern void OwnTableCheckPersistence(Relation table, bool logged);

/* Delete a row unless another transaction is at it; true if it was deleted. */
extern bool DeleteIfFree(Relation table, ItemPointer tid);

#endif							/* CELL_BINARY_OWN_TABLE_H */
