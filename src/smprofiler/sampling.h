/*
 * sampling.h
 *		A part of a study's cells: how many of each sample, which ones, and the
 *		thresholds of their channels.
 */
#ifndef CB_SAMPLING_H
#define CB_SAMPLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How many cells of each sample are taken if there are to be so many of all:
 * in proportion to the sizes, as SPT has it.
 */
extern void cb_subsample_sizes(const uint64_t *cells, uint64_t *sizes, size_t samples,
							   uint64_t wanted);

/*
 * What decides which cells are taken: those with the smallest keys.  Different
 * ids have different keys.
 */
extern uint64_t cb_subsample_key(uint64_t seed, uint32_t cell_id);

/* A key that was taken, and where what belongs to it is kept. */
typedef struct CbTaken
{
	uint64_t	key;
	uint32_t	place;
} CbTaken;

/* The smallest of the keys that were offered, as many as are wanted. */
typedef struct CbSelection
{
	CbTaken    *taken;			/* once it is full, a heap: the largest key
								 * is the first */
	uint32_t	size;			/* how many are wanted */
	uint32_t	count;			/* how many were taken */
	bool		has_left;		/* some were not taken */
	uint64_t	least_left;		/* the smallest of them */
} CbSelection;

/* What cb_select gives for a key that is not taken. */
#define CB_LEFT UINT32_MAX

/* Start a selection, in room for size keys. */
extern void cb_selection_init(CbSelection *selection, CbTaken *room, uint32_t size);

/*
 * Offer a key.  The place for what belongs to it, from 0 to size - 1, which may
 * have been that of a larger key until now; or CB_LEFT.
 */
extern uint32_t cb_select(CbSelection *selection, uint64_t key);

/*
 * The place of a key that was offered twice, but taken once only, as the
 * selection was full; CB_LEFT if there is none.
 */
extern uint32_t cb_selection_parted(const CbSelection *selection);

/* The codes of a channel in the cells of a sample. */
typedef struct CbChannel
{
	bool		has_negative;
	bool		has_positive;
	uint8_t		max_negative;
	uint8_t		min_positive;
} CbChannel;

/* Take a cell into account. */
static inline void
cb_channel_add(CbChannel *channel, uint8_t code, bool positive)
{
	if (positive)
	{
		if (!channel->has_positive || code < channel->min_positive)
			channel->min_positive = code;
		channel->has_positive = true;
	}
	else
	{
		if (code > channel->max_negative)
			channel->max_negative = code;
		channel->has_negative = true;
	}
}

/*
 * The code that divides negative from positive cells, as SPT has it: that of
 * the mean of the largest number of the negative ones and the smallest of the
 * positive ones; or of what there is.  At least 1.
 */
extern uint8_t cb_channel_threshold(const CbChannel *channel);

#endif							/* CB_SAMPLING_H */
