/*
 * cell_merge.h
 *		Merging two sets of cells.
 */
#ifndef CELL_BINARY_CELL_MERGE_H
#define CELL_BINARY_CELL_MERGE_H

#include "compat.h"

#include "pack/cell_set.h"

/* Add all cells of another set, which is not changed. */
extern void CellSetMerge(CellSet *set, const CellSet *other);

/* Raise 22023: the arrays of intensities of a payload have different lengths. */
pg_noreturn extern void RaiseMixedChannels(uint32 first, uint32 other);

#endif							/* CELL_BINARY_CELL_MERGE_H */
