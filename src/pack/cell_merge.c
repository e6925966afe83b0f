/*
 * cell_merge.c
 *		Merging two sets of cells.
 */
#include "pack/cell_merge.h"

#include "arguments.h"
#include "miscadmin.h"

void
RaiseMixedChannels(uint32 first, uint32 other)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("all rows of a payload must have the same number of intensities"),
			 errdetail("The number of intensities is %u in one row and %u in another.",
					   first, other)));
}

/* Return the id of the last record; -1 if there is none. */
static int64
last_id(const CellSet *set)
{
	return set->stores_ids ? set->last_id : set->first_id + (int64) set->count - 1;
}

/* Copy records of another set as records of this set. */
static void
copy_records(const CellSet *set, const CellSet *other, uint64 first, uint64 count, char *to)
{
	const char *from = other->records + first * other->width;

	if (other->is_trimmed)
		RecordTrimExpand(&other->trim, (const uint8 *) from, count, other->stores_ids,
						 other->first_id + (uint32) first, (uint8 *) to, set->stores_ids);
	else if (set->width == other->width)
		memcpy(to, from, count * set->width);
	else
		for (uint64 i = 0; i < count; i++)
			CellSetSpreadRecord(to + i * set->width, from + i * other->width,
						  other->width, other->first_id + (uint32) (first + i));
}

/* Copy the records of another set after the last record. */
static void
append_records(CellSet *set, const CellSet *other)
{
	for (uint64 i = 0; i < other->count; i += CB_BATCH)
	{
		uint64		count = Min(CB_BATCH, other->count - i);

		CHECK_FOR_INTERRUPTS();
		copy_records(set, other, i, count, set->records + set->count * set->width);
		set->count += count;
	}
}

static inline uint32
record_id(const char *record)
{
	uint32		cell_id;

	memcpy(&cell_id, record, ID_SIZE);
	return cell_id;
}

/*
 * Merge a batch of records into the last ones before *ours, backwards from *to.
 * Returns whether an id is repeated.  Inline this where the width is a constant.
 */
static pg_attribute_always_inline bool
merge_batch(const char *first, char **ours, char **to, const char *batch, uint64 count,
			const uint32 width)
{
	const char *theirs = batch + count * width;
	bool		repeated = false;

	while (theirs > batch)
	{
		uint32		their_id = record_id(theirs - width);

		*to -= width;
		if (*ours > first && record_id(*ours - width) > their_id)
		{
			*ours -= width;
			memcpy(*to, *ours, width);
		}
		else
		{
			repeated |= *ours > first && record_id(*ours - width) == their_id;
			theirs -= width;
			memcpy(*to, theirs, width);
		}
	}
	return repeated;
}

/*
 * Merge two sets whose ids ascend, as those of parallel workers do that read a
 * table in the order of its ids.  This takes less time than to sort all records
 * at the end.  It starts at the last records, so that none is overwritten before
 * it has moved.
 */
static void
merge_ascending(CellSet *set, const CellSet *other)
{
	char	   *batch = palloc(CB_BATCH * set->width);
	char	   *ours = set->records + set->count * set->width;
	char	   *to = ours + other->count * set->width;
	uint64		rest = other->count;
	bool		repeated = false;

	while (rest > 0)
	{
		uint64		count = (rest - 1) % CB_BATCH + 1;

		CHECK_FOR_INTERRUPTS();
		rest -= count;
		copy_records(set, other, rest, count, batch);
		if (set->width == ID_SIZE + CB_COMPACT_CELL)
			repeated |= merge_batch(set->records, &ours, &to, batch, count,
									ID_SIZE + CB_COMPACT_CELL);
		else
			repeated |= merge_batch(set->records, &ours, &to, batch, count, set->width);
	}
	pfree(batch);
	set->count += other->count;
	set->ascending = !repeated;
}

void
CellSetMerge(CellSet *set, const CellSet *other)
{
	bool		in_order;

	Assert(!set->is_finished);
	Assert(set->has_ids == other->has_ids);
	if (set->layout != other->layout)
		RaiseMixedLayouts(set->layout, other->layout);
	if (set->layout->has_intensities && set->body != other->body)
		RaiseMixedChannels(set->body, other->body);
	if (set->has_fractions != other->has_fractions)
		elog(ERROR, "cell sets with and without fractions cannot be merged");
	if (other->count == 0)
		return;

	if (set->count == 0)
		set->first_id = other->first_id;
	in_order = set->count == 0 || other->first_id > last_id(set);

	if (set->has_ids && !set->stores_ids &&
		(other->stores_ids || other->first_id != set->first_id + set->count))
		CellSetStoreIds(set);
	if (other->count > set->capacity - set->count)
		CellSetGrow(set, other->count);

	if (set->stores_ids)
		set->differing_bits |= (set->first_id ^ other->first_id) |
			(other->stores_ids ? other->differing_bits : other->first_id ^ (uint32) last_id(other));
	if (set->stores_ids && !in_order && set->ascending && other->ascending)
	{
		merge_ascending(set, other);
		set->first_id = Min(set->first_id, other->first_id);
		set->last_id = Max(set->last_id, last_id(other));
	}
	else
	{
		append_records(set, other);
		if (set->stores_ids)
		{
			set->ascending = set->ascending && other->ascending && in_order;
			set->last_id = last_id(other);
		}
	}
	cb_extent_unite(&set->extent, &other->extent);
	CellSetCheck(set);
}
