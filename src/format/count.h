/*
 * count.h
 *		Counting masks that stand at equal distances.
 */
#ifndef CB_COUNT_H
#define CB_COUNT_H

#include "format/byteorder.h"

/*
 * Of count little-endian masks, each stride bytes after the one before, those
 * that equal all_of in the bits that are tested.  To be inlined where the
 * stride is a constant.  Four sums, so that one addition need not wait for
 * another: memory is then what it waits for.
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
