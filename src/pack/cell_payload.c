/*
 * cell_payload.c
 *		Turning a set of cells into its payload: sorting and encoding them.
 */
#include "pack/cell_payload.h"

#include "arguments.h"
#include "fault.h"
#include "miscadmin.h"
#include "pack/huge_pages.h"
#include "pack/radix_sort.h"
#include "settings.h"

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
 * Make the payload of layout intensity in place.  It is the records, with their ids
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

	cb_writer_init(&writer, set->layout, 0, set->count, &set->extent);
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
		CellSetRaiseTooLarge(set->layout,
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
	if (set->layout->has_intensities)
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
	CellSetCheck(set);
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

void
CellSetFree(CellSet *set)
{
	if (kept_next != NULL && (char *) kept_next->payload == set->buffer)
		kept_next->payload = NULL;
	pfree(set->buffer);
	pfree(set);
}
