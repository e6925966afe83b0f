/*
 * cell.h
 *		One cell, and the smallest box around many.
 *
 * src/core is plain C: it knows buffers and return codes, no PostgreSQL.
 */
#ifndef CB_CELL_H
#define CB_CELL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A segmented cell as encoders take it and decoders give it.
 *
 * Coordinates are pixels.  They are doubles because layout spt shifts
 * centroids before it truncates them; every int32 and uint32 is exact.
 * Bit k of phenotypes is set when the cell is positive for feature k.
 */
typedef struct CbCell
{
	double		x;
	double		y;
	uint64_t	phenotypes;
	uint32_t	cell_id;
} CbCell;

/* The box around cells; meaningless while it has seen none. */
typedef struct CbExtent
{
	double		min_x;
	double		max_x;
	double		min_y;
	double		max_y;
} CbExtent;

/* Start an extent, so that the first cell added sets all four sides. */
static inline CbExtent
cb_extent_of_nothing(void)
{
	return (CbExtent) {INFINITY, -INFINITY, INFINITY, -INFINITY};
}

/* Widen an extent to take in a cell. */
static inline void
cb_extent_add(CbExtent *extent, const CbCell *cell)
{
	if (cell->x < extent->min_x)
		extent->min_x = cell->x;
	if (cell->x > extent->max_x)
		extent->max_x = cell->x;
	if (cell->y < extent->min_y)
		extent->min_y = cell->y;
	if (cell->y > extent->max_y)
		extent->max_y = cell->y;
}

#endif							/* CB_CELL_H */
