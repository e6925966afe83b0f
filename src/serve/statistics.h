/*
 * statistics.h
 *		Counters of the use of the store, by study: the table cell_store_count.
 */
#ifndef CELL_BINARY_STATISTICS_H
#define CELL_BINARY_STATISTICS_H

#include "compat.h"

/* What is to be added. */
typedef struct StoreStatistics
{
	int64		hits;			/* a payload was ready */
	int64		misses;			/* it was not, and was packed or encoded */
	int64		waits;			/* another session was making it */
	int64		direct;			/* it was packed for one call, past the store */
	int64		packings;		/* of cells, for whichever reason */
	int64		packing_us;		/* microseconds of these */
	int64		served_bytes;
	int64		evictions;
} StoreStatistics;

/*
 * Add to the counters of a study.  They belong to no transaction, as those of
 * a sequence: what was counted stays so if the transaction is rolled back.
 */
extern void AddStatistics(Oid schema, int32 study, StoreStatistics counts);

#endif							/* CELL_BINARY_STATISTICS_H */
