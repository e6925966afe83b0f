/*
 * cell.h
 *		Cells on their way into or out of a payload, and the smallest box
 *		around many.
 *
 * src/format is plain C: it knows buffers and return codes, no PostgreSQL.
 */
#ifndef CB_CELL_H
#define CB_CELL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most features of a study: the bits of the phenotypes of a cell. */
#define CB_FEATURES 64

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

/* The box around cells. */
typedef struct CbExtent
{
	double		min_x;
	double		max_x;
	double		min_y;
	double		max_y;
} CbExtent;

/*
 * The box around no cells: the first one added sets all four sides.  United with
 * another extent it makes no difference.
 */
static inline CbExtent
cb_extent_of_nothing(void)
{
	return (CbExtent) {INFINITY, -INFINITY, INFINITY, -INFINITY};
}

/* Widen an extent to take in another one. */
static inline void
cb_extent_unite(CbExtent *extent, const CbExtent *other)
{
	extent->min_x = other->min_x < extent->min_x ? other->min_x : extent->min_x;
	extent->max_x = other->max_x > extent->max_x ? other->max_x : extent->max_x;
	extent->min_y = other->min_y < extent->min_y ? other->min_y : extent->min_y;
	extent->max_y = other->max_y > extent->max_y ? other->max_y : extent->max_y;
}

/* Widen an extent to take in a cell. */
static inline void
cb_extent_add(CbExtent *extent, double x, double y)
{
	cb_extent_unite(extent, &(CbExtent) {x, x, y, y});
}

#endif							/* CB_CELL_H */
