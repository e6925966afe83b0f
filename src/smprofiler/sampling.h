/*
 * sampling.h
 *		Choosing a subsample of a study's cells: how many cells of each sample,
 *		which cells, and the thresholds of their channels.
 */
#ifndef CB_SAMPLING_H
#define CB_SAMPLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Compute how many cells to take of each sample so that wanted cells are taken
 * in total: in proportion to the samples' sizes, as SMProfiler does.
 */
extern void cb_subsample_sizes(const uint64_t *cells, uint64_t *sizes, size_t samples,
							   uint64_t wanted);

/* Mix the bits of a number.  Different numbers have different results. */
static inline uint64_t
cb_mix(uint64_t number)
{
	number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
	return number ^ (number >> 31);
}

/*
 * Return the key that decides whether a cell is taken: the cells with the
 * smallest keys are.  Different ids have different keys.  This is number
 * cell_id + 1 of the generator splitmix64, started at the mixed seed.
 */
static inline uint64_t
cb_subsample_key(uint64_t seed, uint32_t cell_id)
{
	return cb_mix(cb_mix(seed) + ((uint64_t) cell_id + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

/* A key that was taken, and the place of its data. */
typedef struct CbTaken
{
	uint64_t	key;
	uint32_t	place;
} CbTaken;

/* The smallest of the keys that were offered, up to size keys. */
typedef struct CbSelection
{
	CbTaken    *taken;			/* a heap once it is full, with the largest key
								 * first */
	uint32_t	size;			/* how many keys are wanted */
	uint32_t	count;			/* how many keys were taken */
	bool		is_heap;
	uint64_t	limit;			/* keys from here on are not taken */
	uint64_t	least_left;		/* the smallest key that was not taken */
} CbSelection;

/* What cb_select returns for a key that is not taken. */
#define CB_LEFT UINT32_MAX

/* Start a selection; room must have space for size keys. */
extern void cb_selection_init(CbSelection *selection, CbTaken *room, uint32_t size);

/*
 * Guess a limit from the number of keys that will be offered, so that fewer keys
 * are taken and replaced.  If count is less than size at the end, the limit was
 * too low; start again without a guess.
 */
extern void cb_selection_expect(CbSelection *selection, uint64_t offers);

/* cb_select for a key below the limit. */
extern uint32_t cb_select_below(CbSelection *selection, uint64_t key);

/*
 * Offer a key.  Returns the place for its data, from 0 to size - 1, which may
 * be that of a larger key that it replaces; or CB_LEFT if the key is not
 * taken.
 */
static inline uint32_t
cb_select(CbSelection *selection, uint64_t key)
{
	if (key < selection->limit)
		return cb_select_below(selection, key);
	if (key < selection->least_left)
		selection->least_left = key;
	return CB_LEFT;
}

/*
 * Return the place of a key that was offered twice but taken only once,
 * because the selection was full; CB_LEFT if there is no such key.
 */
extern uint32_t cb_selection_parted(const CbSelection *selection);

/* The extreme codes of a channel among the cells of a sample. */
typedef struct CbChannel
{
	bool		has_negative;
	bool		has_positive;
	uint8_t		max_negative;
	uint8_t		min_positive;
} CbChannel;

/*
 * Return the code that separates negative from positive cells, as SMProfiler
 * computes it: the code of the mean of two numbers, the largest of the
 * negative cells and the smallest of the positive cells.  If all cells are
 * positive, return their smallest code; if all are negative, their largest.
 * The result is at least 1.
 */
extern uint8_t cb_channel_threshold(const CbChannel *channel);

#endif							/* CB_SAMPLING_H */
