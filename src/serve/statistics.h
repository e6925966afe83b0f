/*
 * statistics.h
 *		The statistics of the store: the table cell_store_count, with counters for
 *		each study.
 */
#ifndef CELL_BINARY_STATISTICS_H
#define CELL_BINARY_STATISTICS_H

#include "compat.h"

/* The counters of a study, or what to add to them. */
typedef struct StoreStatistics
{
	int64		hits;			/* a payload was ready */
	int64		misses;			/* a payload was not ready; it was packed or
								 * encoded */
	int64		waits;			/* a call waited for another session to build one */
	int64		direct;			/* a payload was packed for one call, without the
								 * store */
	int64		packings;		/* samples packed, for whatever reason */
	int64		packing_us;		/* microseconds spent in packing */
	int64		served_bytes;
	int64		evictions;		/* payloads deleted to make room */
} StoreStatistics;

/*
 * Add to the counters of a study.  Like the counter of a sequence, they belong
 * to no transaction: rolling back does not undo an addition.
 */
extern void AddStatistics(Oid schema, int32 study, StoreStatistics counts);

#endif							/* CELL_BINARY_STATISTICS_H */
