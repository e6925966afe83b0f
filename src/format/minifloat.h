/*
 * minifloat.h
 *		Numbers from 0 to 1 in one byte, in SMProfiler's format.
 *
 * A code has 3 bits of exponent E, then 5 bits of fraction F.  Its number is
 *
 *	S * ((F / 32 + 1) * 2^E - 1)
 *
 * S = 1/251 makes the largest number 1.  A code is therefore the upper bits of
 * 1 + x/S as a double, without the bits that all numbers from 1 to 256 have in
 * common.  Codes are in the order of their numbers.
 */
#ifndef CB_MINIFLOAT_H
#define CB_MINIFLOAT_H

#include <stdint.h>
#include <string.h>

/*
 * A variable rather than a literal, as the steps below are variables: a
 * processor that computes with more bits than a double has must round each
 * step to a double, to give the same results as other processors.
 */
static const double cb_minifloat_scale = 1.0 / 251.0;

/* Bits of a double's fraction after the 5 bits that are kept. */
#define CB_MINIFLOAT_SHIFT (52 - 5)

/* The bits of 1.0 from there on. */
#define CB_MINIFLOAT_ONE (UINT64_C(1023) << 5)

/* The largest double below 256, which has the largest code. */
#define CB_MINIFLOAT_TOP 0x1.fffffffffffffp7

/* Return 1 + x/S, of which a code is the upper bits. */
static inline double
cb_minifloat_shift(double value)
{
	const double steps = value / cb_minifloat_scale;
	const double shifted = 1.0 + steps;

	return shifted;
}

/*
 * Return the code of the largest number that is not above a value; 0 for
 * values below 0, and 255 for values above 1.  The value must not be NaN.
 */
static inline uint8_t
cb_minifloat_encode(double value)
{
	const double shifted = cb_minifloat_shift(value);
	uint64_t	bits;

	if (!(shifted >= 1.0))
		return 0;
	if (shifted >= 256.0)
		return 255;
	memcpy(&bits, &shifted, sizeof(bits));
	return (uint8_t) ((bits >> CB_MINIFLOAT_SHIFT) - CB_MINIFLOAT_ONE);
}

/* Return the number of a code. */
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
