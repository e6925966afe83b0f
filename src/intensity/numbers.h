/*
 * numbers.h
 *		The intensities of a cell as numbers in memory, real or double precision:
 *		whether one is NaN, and their codes.
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

#include "format/minifloat.h"

#define CB_LANES 4

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

CB_DEFINE_NUMBERS(float, uint32_t, UINT32_C(0x7fffff))
CB_DEFINE_NUMBERS(double, uint64_t, UINT64_C(0xfffffffffffff))

#endif							/* CB_NUMBERS_H */
