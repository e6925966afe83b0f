/*
 * extremes.h
 *		The extremes of each channel among many cells, whose intensities are
 *		numbers in memory, real or double precision.  The functions work as those
 *		of intensity/numbers.h do.
 */
#ifndef CB_EXTREMES_H
#define CB_EXTREMES_H

#include "intensity/numbers.h"
#include "smprofiler/sampling.h"

/*
 * The extremes of each channel among some cells.  An array of numbers for each
 * of the two follows.
 */
typedef struct CbExtremes
{
	uint64_t	negative;		/* bit k: a cell is negative for channel k */
	uint64_t	positive;		/* bit k: a cell is positive for channel k */
} CbExtremes;

static inline int
cb_extremes_room(int channels)
{
	return channels > CB_LANES ? channels : CB_LANES;
}

/* The 16 choices of four lanes, as words whose bits are all set or all clear. */
#define CB_CHOICES(all) { \
	{0, 0, 0, 0}, {all, 0, 0, 0}, {0, all, 0, 0}, {all, all, 0, 0}, \
	{0, 0, all, 0}, {all, 0, all, 0}, {0, all, all, 0}, {all, all, all, 0}, \
	{0, 0, 0, all}, {all, 0, 0, all}, {0, all, 0, all}, {all, all, 0, all}, \
	{0, 0, all, all}, {all, 0, all, all}, {0, all, all, all}, {all, all, all, all}}

/* Define the functions for a type of numbers; word is an integer of its size. */
#define CB_DEFINE_EXTREMES(type, word) \
\
static inline void \
cb_##type##_extend(type *max_negative, type *min_positive, const char *numbers, \
				   unsigned positive) \
{ \
	static const word choices[16][CB_LANES] = CB_CHOICES(((word) -1)); \
	const word *chosen = choices[positive & 15]; \
	const type	infinity[2] = {-INFINITY, INFINITY}; \
	word		end[2]; \
	word		bits[CB_LANES]; \
	word		low_bits[CB_LANES]; \
	word		high_bits[CB_LANES]; \
	type		low[CB_LANES]; \
	type		high[CB_LANES]; \
\
	memcpy(end, infinity, sizeof(end)); \
	memcpy(bits, numbers, sizeof(bits)); \
	for (int j = 0; j < CB_LANES; j++) \
	{ \
		low_bits[j] = (bits[j] & ~chosen[j]) | (end[0] & chosen[j]); \
		high_bits[j] = (bits[j] & chosen[j]) | (end[1] & ~chosen[j]); \
	} \
	memcpy(low, low_bits, sizeof(low)); \
	memcpy(high, high_bits, sizeof(high)); \
	for (int j = 0; j < CB_LANES; j++) \
		max_negative[j] = low[j] > max_negative[j] ? low[j] : max_negative[j]; \
	for (int j = 0; j < CB_LANES; j++) \
		min_positive[j] = high[j] < min_positive[j] ? high[j] : min_positive[j]; \
} \
\
static inline size_t \
cb_##type##_extremes_size(int channels) \
{ \
	return sizeof(CbExtremes) + 2 * cb_extremes_room(channels) * sizeof(type); \
} \
\
/* Begin with no cells. */ \
static inline void \
cb_##type##_extremes_init(CbExtremes *extremes, int channels) \
{ \
	type	   *numbers = (type *) (extremes + 1); \
	int			room = cb_extremes_room(channels); \
\
	*extremes = (CbExtremes) {0, 0}; \
	for (int i = 0; i < room; i++) \
	{ \
		numbers[i] = -INFINITY; \
		numbers[room + i] = INFINITY; \
	} \
} \
\
/* Add a cell, which has no NaN. */ \
static inline void \
cb_##type##_extremes_add(CbExtremes *extremes, const char *numbers, int channels, \
						 uint64_t phenotypes) \
{ \
	type	   *max_negative = (type *) (extremes + 1); \
	type	   *min_positive = max_negative + cb_extremes_room(channels); \
	int			last = channels - CB_LANES; \
\
	extremes->negative |= ~phenotypes; \
	extremes->positive |= phenotypes; \
	if (last < 0) \
	{ \
		type		padded[CB_LANES] = {0}; \
\
		memcpy(padded, numbers, channels * sizeof(type)); \
		cb_##type##_extend(max_negative, min_positive, (const char *) padded, \
						   (unsigned) phenotypes); \
		return; \
	} \
	for (int i = 0; i <= last; i += CB_LANES) \
		cb_##type##_extend(max_negative + i, min_positive + i, numbers + i * sizeof(type), \
						   (unsigned) (phenotypes >> i)); \
	cb_##type##_extend(max_negative + last, min_positive + last, \
					   numbers + last * sizeof(type), (unsigned) (phenotypes >> last)); \
} \
\
/* Return the codes of a channel's extremes.  Codes are in the order of the numbers. */ \
static inline CbChannel \
cb_##type##_extremes_channel(const CbExtremes *extremes, int channels, int channel) \
{ \
	const type *max_negative = (const type *) (extremes + 1); \
	const type *min_positive = max_negative + cb_extremes_room(channels); \
\
	return (CbChannel) { \
		.has_negative = extremes->negative >> channel & 1, \
		.has_positive = extremes->positive >> channel & 1, \
		.max_negative = cb_minifloat_encode(max_negative[channel]), \
		.min_positive = cb_minifloat_encode(min_positive[channel]), \
	}; \
}

CB_DEFINE_EXTREMES(float, uint32_t)
CB_DEFINE_EXTREMES(double, uint64_t)

#endif							/* CB_EXTREMES_H */
