/*
 * dense_header.h
 *		The header of layout dense, and computations that its writer and its
 *		reader share.  docs/format.md specifies the layout.
 */
#ifndef CB_DENSE_HEADER_H
#define CB_DENSE_HEADER_H

#include "format/bitplanes.h"
#include "format/layout.h"

enum
{
	DENSE_HEADER = 40,			/* without the parents */
	DENSE_VERSION = 1,
	DENSE_MAX_CELLS = (1 << 26) - 1,	/* the most that compact holds in 1 GB */
	DENSE_DIFFERENCES = 0x80,	/* flag in the byte of an axis' number of
								 * planes */
	DENSE_NO_PARENT = 255,
	DENSE_SAMPLE_FIRST = 64,	/* the sample has the first 64 batches and, */
	DENSE_SAMPLE_EVERY = 16		/* after them, every 16th batch */
};

/* Offsets in the header. */
enum
{
	AT_CELLS = 4,
	AT_FIRST_ID = 8,
	AT_BASES = 12,				/* of x, of y */
	AT_GAP_PLANES = 20,
	AT_AXES = 21,				/* planes of x, of y */
	AT_RESERVED = 23,
	AT_BASE_MASK = 24,
	AT_FEATURES = 32
};

/* The first bytes of a payload: "CBD" and the version. */
static const uint8_t cb_dense_magic[AT_CELLS] = {'C', 'B', 'D', DENSE_VERSION};

/* Return the number of bits that a value needs. */
static inline int
cb_dense_bit_length(uint32_t value)
{
	return value == 0 ? 0 : 32 - __builtin_clz(value);
}

/* Map 0, -1, 1, -2, ... to 0, 1, 2, 3, ... */
static inline uint32_t
cb_dense_zigzag(uint32_t difference)
{
	return difference << 1 ^ (0 - (difference >> 31));
}

static inline uint32_t
cb_dense_unzigzag(uint32_t code)
{
	return code >> 1 ^ (0 - (code & 1));
}

static inline bool
cb_dense_has(uint64_t mask, int bit)
{
	return (mask >> bit & 1) != 0;
}

/* Return the number of bits up to the last feature of a mask. */
static inline int
cb_dense_mask_bits(uint64_t mask)
{
	return mask == 0 ? 0 : 64 - __builtin_clzll(mask);
}

static inline int
cb_dense_feature_count(const CbDenseColumns *columns)
{
	return __builtin_popcountll(columns->features);
}

/* Return the number of planes before those of the features. */
static inline int
cb_dense_number_planes(const CbDenseColumns *columns)
{
	return columns->gap_planes + columns->axes[0].planes + columns->axes[1].planes;
}

/* Return the bytes of a payload with these columns. */
static inline uint64_t
cb_dense_payload_size(const CbDenseColumns *columns, uint64_t cells)
{
	uint64_t	features = (uint64_t) cb_dense_feature_count(columns);

	return DENSE_HEADER + features +
		(features + (uint64_t) cb_dense_number_planes(columns)) * cb_plane_size(cells);
}

/* The writer's functions, for the CbLayout in dense_read.c. */
extern void cb_dense_measure(CbWriter *writer, const CbBatch *batch);
extern uint64_t cb_dense_measured_size(CbWriter *writer);
extern void cb_dense_encode_header(CbWriter *writer);
extern bool cb_dense_encode(CbWriter *writer, const CbBatch *batch);

#endif							/* CB_DENSE_HEADER_H */
