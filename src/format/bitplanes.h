/*
 * bitplanes.h
 *		Bit planes of a batch of numbers: plane k holds bit k of all numbers,
 *		64 to a word.  Bit i of a plane belongs to cell i.
 */
#ifndef CB_BITPLANES_H
#define CB_BITPLANES_H

#include <stdbool.h>

#include "format/byteorder.h"
#include "format/cell.h"

#define CB_BATCH_WORDS (CB_BATCH / 64)

/* The planes of 64-bit numbers. */
typedef uint64_t CbPlanes[64][CB_BATCH_WORDS];

/*
 * In each square of 2*width rows and columns on the diagonal, swap the two
 * quarters off the diagonal.  low has the bits of the lower quarters.
 */
static inline __attribute__((always_inline)) void
cb_swap_quarters(uint64_t *rows, int count, int width, uint64_t low)
{
	for (int square = 0; square < count; square += 2 * width)
		for (int row = square; row < square + width; row++)
		{
			uint64_t	change = (rows[row] >> width ^ rows[row + width]) & low;

			rows[row] ^= change << width;
			rows[row + width] ^= change;
		}
}

/*
 * Transpose a square of 64 x 64 bits, or with 32 rows, two squares of 32 x 32
 * bits side by side: bit c of row r becomes bit r of row c.  The method swaps
 * quarters of ever smaller squares (Warren, Hacker's Delight, 7-3).
 */
static inline __attribute__((always_inline)) void
cb_transpose(uint64_t *rows, const int count)
{
	if (count == 64)
		cb_swap_quarters(rows, count, 32, 0x00000000ffffffff);
	cb_swap_quarters(rows, count, 16, 0x0000ffff0000ffff);
	cb_swap_quarters(rows, count, 8, 0x00ff00ff00ff00ff);
	cb_swap_quarters(rows, count, 4, 0x0f0f0f0f0f0f0f0f);
	cb_swap_quarters(rows, count, 2, 0x3333333333333333);
	cb_swap_quarters(rows, count, 1, 0x5555555555555555);
}

/*
 * Return the planes that the two functions below compute or read, for numbers
 * that have no bit at or above this one.  32 planes take less than half the
 * time of 64.
 */
static inline int
cb_planes_for(int bits)
{
	return bits <= 32 ? 32 : 64;
}

/*
 * Compute the first cb_planes_for(bits) planes of count numbers.  Bits after
 * the last number are zero.
 */
static inline void
cb_planes_of(const uint64_t *numbers, size_t count, int bits, CbPlanes planes)
{
	const bool	narrow = cb_planes_for(bits) == 32;

	for (size_t word = 0; word < CB_BATCH_WORDS; word++)
	{
		uint64_t	last[64] = {0};
		uint64_t	rows[64];
		const uint64_t *from = numbers + word * 64;

		if (count < word * 64 + 64)
		{
			if (count > word * 64)
				memcpy(last, from, (count - word * 64) * sizeof(*last));
			from = last;
		}
		if (narrow)
		{
			for (int row = 0; row < 32; row++)
				rows[row] = from[row] | from[row + 32] << 32;
			cb_transpose(rows, 32);
			for (int bit = 0; bit < 32; bit++)
				planes[bit][word] = rows[bit];
		}
		else
		{
			memcpy(rows, from, sizeof(rows));
			cb_transpose(rows, 64);
			for (int bit = 0; bit < 64; bit++)
				planes[bit][word] = rows[bit];
		}
	}
}

/*
 * Compute the numbers from their first cb_planes_for(bits) planes.  numbers
 * has room for CB_BATCH numbers.
 */
static inline void
cb_numbers_of(CbPlanes planes, size_t count, int bits, uint64_t *numbers)
{
	const bool	narrow = cb_planes_for(bits) == 32;

	for (size_t word = 0; word * 64 < count; word++)
	{
		uint64_t   *to = numbers + word * 64;
		uint64_t	rows[32];

		if (narrow)
		{
			for (int bit = 0; bit < 32; bit++)
				rows[bit] = planes[bit][word];
			cb_transpose(rows, 32);
			for (int row = 0; row < 32; row++)
			{
				to[row] = (uint32_t) rows[row];
				to[row + 32] = rows[row] >> 32;
			}
		}
		else
		{
			for (int bit = 0; bit < 64; bit++)
				to[bit] = planes[bit][word];
			cb_transpose(to, 64);
		}
	}
}

/* Return the bytes of a plane of this number of cells. */
static inline uint64_t
cb_plane_size(uint64_t cells)
{
	return (cells + 7) / 8;
}

/* Store a batch's part of a plane: the bits of count cells. */
static inline void
cb_put_plane(uint8_t *to, const uint64_t *plane, size_t count)
{
	size_t		word = 0;

	for (; word < count / 64; word++)
		cb_put_le64(to + 8 * word, plane[word]);
	for (size_t byte = 8 * word; byte < cb_plane_size(count); byte++)
		to[byte] = (uint8_t) (plane[word] >> (8 * (byte - 8 * word)));
}

/*
 * Load a batch's part of a plane.  Returns false if bits are set after the
 * last cell.
 */
static inline bool
cb_get_plane(const uint8_t *from, uint64_t *plane, size_t count)
{
	if (count == CB_BATCH)
	{
		for (size_t word = 0; word < CB_BATCH_WORDS; word++)
			plane[word] = cb_get_le64(from + 8 * word);
		return true;
	}
	memset(plane, 0, CB_BATCH_WORDS * sizeof(*plane));
	for (size_t byte = 0; byte < cb_plane_size(count); byte++)
		plane[byte / 8] |= (uint64_t) from[byte] << (8 * (byte % 8));
	return count % 64 == 0 || plane[count / 64] >> count % 64 == 0;
}

/*
 * Count the cells that are in both planes.  The sums are in fields of 2, 4, 8
 * and finally 16 bits, because not every processor has the popcnt instruction.
 */
static inline uint32_t
cb_count_common(const uint64_t *a, const uint64_t *b)
{
	const uint64_t ones = 0x5555555555555555;
	const uint64_t twos = 0x3333333333333333;
	const uint64_t fours = 0x0f0f0f0f0f0f0f0f;
	const uint64_t eights = 0x00ff00ff00ff00ff;
	uint64_t	sum = 0;

	for (int i = 0; i < CB_BATCH_WORDS; i++)
	{
		uint64_t	both = a[i] & b[i];

		both -= both >> 1 & ones;
		both = (both & twos) + (both >> 2 & twos);
		sum += (both + (both >> 4)) & fours;
	}
	sum = (sum & eights) + (sum >> 8 & eights);
	return (uint32_t) (sum * 0x0001000100010001 >> 48);
}

#endif							/* CB_BITPLANES_H */
