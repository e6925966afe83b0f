/*
 * change_log.h
 *		The record of changes, the table cell_change: which transactions changed
 *		the cells of a sample.
 *
 * Each transaction that changes a sample records its id in cell_change, in the
 * same transaction as the change.  Each stored payload keeps the snapshot that
 * it was packed with.  A payload is up to date for a reader if every recorded
 * change that the reader's snapshot sees is also seen by the payload's
 * snapshot.
 *
 * This test is correct whatever commits in between, because it compares two
 * snapshots and not two times.  It needs no lock: a writer waits neither for
 * another writer nor for a session that packs.
 *
 * Changes that fire no row trigger are not in this record; source_state.h
 * finds them.
 */
#ifndef CELL_BINARY_CHANGE_LOG_H
#define CELL_BINARY_CHANGE_LOG_H

#include "compat.h"

#include "access/transam.h"
#include "utils/snapshot.h"

/*
 * The hash that stands for every sample of a study: a change of all samples, or
 * the payload of the study.
 */
#define EVERY_SAMPLE INT64CONST(0)

/* The snapshot that a payload was packed with. */
typedef struct PackedAt
{
	Datum		snapshot;		/* a pg_snapshot */
	FullTransactionId packed_by;	/* the transaction that packed it: the
									 * snapshot seems to see even its later
									 * changes */
} PackedAt;

/*
 * The active snapshot, for a payload that the caller packs with it.  Assigns
 * an id to the transaction.
 */
extern PackedAt PackedNow(void);

/*
 * Whether a payload's snapshot sees no transaction that the given snapshot
 * does not see.
 */
extern bool IsNoLater(PackedAt packed, Snapshot snapshot);

/* Record that the current transaction changes a sample, or EVERY_SAMPLE. */
extern void RecordChange(Oid schema, int32 study, int64 sample_hash);

/*
 * Whether a payload has all changes of its sample, and of EVERY_SAMPLE, that a
 * snapshot sees.  The payload of EVERY_SAMPLE must have the changes of each
 * sample.  Errors: 55000 if cell_change is not logged.
 */
extern bool HasAllChanges(Oid schema, int32 study, int64 sample_hash,
						  Snapshot snapshot, PackedAt packed);

#endif							/* CELL_BINARY_CHANGE_LOG_H */
