/*
 * sampling.c
 *		Choosing a subsample of a study's cells.  Reading the cells is in
 *		subsample_read.c.
 */
#include "smprofiler/sampling.h"

#include <math.h>

#include "smprofiler/minifloat.h"

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

void
cb_selection_init(CbSelection *selection, CbTaken *room, uint32_t size)
{
	*selection = (CbSelection) {
		.taken = room,
		.size = size,
		.limit = size > 0 ? UINT64_MAX : 0,
		.least_left = UINT64_MAX,
	};
}

/*
 * Keys are as good as random, so the number of keys below the limit has a
 * standard deviation of less than the root of the number that is expected.
 */
void
cb_selection_expect(CbSelection *selection, uint64_t offers)
{
	double		size = selection->size;
	double		share = (size + 6 * sqrt(size) + 20) / (double) offers;

	if (share < 1 && selection->size > 0)
		selection->limit = (uint64_t) (share * 0x1p64);
}

/* Put an entry into a hole of the heap, or below it. */
static void
sift_down(CbSelection *selection, uint32_t hole, CbTaken entry)
{
	CbTaken    *taken = selection->taken;

	for (;;)
	{
		uint64_t	child = 2 * (uint64_t) hole + 1;

		if (child >= selection->count)
			break;
		if (child + 1 < selection->count && taken[child + 1].key > taken[child].key)
			child++;
		if (taken[child].key <= entry.key)
			break;
		taken[hole] = taken[child];
		hole = (uint32_t) child;
	}
	taken[hole] = entry;
}

/* Note a key that is not taken, or no longer taken. */
static void
leave(CbSelection *selection, uint64_t key)
{
	if (key < selection->least_left)
		selection->least_left = key;
}

uint32_t
cb_select_below(CbSelection *selection, uint64_t key)
{
	CbTaken		largest;

	if (selection->count < selection->size)
	{
		uint32_t	place = selection->count++;

		selection->taken[place] = (CbTaken) {key, place};
		return place;
	}

	/* The selection is full for the first time, so the order matters now. */
	if (!selection->is_heap)
		for (uint32_t i = selection->count / 2; i-- > 0;)
			sift_down(selection, i, selection->taken[i]);
	selection->is_heap = true;

	largest = selection->taken[0];
	if (key >= largest.key)
	{
		selection->limit = largest.key;
		leave(selection, key);
		return CB_LEFT;
	}
	leave(selection, largest.key);
	sift_down(selection, 0, (CbTaken) {key, largest.place});
	selection->limit = selection->taken[0].key;
	return largest.place;
}

uint32_t
cb_selection_parted(const CbSelection *selection)
{
	if (selection->is_heap && selection->least_left == selection->taken[0].key)
		return selection->taken[0].place;
	return CB_LEFT;
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
