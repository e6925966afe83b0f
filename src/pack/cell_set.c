/*
 * cell_set.c
 *		Growing the set of the cells of one payload.  cell_merge.c merges sets,
 *		cell_payload.c turns a set into its payload, and cell_transfer.c sends it
 *		to another process.
 */
#include "pack/cell_set.h"

#include "miscadmin.h"
#include "nodes/memnodes.h"
#include "pack/huge_pages.h"
#include "port/pg_bitutils.h"
#include "settings.h"

/*
 * The size of a new set's buffer.  It is small because each of many groups may
 * have a set.
 */
#define FIRST_BUFFER_SIZE 256

#define CONTEXT_NAME "cell_binary cell sets"

void
CellSetCheck(const CellSet *set PG_USED_FOR_ASSERTS_ONLY)
{
	Assert(set->width == CellSetRecordWidth(set));
	Assert(set->count <= set->capacity);
	Assert(set->capacity <= set->max_count);
	Assert(set->has_ids || !set->stores_ids);
	Assert(set->has_ids || set->layout == &cb_compact);
	Assert(!set->layout->has_intensities || set->stores_ids);
	Assert(!set->has_fractions || set->layout->takes_fractions);
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
	CellSetCheck(set);
	return set;
}

CellSet *
CellSetCreateIntensities(MemoryContext aggcontext, uint32 channels)
{
	CellSet    *set = create_set(aggcontext, &cb_intensity, channels,
								 MaxPayloadSize() / (ID_SIZE + channels), true, true);

	CellSetCheck(set);
	return set;
}

CellSet *
CellSetCreateLike(MemoryContext aggcontext, const CellSet *other)
{
	if (other->layout->has_intensities)
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

void
CellSetRaiseTooLarge(const CbLayout *layout, const char *fact)
{
	RaiseTooLarge(psprintf("payload in layout \"%s\"", layout->name), fact,
				  layout->needs_extent ?
				  "Pack the sample in parts, for example by tiles or by ranges of cell_id, and in "
				  "another layout, because this one shifts the coordinates of each part "
				  "separately." :
				  "Pack the sample in parts, for example by tiles or by ranges of cell_id.");
}

/*
 * The buffer never grows larger than the largest payload needs.  If a large size
 * is expected, the buffer grows to it in one step, because each step fills small
 * pages or copies them.  This waits until the buffer has a thirty-second of the
 * size, so that many small sets do not take the room of a large one.
 */
void
CellSetGrow(CellSet *set, uint64 more)
{
	Size		room = CellSetHeaderRoom(set->layout);
	Size		size;

	Assert(!set->is_finished);
	if (more > set->max_count - set->count)
	{
		if (set->layout->has_intensities)
			RaiseTooLarge("payload of intensities",
						  psprintf("At most " UINT64_FORMAT " cells with %u intensities fit",
								   set->max_count, set->body),
						  "Pack the sample in parts, for example by ranges of cell_id.");
		CellSetRaiseTooLarge(set->layout,
							   psprintf("At most " UINT64_FORMAT " cells fit", set->max_count));
	}

	size = buffer_size(room + (set->count + more) * set->width);
	if (set->expected_size >= HUGE_PAGES_SIZE &&
		size < set->expected_size && size >= set->expected_size / 32)
		size = set->expected_size;
	size = Min(size, room + set->max_count * set->width);
	Assert(size >= set->size);
	set_buffer(set, repalloc_huge(set->buffer, size), size);
	AdviseHugePages(set->buffer, size);
	CellSetCheck(set);
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
		CellSetSpreadRecord(set->records + i * set->width, set->records + i * old_width,
					  old_width, set->first_id + i);
	}

	/*
	 * In a range of consecutive numbers, the first and the last differ in the
	 * highest differing bit.
	 */
	set->last_id = set->first_id + (int64) set->count - 1;
	set->differing_bits = set->first_id ^ (uint32) set->last_id;
	CellSetCheck(set);
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
