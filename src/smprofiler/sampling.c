/*
 * sampling.c
 *		Choosing a subsample of a study's cells.  Reading the cells is in
 *		subsample_read.c.
 */
#include "smprofiler/sampling.h"

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

/* Mix the bits of a number.  Different numbers have different results. */
static uint64_t
mix(uint64_t number)
{
	number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
	return number ^ (number >> 31);
}

/*
 * Return number cell_id + 1 of the generator splitmix64, started at the mixed
 * seed.
 */
uint64_t
cb_subsample_key(uint64_t seed, uint32_t cell_id)
{
	return mix(mix(seed) + ((uint64_t) cell_id + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

void
cb_selection_init(CbSelection *selection, CbTaken *room, uint32_t size)
{
	*selection = (CbSelection) {.taken = room, .size = size};
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

/* Record a key that is not taken, or no longer taken. */
static void
leave(CbSelection *selection, uint64_t key)
{
	if (!selection->has_left || key < selection->least_left)
		selection->least_left = key;
	selection->has_left = true;
}

uint32_t
cb_select(CbSelection *selection, uint64_t key)
{
	CbTaken		largest;

	if (selection->count < selection->size)
	{
		uint32_t	place = selection->count++;

		selection->taken[place] = (CbTaken) {key, place};
		return place;
	}

	/* The selection is full for the first time, so the order matters now. */
	if (!selection->has_left)
		for (uint32_t i = selection->count / 2; i-- > 0;)
			sift_down(selection, i, selection->taken[i]);

	if (selection->size == 0 || key >= selection->taken[0].key)
	{
		leave(selection, key);
		return CB_LEFT;
	}
	largest = selection->taken[0];
	leave(selection, largest.key);
	sift_down(selection, 0, (CbTaken) {key, largest.place});
	return largest.place;
}

uint32_t
cb_selection_parted(const CbSelection *selection)
{
	if (selection->size > 0 && selection->has_left &&
		selection->least_left == selection->taken[0].key)
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
