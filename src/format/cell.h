/*
 * cell.h
 *		The cells that encoders take and decoders return, and the extent of a
 *		set of cells.
 *
 * src/format is plain C: it uses buffers and return codes, and nothing of
 * PostgreSQL.
 */
#ifndef CB_CELL_H
#define CB_CELL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The most features of a study, which is the number of bits of the phenotypes
 * of a cell.
 */
#define CB_FEATURES 64

/* Small enough that a batch stays in the processor's first-level cache. */
#define CB_BATCH 1024

/*
 * A batch of segmented cells, in columns.
 *
 * Coordinates are pixels.  They are doubles because layout spt shifts
 * centroids before it truncates them; a double holds every int32 and uint32
 * exactly.  Bit k of phenotypes is set when the cell is positive for feature
 * k.
 */
typedef struct CbBatch
{
	size_t		count;			/* CB_BATCH, except in the last batch */
	uint32_t	cell_id[CB_BATCH];
	double		x[CB_BATCH];
	double		y[CB_BATCH];
	uint64_t	phenotypes[CB_BATCH];

	/*
	 * In layout intensity, instead of coordinates and phenotypes: the bytes of
	 * cell i start at intensities + i * intensities_stride.  They are not
	 * copied.
	 */
	const uint8_t *intensities;
	size_t		intensities_stride;
} CbBatch;

/* The bounding box of a set of cells. */
typedef struct CbExtent
{
	double		min_x;
	double		max_x;
	double		min_y;
	double		max_y;
} CbExtent;

/*
 * Return the extent of no cells.  The first cell added to it sets all four
 * sides, and uniting it with another extent yields the other one.
 */
static inline CbExtent
cb_extent_of_nothing(void)
{
	return (CbExtent) {INFINITY, -INFINITY, INFINITY, -INFINITY};
}

/* Widen an extent to include another one. */
static inline void
cb_extent_unite(CbExtent *extent, const CbExtent *other)
{
	extent->min_x = other->min_x < extent->min_x ? other->min_x : extent->min_x;
	extent->max_x = other->max_x > extent->max_x ? other->max_x : extent->max_x;
	extent->min_y = other->min_y < extent->min_y ? other->min_y : extent->min_y;
	extent->max_y = other->max_y > extent->max_y ? other->max_y : extent->max_y;
}

/* Widen an extent to include a cell. */
static inline void
cb_extent_add(CbExtent *extent, double x, double y)
{
	cb_extent_unite(extent, &(CbExtent) {x, x, y, y});
}

#endif							/* CB_CELL_H */
