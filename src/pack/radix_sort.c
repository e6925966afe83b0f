/*
 * radix_sort.c
 *		Sorting records by a 32-bit key, nearly in place.
 *
 * The sort starts at the keys' highest bits and swaps records into 256 buckets
 * in place ("American flag sort": McIlroy, Bostic and McIlroy, Engineering
 * Radix Sort, 1993).  Once a bucket fits into the processor's second-level
 * cache, it is sorted from the lowest bits up through a scratch area of that
 * size.  That needs no swaps and is twice as fast.
 */
#include "pack/radix_sort.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#define DIGIT_BITS 8
#define BUCKETS (1 << DIGIT_BITS)

/*
 * The scratch area has room for this number of records of the larger usual
 * width, which is 28 bytes.
 */
#define SCRATCH_RECORDS 32768
#define SCRATCH_SIZE (SCRATCH_RECORDS * 28)

/* Records between two checks for interrupts. */
#define RECORDS_PER_CHECK 65536

/* How many records ahead of a bucket's next free place the cache is filled. */
#define PREFETCH_RECORDS 8

#if defined(__GNUC__)
#define prefetch_for_write(address) __builtin_prefetch(address, 1)
#else
#define prefetch_for_write(address) ((void) 0)
#endif

/* What a sort needs at each step. */
typedef struct SortRun
{
	char	   *scratch;
	SortedRecords function;		/* takes the records, or NULL */
	void	   *argument;
} SortRun;

/* Return how many records of this width fit into the scratch area. */
static pg_attribute_always_inline uint64
scratch_capacity(uint32 width)
{
	return Min(SCRATCH_RECORDS, SCRATCH_SIZE / width);
}

/* Return the digit of a record's key that starts at bit shift. */
static pg_attribute_always_inline uint32
digit(const char *record, int shift, uint32 mask)
{
	uint32		key;

	memcpy(&key, record, sizeof(key));
	return key >> shift & mask;
}

/* Count the records of each bucket. */
static pg_attribute_always_inline void
count_buckets(const char *records, uint64 count, uint32 width, int shift, uint32 mask,
			  uint64 *sizes)
{
	memset(sizes, 0, sizeof(uint64) * (mask + 1));
	for (uint64 i = 0; i < count; i++)
	{
		if (unlikely(i % RECORDS_PER_CHECK == RECORDS_PER_CHECK - 1))
			CHECK_FOR_INTERRUPTS();
		sizes[digit(records + i * width, shift, mask)]++;
	}
}

/* Hand over sorted records, or move them to where the unsorted ones were. */
static inline void
deliver(const SortRun *sort, char *records, const char *sorted, uint64 count, uint32 width)
{
	if (sort->function != NULL)
		sort->function(sort->argument, sorted, count);
	else if (sorted != records)
		memcpy(records, sorted, count * width);
}

/*
 * Move each record directly to the place that its digit gives, in the scratch
 * area, when there are as many records as values of the digit.  If two records
 * have the same digit, return false.
 */
static pg_attribute_always_inline bool
place_in_scratch(const char *records, uint64 count, uint32 width, uint32 mask, char *scratch)
{
	uint64		seen[SCRATCH_RECORDS / 64];
	uint64		repeated = 0;

	memset(seen, 0, (count + 63) / 64 * sizeof(*seen));
	for (uint64 i = 0; i < count; i++)
	{
		const char *record = records + i * width;
		uint32		place = digit(record, 0, mask);

		repeated |= seen[place / 64] >> (place % 64) & 1;
		seen[place / 64] |= UINT64CONST(1) << (place % 64);
		memcpy(scratch + place * width, record, width);
	}
	return repeated == 0;
}

/*
 * Sort by the lowest bits, through the scratch area.  Returns where the sorted
 * records are.
 */
static pg_attribute_always_inline const char *
sort_through_scratch(char *records, uint64 count, uint32 width, int bits, char *scratch)
{
	char	   *from = records;
	char	   *to = scratch;

	for (int shift = 0; shift < bits; shift += DIGIT_BITS)
	{
		uint32		mask = (1 << Min(bits - shift, DIGIT_BITS)) - 1;
		uint64		next[BUCKETS];
		uint64		start = 0;
		char	   *swap = from;

		count_buckets(from, count, width, shift, mask, next);
		for (uint32 b = 0; b <= mask; b++)
		{
			uint64		size = next[b];

			next[b] = start;
			start += size;
		}
		for (uint64 i = 0; i < count; i++)
		{
			const char *record = from + i * width;

			memcpy(to + next[digit(record, shift, mask)]++ * width, record, width);
		}
		from = to;
		to = swap;
	}
	return from;
}

/*
 * Swap records into the buckets of a digit.  sizes has the size of each
 * bucket.
 */
static pg_attribute_always_inline void
distribute(char *records, uint32 width, int shift, uint32 mask, const uint64 *sizes)
{
	char	   *next[BUCKETS];
	char	   *end[BUCKETS];
	char	   *start = records;
	uint32		done = 0;

	for (uint32 b = 0; b <= mask; b++)
	{
		next[b] = start;
		start += sizes[b] * width;
		end[b] = start;
	}

	for (uint32 b = 0; b <= mask; b++)
		while (next[b] < end[b])
		{
			char		carried[RADIX_SORT_MAX_WIDTH];
			char		displaced[RADIX_SORT_MAX_WIDTH];
			uint32		d = digit(next[b], shift, mask);

			/* Carry records to their buckets until one belongs here. */
			memcpy(carried, next[b], width);
			while (d != b)
			{
				char	   *place = next[d];

				next[d] += width;
				prefetch_for_write(place + PREFETCH_RECORDS * width);
				memcpy(displaced, place, width);
				memcpy(place, carried, width);
				memcpy(carried, displaced, width);
				d = digit(carried, shift, mask);

				if (unlikely(++done % RECORDS_PER_CHECK == 0))
					CHECK_FOR_INTERRUPTS();
			}
			memcpy(next[b], carried, width);
			next[b] += width;
			if (unlikely(++done % RECORDS_PER_CHECK == 0))
				CHECK_FOR_INTERRUPTS();
		}
}

/* Sort by the lowest bits, with sort_next for each bucket. */
static pg_attribute_always_inline void
sort_bucket(char *records, uint64 count, uint32 width, int bits, const SortRun *sort,
			void (*sort_next) (char *, uint64, uint32, int, const SortRun *))
{
	int			shift = Max(bits - DIGIT_BITS, 0);
	uint32		mask = (1 << (bits - shift)) - 1;
	uint64		sizes[BUCKETS];

	if (count == 0)
		return;
	if (count == 1 || bits == 0)
	{
		deliver(sort, records, records, count, width);
		return;
	}
	if (count <= scratch_capacity(width))
	{
		/* There are as many records as keys, as with ids without gaps. */
		if (count == (uint64) 1 << bits &&
			place_in_scratch(records, count, width, count - 1, sort->scratch))
			deliver(sort, records, sort->scratch, count, width);
		else
			deliver(sort, records, sort_through_scratch(records, count, width, bits,
														sort->scratch), count, width);
		return;
	}

	CHECK_FOR_INTERRUPTS();
	count_buckets(records, count, width, shift, mask, sizes);
	distribute(records, width, shift, mask, sizes);
	for (uint32 b = 0; b <= mask; b++)
	{
		sort_next(records, sizes[b], width, shift, sort);
		records += sizes[b] * width;
	}
}

static void
sort_records(char *records, uint64 count, uint32 width, int bits, const SortRun *sort)
{
	sort_bucket(records, count, width, bits, sort, sort_records);
}

/*
 * The same with a constant width, so that compilers know the size of each
 * copy.
 */
#define SORT_OF_WIDTH(usual) \
static void \
sort_records_##usual(char *records, uint64 count, uint32 width pg_attribute_unused(), \
					 int bits, const SortRun *sort) \
{ \
	sort_bucket(records, count, usual, bits, sort, sort_records_##usual); \
}

SORT_OF_WIDTH(20)
SORT_OF_WIDTH(28)

void
RadixSortTo(char *records, uint64 count, uint32 width, uint32 differing_bits,
			SortedRecords function, void *argument)
{
	int			bits = differing_bits == 0 ? 0 : pg_leftmost_one_pos32(differing_bits) + 1;
	SortRun		sort = {
		.scratch = palloc(Min(count, scratch_capacity(width)) * width),
		.function = function,
		.argument = argument,
	};

	Assert(width >= sizeof(uint32) && width <= RADIX_SORT_MAX_WIDTH);
	if (width == 20)
		sort_records_20(records, count, width, bits, &sort);
	else if (width == 28)
		sort_records_28(records, count, width, bits, &sort);
	else
		sort_records(records, count, width, bits, &sort);
	pfree(sort.scratch);
}

void
RadixSort(char *records, uint64 count, uint32 width, uint32 differing_bits)
{
	RadixSortTo(records, count, width, differing_bits, NULL, NULL);
}
