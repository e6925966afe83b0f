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

/*
 * Move each record directly to the place that its digit gives, through the
 * scratch area, when there are as many records as values of the digit.  If two
 * records have the same digit, return false and leave the records as they are.
 */
static pg_attribute_always_inline bool
place_through_scratch(char *records, uint64 count, uint32 width, uint32 mask, char *scratch)
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
	if (repeated)
		return false;
	memcpy(records, scratch, count * width);
	return true;
}

/* Sort by the lowest bits, through the scratch area. */
static pg_attribute_always_inline void
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
	if (from != records)
		memcpy(records, from, count * width);
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
sort_bucket(char *records, uint64 count, uint32 width, int bits, char *scratch,
			void (*sort_next) (char *, uint64, uint32, int, char *))
{
	int			shift = Max(bits - DIGIT_BITS, 0);
	uint32		mask = (1 << (bits - shift)) - 1;
	uint64		sizes[BUCKETS];

	if (count <= 1 || bits == 0)
		return;
	if (count <= scratch_capacity(width))
	{
		/* There are as many records as keys, as with ids without gaps. */
		if (count == (uint64) 1 << bits &&
			place_through_scratch(records, count, width, count - 1, scratch))
			return;
		sort_through_scratch(records, count, width, bits, scratch);
		return;
	}

	CHECK_FOR_INTERRUPTS();
	count_buckets(records, count, width, shift, mask, sizes);
	distribute(records, width, shift, mask, sizes);
	for (uint32 b = 0; b <= mask; b++)
	{
		sort_next(records, sizes[b], width, shift, scratch);
		records += sizes[b] * width;
	}
}

static void
sort_records(char *records, uint64 count, uint32 width, int bits, char *scratch)
{
	sort_bucket(records, count, width, bits, scratch, sort_records);
}

/*
 * The same with a constant width, so that compilers know the size of each
 * copy.
 */
#define SORT_OF_WIDTH(usual) \
static void \
sort_records_##usual(char *records, uint64 count, uint32 width pg_attribute_unused(), \
					 int bits, char *scratch) \
{ \
	sort_bucket(records, count, usual, bits, scratch, sort_records_##usual); \
}

SORT_OF_WIDTH(20)
SORT_OF_WIDTH(28)

void
RadixSort(char *records, uint64 count, uint32 width, uint32 differing_bits)
{
	int			bits = differing_bits == 0 ? 0 : pg_leftmost_one_pos32(differing_bits) + 1;
	char	   *scratch = palloc(Min(count, scratch_capacity(width)) * width);

	Assert(width >= sizeof(uint32) && width <= RADIX_SORT_MAX_WIDTH);
	if (width == 20)
		sort_records_20(records, count, width, bits, scratch);
	else if (width == 28)
		sort_records_28(records, count, width, bits, scratch);
	else
		sort_records(records, count, width, bits, scratch);
	pfree(scratch);
}
