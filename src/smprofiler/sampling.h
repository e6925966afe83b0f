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
 * Return the key that decides whether a cell is taken: the cells of a sample with
 * the smallest keys are.  Different ids have different keys.  This is number
 * cell_id + 1 of the generator splitmix64, started at the mixed seed.
 */
static inline uint64_t
cb_subsample_key(uint64_t seed, uint32_t cell_id)
{
	return cb_mix(cb_mix(seed) + ((uint64_t) cell_id + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

/*
 * Return the largest key that a cell of a sample can have and still be among the
 * cells to take, if the sample has this number of cells so far, and the study
 * this total.  More cells make the limit lower, so a cell with a larger key can
 * be left out before all cells are known.
 *
 * Keys are as good as random: the number of a sample's keys below a limit has a
 * binomial distribution.  The limit is so many standard deviations above the
 * mean that fewer keys than wanted are hardly ever below it.  If they are, read
 * the cells again with more deviations.
 */
extern uint64_t cb_candidate_limit(uint64_t cells, uint64_t total, uint64_t wanted,
								   double deviations);

/*
 * Return the k-th smallest of some keys, with k from 1.  Reorders the keys.  It
 * takes linear time, whatever the keys are.
 */
extern uint64_t cb_kth_smallest(uint64_t *keys, size_t count, size_t k);

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
