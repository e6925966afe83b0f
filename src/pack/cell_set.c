/*
 * cell_set.c
 *		Growing, merging, sorting and encoding the cells of one payload.
 *		Sending a set to another process is in cell_transfer.c.
 */
#include "pack/cell_set.h"

#include "arguments.h"
#include "fault.h"
#include "miscadmin.h"
#include "nodes/memnodes.h"
#include "pack/huge_pages.h"
#include "pack/radix_sort.h"
#include "port/pg_bitutils.h"
#include "settings.h"

/*
 * The size of a new set's buffer.  It is small because each of many groups may
 * have a set.
 */
#define FIRST_BUFFER_SIZE 256

#define CONTEXT_NAME "cell_binary cell sets"

/* Assert what every function here must leave true. */
static void
check_invariants(const CellSet *set PG_USED_FOR_ASSERTS_ONLY)
{
	Assert(set->width == CellSetRecordWidth(set));
	Assert(set->count <= set->capacity);
	Assert(set->capacity <= set->max_count);
	Assert(set->has_ids || !set->stores_ids);
	Assert(set->has_ids || set->layout == &cb_compact);
	Assert(set->layout != NULL || set->stores_ids);
	Assert(!set->has_fractions || (set->layout != NULL && set->layout->takes_fractions));
	Assert(set->stores_ids || set->ascending);
}

/*
 * Return the memory context for the sets of an aggregate; create it for the
 * first set.  The context is looked up by name among the children because it
 * vanishes whenever the executor resets the aggregate's context, and a stored
 * pointer would dangle.
 */
static MemoryContext
cell_set_context(MemoryContext aggcontext)
{
	for (MemoryContext child = aggcontext->firstchild; child != NULL; child = child->nextchild)
		if (strcmp(child->name, CONTEXT_NAME) == 0)
			return child;
	return AllocSetContextCreate(aggcontext, CONTEXT_NAME, ALLOCSET_DEFAULT_SIZES);
}

/* Set the width of a record, and from it the capacity of the buffer. */
static void
set_width(CellSet *set)
{
	set->width = CellSetRecordWidth(set);
	set->capacity = Min((set->size - CellSetHeaderRoom(set->layout)) / set->width, set->max_count);
}

/* Set the buffer of a set. */
static void
set_buffer(CellSet *set, char *buffer, Size size)
{
	set->buffer = buffer;
	set->size = size;
	set->records = buffer + CellSetHeaderRoom(set->layout);
	set_width(set);
}

/*
 * Create a set of records.  Ids are stored from the beginning if the payload's
 * cells would otherwise be larger than the records, because then the payload
 * could not be made in place.
 */
static CellSet *
create_set(MemoryContext aggcontext, const CbLayout *layout, uint32 body, uint64 max_count,
		   bool has_ids, bool stores_ids)
{
	MemoryContext context = cell_set_context(aggcontext);
	CellSet    *set = MemoryContextAllocZero(context, sizeof(CellSet));

	set->layout = layout;
	set->body = body;
	set->max_count = max_count;
	set->has_ids = has_ids;
	set->stores_ids = stores_ids;
	set->ascending = true;
	set->last_id = -1;
	set->extent = cb_extent_of_nothing();
	set_buffer(set, MemoryContextAlloc(context, FIRST_BUFFER_SIZE), FIRST_BUFFER_SIZE);
	return set;
}

CellSet *
CellSetCreate(MemoryContext aggcontext, const CbLayout *layout,
			  bool has_ids, bool has_fractions)
{
	CellSet    *set = create_set(aggcontext, layout,
								 has_fractions ? sizeof(Centroid) : CB_COMPACT_CELL,
								 cb_layout_max_cells(layout, MaxPayloadSize()), has_ids,
								 has_ids && !has_fractions && layout->cell_size > CB_COMPACT_CELL);

	set->has_fractions = has_fractions;
	check_invariants(set);
	return set;
}

CellSet *
CellSetCreateIntensities(MemoryContext aggcontext, uint32 channels)
{
	CellSet    *set = create_set(aggcontext, NULL, channels,
								 MaxPayloadSize() / (ID_SIZE + channels), true, true);

	check_invariants(set);
	return set;
}

CellSet *
CellSetCreateLike(MemoryContext aggcontext, const CellSet *other)
{
	if (other->layout == NULL)
		return CellSetCreateIntensities(aggcontext, other->body);
	return CellSetCreate(aggcontext, other->layout, other->has_ids, other->has_fractions);
}

/*
 * Return the size of a buffer for this many bytes: a power of two for the
 * small chunks of a memory context; for a large chunk, a size that fills its
 * mapping.
 */
static Size
buffer_size(Size bytes)
{
	if (bytes <= ALLOCSET_SEPARATE_THRESHOLD)
		return pg_nextpower2_64(bytes);
	return pg_nextpower2_64(bytes + LARGE_CHUNK_OVERHEAD) - LARGE_CHUNK_OVERHEAD;
}

/*
 * Raise 54000: a payload in a layout would be too large; the detail begins
 * with fact.
 */
pg_noreturn static void
raise_layout_too_large(const CbLayout *layout, const char *fact)
{
	RaiseTooLarge(psprintf("payload in layout \"%s\"", layout->name), fact,
				  layout->needs_extent ?
				  "Pack the sample in parts, for example by tiles or by ranges of cell_id, and in "
				  "another layout, because this one shifts the coordinates of each part "
				  "separately." :
				  "Pack the sample in parts, for example by tiles or by ranges of cell_id.");
}

/* The buffer never grows larger than the largest payload needs. */
void
CellSetGrow(CellSet *set, uint64 more)
{
	Size		room = CellSetHeaderRoom(set->layout);
	Size		size;

	Assert(!set->is_finished);
	if (more > set->max_count - set->count)
	{
		if (set->layout == NULL)
			RaiseTooLarge("payload of intensities",
						  psprintf("At most " UINT64_FORMAT " cells with %u intensities fit",
								   set->max_count, set->body),
						  "Pack the sample in parts, for example by ranges of cell_id.");
		raise_layout_too_large(set->layout,
							   psprintf("At most " UINT64_FORMAT " cells fit", set->max_count));
	}

	size = buffer_size(room + (set->count + more) * set->width);
	size = Min(size, room + set->max_count * set->width);
	Assert(size >= set->size);
	set_buffer(set, repalloc_huge(set->buffer, size), size);
	AdviseHugePages(set->buffer, size);
	check_invariants(set);
}

/* Copy a record without an id to a record with an id. */
static void
spread_record(char *to, const char *from, uint32 from_width, uint32 cell_id)
{
	memmove(to + ID_SIZE, from, from_width);
	memcpy(to, &cell_id, ID_SIZE);
}

/*
 * Start at the last record, so that no record is overwritten before it has
 * moved.
 */
void
CellSetStoreIds(CellSet *set)
{
	uint32		old_width = set->width;

	Assert(!set->stores_ids);
	set->stores_ids = true;
	set_width(set);
	if (set->count > set->capacity)
		CellSetGrow(set, 0);
	if (set->count == 0)
		return;

	for (uint64 i = set->count; i-- > 0;)
	{
		if (i % CB_BATCH == 0)
			CHECK_FOR_INTERRUPTS();
		spread_record(set->records + i * set->width, set->records + i * old_width,
					  old_width, set->first_id + i);
	}

	/*
	 * In a range of consecutive numbers, the first and the last differ in the
	 * highest differing bit.
	 */
	set->last_id = set->first_id + (int64) set->count - 1;
	set->differing_bits = set->first_id ^ (uint32) set->last_id;
	check_invariants(set);
}

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
			spread_record(to + i * set->width, from + i * other->width,
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
	if (set->layout == NULL && set->body != other->body)
		RaiseMixedChannels(set->body, other->body);
	if (set->layout != other->layout)
		RaiseMixedLayouts(set->layout, other->layout);
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
	check_invariants(set);
}

/*
 * Copy the cells from first on into a batch.  Inline this where the flags are
 * constants.
 */
static pg_attribute_always_inline void
load_records(const CellSet *set, uint64 first, CbBatch *batch,
			 const bool has_fractions, const bool stores_ids)
{
	const uint32 id_size = stores_ids ? ID_SIZE : 0;
	const uint32 width = id_size + (has_fractions ? sizeof(Centroid) : CB_COMPACT_CELL);
	const uint8 *record = (const uint8 *) set->records + first * width;

	Assert(set->width == width);
	batch->count = Min(CB_BATCH, set->count - first);
	for (size_t i = 0; i < batch->count; i++, record += width)
	{
		if (stores_ids)
			memcpy(&batch->cell_id[i], record, ID_SIZE);
		else
			batch->cell_id[i] = set->first_id + (uint32) (first + i);

		if (has_fractions)
		{
			Centroid	centroid;

			memcpy(&centroid, record + id_size, sizeof(centroid));
			batch->x[i] = centroid.x;
			batch->y[i] = centroid.y;
			batch->phenotypes[i] = centroid.phenotypes;
		}
		else
		{
			const uint8 *cell = record + id_size;

			batch->x[i] = (int32) cb_get_le32(cell);
			batch->y[i] = (int32) cb_get_le32(cell + 4);
			batch->phenotypes[i] = cb_get_le64(cell + CB_COMPACT_MASK);
		}
	}
}

void
CellSetLoadBatch(const CellSet *set, uint64 first, CbBatch *batch)
{
	if (set->has_fractions)
	{
		if (set->stores_ids)
			load_records(set, first, batch, true, true);
		else
			load_records(set, first, batch, true, false);
	}
	else
	{
		if (set->stores_ids)
			load_records(set, first, batch, false, true);
		else
			load_records(set, first, batch, false, false);
	}
}

/* Where strip_ids writes the next cell, and the id of the cell before it. */
typedef struct StripState
{
	char	   *to;
	int64		previous;
} StripState;

/* Move cells, without their ids, to the end of the payload so far. */
static void
strip_ids(void *argument, const char *records, uint64 count)
{
	StripState *state = argument;
	int64		previous = state->previous;
	char	   *to = state->to;

	for (uint64 i = 0; i < count; i++)
	{
		const char *record = records + i * (ID_SIZE + CB_COMPACT_CELL);
		uint32		cell_id;

		if (i % CB_BATCH == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy(&cell_id, record, ID_SIZE);
		if (cell_id == previous)
			RaiseRepeatedId(cell_id);
		previous = cell_id;
		memmove(to, record + ID_SIZE, CB_COMPACT_CELL);
		to += CB_COMPACT_CELL;
	}
	state->previous = previous;
	state->to = to;
}

/*
 * Make the payload of layout compact in place.  Its cells are the records
 * without their ids; if no ids are stored, only the header is written.
 */
static bytea *
make_compact(CellSet *set)
{
	const Size	size = CellSetHeaderRoom(&cb_compact) + set->count * CB_COMPACT_CELL;
	StripState	state = {.to = set->records, .previous = -1};

	if (!set->ascending)
		RadixSortTo(set->records, set->count, set->width, set->differing_bits, strip_ids, &state);
	else if (set->stores_ids)
		strip_ids(&state, set->records, set->count);
	cb_compact_put_header((uint8 *) set->buffer + VARHDRSZ, set->count);
	SET_VARSIZE(set->buffer, size);
	return (bytea *) set->buffer;
}

/*
 * Make the payload of intensities in place.  It is the records, with their ids
 * in big-endian order.
 */
static bytea *
turn_ids(CellSet *set)
{
	int64		previous = -1;

	for (uint64 i = 0; i < set->count; i++)
	{
		uint8	   *record = (uint8 *) set->records + i * set->width;
		uint32		cell_id;

		if (i % CB_BATCH == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy(&cell_id, record, ID_SIZE);
		if (cell_id == previous)
			RaiseRepeatedId(cell_id);
		previous = cell_id;
		cb_put_be32(record, cell_id);
	}
	SET_VARSIZE(set->buffer, VARHDRSZ + set->count * set->width);
	return (bytea *) set->buffer;
}

/*
 * Encode the cells.  If the payload is one cell after another, this works in
 * place: each batch is read before it is overwritten, because a payload's cell
 * is never larger than a record.
 */
static bytea *
encode_set(CellSet *set)
{
	const bool	in_place = set->layout->cell_size > 0;
	CbBatch		batch;
	CbWriter	writer;
	bytea	   *payload;
	uint64		size;

	cb_writer_init(&writer, set->layout, set->count, &set->extent);
	if (cb_writer_must_measure(&writer))
		for (uint64 i = 0; i < set->count; i += CB_BATCH)
		{
			CHECK_FOR_INTERRUPTS();
			CellSetLoadBatch(set, i, &batch);
			if (!cb_writer_measure(&writer, &batch))
				RaiseFault(set->layout, &writer.fault);
		}

	size = cb_writer_size(&writer);
	if (size > (uint64) MaxPayloadSize())
		raise_layout_too_large(set->layout,
							   psprintf("The " UINT64_FORMAT " cells take " UINT64_FORMAT " bytes",
										set->count, size));
	Assert(!in_place || set->width >= set->layout->cell_size);
	if (in_place)
		payload = (bytea *) set->buffer;
	else
	{
		payload = MemoryContextAlloc(GetMemoryChunkContext(set), VARHDRSZ + size);
		AdviseHugePages(payload, VARHDRSZ + size);
	}
	SET_VARSIZE(payload, VARHDRSZ + size);

	cb_writer_begin(&writer, (uint8_t *) VARDATA(payload));
	for (uint64 i = 0; i < set->count; i += CB_BATCH)
	{
		CHECK_FOR_INTERRUPTS();
		CellSetLoadBatch(set, i, &batch);
		if (!cb_writer_write(&writer, &batch))
			RaiseFault(set->layout, &writer.fault);
	}
	return payload;
}

/* Make the payload. */
static bytea *
make_payload(CellSet *set)
{
	if (set->layout == &cb_compact)
		return make_compact(set);
	if (!set->ascending)
	{
		RadixSort(set->records, set->count, set->width, set->differing_bits);
		set->ascending = true;
	}
	if (set->layout == NULL)
		return turn_ids(set);
	return encode_set(set);
}

/* Where the next payload is to be kept, or NULL. */
static KeptPayload *kept_next;

void
CellSetKeepNext(KeptPayload *kept)
{
	kept_next = kept;
}

bytea *
CellSetPayload(CellSet *set)
{
	check_invariants(set);
	if (!set->is_finished)
	{
		bytea	   *payload = make_payload(set);

		if ((char *) payload != set->buffer)
			pfree(set->buffer);
		set->buffer = (char *) payload;
		set->is_finished = true;
	}
	if (kept_next != NULL && kept_next->payload == NULL)
	{
		kept_next->payload = (bytea *) set->buffer;
		MemoryContextSetParent(GetMemoryChunkContext(set->buffer), kept_next->parent);
	}
	return (bytea *) set->buffer;
}
