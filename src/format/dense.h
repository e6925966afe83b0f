/*
 * dense.h
 *		The state that the writer and the reader of layout dense keep from
 *		batch to batch.
 */
#ifndef CB_DENSE_H
#define CB_DENSE_H

#include <stdbool.h>
#include <stdint.h>

#include "format/cell.h"

/* How a coordinate is stored, and the value of the previous cell. */
typedef struct CbDenseAxis
{
	bool		differences;
	int			planes;
	uint32_t	base;
	uint32_t	last;
} CbDenseAxis;

/* How all columns are stored, as recorded in the header. */
typedef struct CbDenseColumns
{
	uint32_t	first_id;
	int			gap_planes;
	CbDenseAxis axes[2];		/* x, y */
	uint64_t	base_mask;
	uint64_t	features;		/* features that have a plane */
	uint8_t		parents[CB_FEATURES];	/* of each feature's plane */
} CbDenseColumns;

/* What the size pass learns about an axis. */
typedef struct CbDenseRange
{
	int32_t		first;
	int32_t		last;
	int32_t		min;
	int32_t		max;
	uint32_t	differences;	/* OR of all differences, in zigzag form */
	uint64_t	difference_bits;	/* sum of their bit lengths */
} CbDenseRange;

typedef struct CbDenseWriter
{
	CbDenseColumns columns;
	uint32_t	gaps;			/* OR of the gaps between ids */
	CbDenseRange ranges[2];
	uint64_t	any;			/* OR of the phenotypes */
	uint64_t	all;			/* AND of the phenotypes */
	uint64_t	sampled;		/* number of cells in the sample of batches */
	uint32_t	common[CB_FEATURES][CB_FEATURES]; /* at [k][j], j <= k: sampled
												   * cells that have both
												   * features */
} CbDenseWriter;

typedef struct CbDenseReader
{
	CbDenseColumns columns;

	/* of the cells read so far, to compare with the header at the end */
	uint32_t	gaps;
	uint32_t	codes[2];		/* OR of the stored values of an axis */
	uint32_t	lowest[2];
	uint64_t	any;
	uint64_t	all;
} CbDenseReader;

#endif							/* CB_DENSE_H */
