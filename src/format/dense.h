/*
 * dense.h
 *		What the writer and the reader of layout dense keep from batch to
 *		batch.
 */
#ifndef CB_DENSE_H
#define CB_DENSE_H

#include <stdbool.h>
#include <stdint.h>

#include "format/cell.h"

/* How a coordinate is stored, and what of it was written last. */
typedef struct CbDenseAxis
{
	bool		differences;
	int			planes;
	uint32_t	base;
	uint32_t	last;
} CbDenseAxis;

/* How all columns are stored, as the header tells it. */
typedef struct CbDenseColumns
{
	uint32_t	first_id;
	int			gap_planes;
	CbDenseAxis axes[2];		/* x, y */
	uint64_t	base_mask;
	uint64_t	features;		/* that have a plane */
	uint8_t		parents[CB_FEATURES];	/* of a feature's plane */
} CbDenseColumns;

/* What the size pass learns about an axis. */
typedef struct CbDenseRange
{
	int32_t		first;
	int32_t		last;
	int32_t		min;
	int32_t		max;
	uint32_t	differences;	/* OR of them, as they would be stored */
	uint64_t	difference_bits;	/* sum of their lengths */
} CbDenseRange;

typedef struct CbDenseWriter
{
	CbDenseColumns columns;
	uint32_t	gaps;			/* OR of the gaps between ids */
	CbDenseRange ranges[2];
	uint64_t	any;			/* OR of the masks */
	uint64_t	all;			/* AND of the masks */
	uint64_t	sampled;		/* cells whose features were counted */
	uint32_t	common[CB_FEATURES][CB_FEATURES]; /* of these, with features j <= k, at [k][j] */
} CbDenseWriter;

typedef struct CbDenseReader
{
	CbDenseColumns columns;

	/* of the cells read, to compare with the header at the end */
	uint32_t	gaps;
	uint32_t	codes[2];		/* OR of what is stored for an axis */
	uint32_t	lowest[2];
	uint64_t	any;
	uint64_t	all;
} CbDenseReader;

#endif							/* CB_DENSE_H */
