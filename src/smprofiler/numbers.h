/*
 * numbers.h
 *		The intensities of a cell as numbers in memory, real or double precision:
 *		whether one is NaN, their codes, and their extremes among many cells.
 *
 * A function works on four numbers at a time, in loops from which compilers
 * make vector instructions.  Numbers that do not fill the last four are worked
 * on together with the numbers before them, once more.  The numbers need not be
 * aligned.
 */
#ifndef CB_NUMBERS_H
#define CB_NUMBERS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "smprofiler/minifloat.h"
#include "smprofiler/sampling.h"

#define CB_LANES 4

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

/*
 * Define the functions for a type of numbers; word is an integer of its size,
 * and to_sign is what carries the magnitude of a NaN, and of no other number,
 * into the sign bit.
 */
#define CB_DEFINE_NUMBERS(type, word, to_sign) \
\
static inline void \
cb_##type##_seek_nan(const char *numbers, word *nan) \
{ \
	word		bits[CB_LANES]; \
\
	memcpy(bits, numbers, sizeof(bits)); \
	for (int j = 0; j < CB_LANES; j++) \
		nan[j] |= (bits[j] & ((word) -1 >> 1)) + to_sign; \
} \
\
static inline void \
cb_##type##_encode(const char *numbers, uint8_t *codes) \
{ \
	type		number[CB_LANES]; \
	double		shifted[CB_LANES]; \
	uint64_t	bits[CB_LANES]; \
\
	memcpy(number, numbers, sizeof(number)); \
	for (int j = 0; j < CB_LANES; j++) \
		shifted[j] = number[j]; \
	for (int j = 0; j < CB_LANES; j++) \
		shifted[j] = cb_minifloat_shift(shifted[j]); \
	for (int j = 0; j < CB_LANES; j++) \
		shifted[j] = shifted[j] > 1.0 ? shifted[j] : 1.0; \
	for (int j = 0; j < CB_LANES; j++) \
		shifted[j] = shifted[j] < CB_MINIFLOAT_TOP ? shifted[j] : CB_MINIFLOAT_TOP; \
	memcpy(bits, shifted, sizeof(bits)); \
	for (int j = 0; j < CB_LANES; j++) \
		codes[j] = (uint8_t) ((bits[j] >> CB_MINIFLOAT_SHIFT) - CB_MINIFLOAT_ONE); \
} \
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
/* Return whether one of some numbers is NaN. */ \
static inline bool \
cb_##type##s_have_nan(const char *numbers, int count) \
{ \
	word		nan[CB_LANES] = {0}; \
\
	if (count < CB_LANES) \
	{ \
		type		padded[CB_LANES] = {0}; \
\
		memcpy(padded, numbers, count * sizeof(type)); \
		cb_##type##_seek_nan((const char *) padded, nan); \
	} \
	else \
	{ \
		for (int i = 0; i + CB_LANES <= count; i += CB_LANES) \
			cb_##type##_seek_nan(numbers + i * sizeof(type), nan); \
		cb_##type##_seek_nan(numbers + (count - CB_LANES) * sizeof(type), nan); \
	} \
	return (nan[0] | nan[1] | nan[2] | nan[3]) >> (sizeof(word) * 8 - 1); \
} \
\
/* Encode some numbers, none of which is NaN. */ \
static inline void \
cb_##type##s_encode(const char *numbers, int count, uint8_t *codes) \
{ \
	if (count < CB_LANES) \
	{ \
		type		padded[CB_LANES] = {0}; \
		uint8_t		padded_codes[CB_LANES]; \
\
		memcpy(padded, numbers, count * sizeof(type)); \
		cb_##type##_encode((const char *) padded, padded_codes); \
		memcpy(codes, padded_codes, count); \
		return; \
	} \
	for (int i = 0; i + CB_LANES <= count; i += CB_LANES) \
		cb_##type##_encode(numbers + i * sizeof(type), codes + i); \
	cb_##type##_encode(numbers + (count - CB_LANES) * sizeof(type), codes + count - CB_LANES); \
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

CB_DEFINE_NUMBERS(float, uint32_t, UINT32_C(0x7fffff))
CB_DEFINE_NUMBERS(double, uint64_t, UINT64_C(0xfffffffffffff))

#endif							/* CB_NUMBERS_H */
