/*
 * count.h
 *		Counting phenotypes that are at equal distances in memory.
 */
#ifndef CB_COUNT_H
#define CB_COUNT_H

#include "format/byteorder.h"

/*
 * Among count little-endian 64-bit masks, each stride bytes after the previous
 * one, count those that equal all_of in the tested bits.  Inline this where
 * the stride is a constant.  There are four sums, so that an addition does not
 * wait for the previous one and the loop is limited by memory alone.
 */
static inline __attribute__((always_inline)) uint64_t
cb_count_masks(const uint8_t *masks, size_t stride, uint64_t count,
			   uint64_t tested, uint64_t all_of)
{
	uint64_t	found[4] = {0};
	uint64_t	i = 0;

	for (; i + 4 <= count; i += 4)
		for (int j = 0; j < 4; j++)
			found[j] += (cb_get_le64(masks + (i + j) * stride) & tested) == all_of;
	for (; i < count; i++)
		found[0] += (cb_get_le64(masks + i * stride) & tested) == all_of;
	return found[0] + found[1] + found[2] + found[3];
}

#endif							/* CB_COUNT_H */
