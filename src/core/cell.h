/*
 * cell.h
 *		Cells on their way into or out of a payload, and the smallest box
 *		around many.
 *
 * src/core is plain C: it knows buffers and return codes, no PostgreSQL.
 */
#ifndef CB_CELL_H
#define CB_CELL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Few enough that a batch stays in the processor's nearest cache. */
#define CB_BATCH 1024

/*
 * Segmented cells as encoders take them and decoders give them, in columns.
 *
 * Coordinates are pixels.  They are doubles because layout spt shifts
 * centroids before it truncates them; every int32 and uint32 is exact.
 * Bit k of phenotypes is set when the cell is positive for feature k.
 */
typedef struct CbBatch
{
	size_t		count;			/* CB_BATCH, but for the last batch */
	uint32_t	cell_id[CB_BATCH];
	double		x[CB_BATCH];
	double		y[CB_BATCH];
	uint64_t	phenotypes[CB_BATCH];
} CbBatch;

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

/* Widen an extent to take in the cells of a batch. */
static inline void
cb_extent_add(CbExtent *extent, const CbBatch *batch)
{
	CbExtent	wide = *extent;

	for (size_t i = 0; i < batch->count; i++)
	{
		wide.min_x = batch->x[i] < wide.min_x ? batch->x[i] : wide.min_x;
		wide.max_x = batch->x[i] > wide.max_x ? batch->x[i] : wide.max_x;
		wide.min_y = batch->y[i] < wide.min_y ? batch->y[i] : wide.min_y;
		wide.max_y = batch->y[i] > wide.max_y ? batch->y[i] : wide.max_y;
	}
	*extent = wide;
}

#endif							/* CB_CELL_H */
