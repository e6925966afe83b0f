/*
 * minifloat.h
 *		Numbers from 0 to 1 in one byte, as SPT has them: 3 bits of exponent E,
 *		then 5 bits of fraction F, for S * ((F / 32 + 1) * 2^E - 1).
 *
 * S = 1/251 makes the largest one 1.  So a code is the upper bits of 1 + x/S
 * as a double, without those that all numbers from 1 to 256 have in common:
 * codes are in the order of their numbers.
 */
#ifndef CB_MINIFLOAT_H
#define CB_MINIFLOAT_H

#include <stdint.h>
#include <string.h>

/*
 * A variable, as the steps below are: where a processor computes with more bits
 * than a double has, it must round each one as others do.
 */
static const double cb_minifloat_scale = 1.0 / 251.0;

/* Bits of a double's fraction behind the 5 that are kept. */
#define CB_MINIFLOAT_SHIFT (52 - 5)

/* The bits of 1.0 from there on. */
#define CB_MINIFLOAT_ONE (UINT64_C(1023) << 5)

/*
 * The code of the largest number that is not above a value; 0 below 0 and 255
 * above 1.  NaN has none, and must not be given.
 */
static inline uint8_t
cb_minifloat_encode(double value)
{
	const double steps = value / cb_minifloat_scale;
	const double shifted = 1.0 + steps;
	uint64_t	bits;

	if (!(shifted >= 1.0))
		return 0;
	if (shifted >= 256.0)
		return 255;
	memcpy(&bits, &shifted, sizeof(bits));
	return (uint8_t) ((bits >> CB_MINIFLOAT_SHIFT) - CB_MINIFLOAT_ONE);
}

/* The number of a code. */
static inline double
cb_minifloat_decode(uint8_t code)
{
	uint64_t	bits = (CB_MINIFLOAT_ONE + code) << CB_MINIFLOAT_SHIFT;
	double		shifted;
	double		number;

	memcpy(&shifted, &bits, sizeof(shifted));
	number = (shifted - 1.0) * cb_minifloat_scale;
	return number;
}

#endif							/* CB_MINIFLOAT_H */
