/*
 * radix_sort.h
 *		Sorting records by a 32-bit key, nearly in place.
 */
#ifndef CELL_BINARY_RADIX_SORT_H
#define CELL_BINARY_RADIX_SORT_H

#include "compat.h"

/* The width of the widest records: the key, 64 channels, and the phenotypes. */
#define RADIX_SORT_MAX_WIDTH 76

/*
 * Sort records in ascending order of the uint32, in machine byte order, that
 * each record starts with.  width is the bytes of a record, at least 4; widths
 * 20 and 28 are fastest.  Keys must not differ in bits above the highest set
 * bit of differing_bits.  The sort is not stable, takes less than a megabyte
 * of memory besides the records, and can be interrupted.
 */
extern void RadixSort(char *records, uint64 count, uint32 width, uint32 differing_bits);

/*
 * The same, but hands the sorted records to a function, which is called several
 * times, in ascending order.  The function may overwrite records from the first
 * one up to as many as it has got.  What it leaves of them is undefined.
 */
typedef void (*SortedRecords) (void *argument, const char *sorted, uint64 count);
extern void RadixSortTo(char *records, uint64 count, uint32 width, uint32 differing_bits,
						SortedRecords function, void *argument);

#endif							/* CELL_BINARY_RADIX_SORT_H */
