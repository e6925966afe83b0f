/*
 * change_log.h
 *		The record of changes: which transactions changed the cells of a sample.
 *
 * Each transaction that changes a sample leaves its id in the table
 * cell_change, by which a snapshot can tell whether a payload is what it would
 * pack itself: it is, unless a change that the snapshot sees was not seen by
 * the payload's.  That holds whatever commits in between, and needs no lock:
 * writers wait neither for each other nor for those who pack.
 */
#ifndef CELL_BINARY_CHANGE_LOG_H
#define CELL_BINARY_CHANGE_LOG_H

#include "compat.h"

#include "access/transam.h"
#include "utils/snapshot.h"

/* Stands for every sample of a study. */
#define EVERY_SAMPLE INT64CONST(0)

/* From when a payload is. */
typedef struct PackedAt
{
	Datum		snapshot;		/* a pg_snapshot */
	FullTransactionId packed_by;	/* who took it, whose own later changes it
									 * would seem to have seen */
} PackedAt;

/* What the active snapshot is, for a payload that is packed from it. */
extern PackedAt PackedNow(void);

/*
 * Whether a payload from then has no changes, of whatever sample, that a
 * snapshot does not see.
 */
extern bool IsNoLater(PackedAt packed, Snapshot snapshot);

/* Note that the current transaction changes a sample. */
extern void RecordChange(Oid schema, int32 study, int64 sample_hash);

/*
 * Whether a payload from then has all changes of its sample that a snapshot
 * sees.
 */
extern bool HasAllChanges(Oid schema, int32 study, int64 sample_hash,
						  Snapshot snapshot, PackedAt packed);

#endif							/* CELL_BINARY_CHANGE_LOG_H */
