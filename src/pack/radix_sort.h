/*
 * radix_sort.h
 *		Sorting records by a 32-bit key, nearly in place.
 */
#ifndef CELL_BINARY_RADIX_SORT_H
#define CELL_BINARY_RADIX_SORT_H

#include "compat.h"

/* The widest records, of 64 channels and their key. */
#define RADIX_SORT_MAX_WIDTH 68

/*
 * Sort records of width bytes, at least 4, ascending by the uint32 in machine
 * order that each starts with; fastest are those of 20 and 28.  Keys must not
 * differ in higher bits than the highest of differing_bits.  Not stable; beside
 * the records it takes less than a megabyte of memory; can be interrupted.
 */
extern void RadixSort(char *records, uint64 count, uint32 width, uint32 differing_bits);

#endif							/* CELL_BINARY_RADIX_SORT_H */
