/*
 * sampling.c
 *		Choosing a subsample of a study's cells.  Reading the cells is in
 *		subsample_read.c.
 */
#include "smprofiler/sampling.h"

#include <math.h>

#include "format/minifloat.h"

void
cb_subsample_sizes(const uint64_t *cells, uint64_t *sizes, size_t samples, uint64_t wanted)
{
	uint64_t	total = 0;
	uint64_t	taken = 0;
	double		share;

	for (size_t i = 0; i < samples; i++)
		total += cells[i];
	share = total > wanted ? (double) wanted / (double) total : 1;
	for (size_t i = 0; i < samples; i++)
	{
		sizes[i] = (uint64_t) ((double) cells[i] * share);
		taken += sizes[i];
	}

	/* Take the remaining cells from the samples in turn. */
	if (total < wanted)
		wanted = total;
	for (size_t i = 0; taken < wanted; i = (i + 1) % samples)
		if (sizes[i] < cells[i])
		{
			sizes[i]++;
			taken++;
		}
}

uint64_t
cb_candidate_limit(uint64_t cells, uint64_t total, uint64_t wanted, double deviations)
{
	double		size = total > wanted ? (double) cells * ((double) wanted / (double) total) :
		(double) cells;
	double		share;

	/* A sample can get a cell more than its share.  20 is for samples of few cells. */
	share = (size + 1 + deviations * (sqrt(size) + 20.0 / 6)) / (double) cells;
	return share < 1 ? (uint64_t) (share * 0x1p64) : UINT64_MAX;
}

/*
 * From the highest byte on, count the values of the byte, and keep the keys that
 * have the value of the key that is sought.
 */
uint64_t
cb_kth_smallest(uint64_t *keys, size_t count, size_t k)
{
	for (int shift = 56; shift >= 0 && count > 1; shift -= 8)
	{
		size_t		counts[256] = {0};
		size_t		kept = 0;
		unsigned	value = 0;

		for (size_t i = 0; i < count; i++)
			counts[keys[i] >> shift & 255]++;
		while (k > counts[value])
			k -= counts[value++];
		for (size_t i = 0; i < count; i++)
			if ((keys[i] >> shift & 255) == value)
				keys[kept++] = keys[i];
		count = kept;
	}
	return keys[0];
}

uint8_t
cb_channel_threshold(const CbChannel *channel)
{
	uint8_t		code;

	if (channel->has_negative && channel->has_positive)
		code = cb_minifloat_encode((cb_minifloat_decode(channel->max_negative) +
									cb_minifloat_decode(channel->min_positive)) / 2);
	else
		code = channel->has_positive ? channel->min_positive : channel->max_negative;
	return code > 0 ? code : 1;
}
