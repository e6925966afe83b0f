/*
 * layout.c
 *		The parts of writing and reading that all layouts share.  The table of
 *		layouts is in layouts.c.
 */
#include "format/layout.h"

#include <string.h>

/*
 * Bisect, because size() grows with the number of cells but need not be
 * linear.
 */
uint64_t
cb_layout_max_cells(const CbLayout *layout, uint64_t max_bytes)
{
	uint64_t	fit = 0;
	uint64_t	too_many = UINT32_MAX;

	while (too_many - fit > 1)
	{
		uint64_t	middle = fit + (too_many - fit) / 2;

		if (layout->size(middle) <= max_bytes)
			fit = middle;
		else
			too_many = middle;
	}
	return fit;
}

/*
 * Return the first position in a batch at which the ids don't ascend, or the
 * number of cells if they all ascend.  *previous is the id before the batch;
 * NULL if the batch is the first.
 */
static size_t
find_descent(const CbBatch *batch, const uint32_t *previous)
{
	unsigned	descents = 0;

	if (batch->count > 0 && previous != NULL && batch->cell_id[0] <= *previous)
		return 0;

	/* No early exit from this loop, so that compilers vectorize it. */
	for (size_t i = 1; i < batch->count; i++)
		descents |= batch->cell_id[i] <= batch->cell_id[i - 1];
	if (descents)
		for (size_t i = 1; i < batch->count; i++)
			if (batch->cell_id[i] <= batch->cell_id[i - 1])
				return i;
	return batch->count;
}

bool
cb_writer_fail(CbWriter *writer, CbFault fault)
{
	writer->fault = fault;
	return false;
}

void
cb_writer_init(CbWriter *writer, const CbLayout *layout, unsigned channels,
			   uint64_t cells, const CbExtent *extent)
{
	/* The state of dense is large, and dense initializes it itself. */
	memset(writer, 0, offsetof(CbWriter, dense));
	writer->layout = layout;
	writer->channels = channels;
	writer->cells = cells;
	writer->extent = *extent;
}

bool
cb_writer_must_measure(const CbWriter *writer)
{
	return writer->layout->measure != NULL;
}

/* Refuse repeated ids. */
static bool
check_ids_to_write(CbWriter *writer, const CbBatch *batch)
{
	size_t		descent = find_descent(batch, writer->position > 0 ? &writer->last_id : NULL);

	if (descent < batch->count)
		return cb_writer_fail(writer, (CbFault)
							  {.code = CB_ID_REPEATED,
							   .cell = batch->cell_id[descent]});
	return true;
}

/* Move past the cells of a batch. */
static void
advance_writer(CbWriter *writer, const CbBatch *batch)
{
	writer->position += batch->count;
	if (batch->count > 0)
		writer->last_id = batch->cell_id[batch->count - 1];
}

bool
cb_writer_measure(CbWriter *writer, const CbBatch *batch)
{
	if (!check_ids_to_write(writer, batch))
		return false;
	writer->layout->measure(writer, batch);
	advance_writer(writer, batch);
	return true;
}

uint64_t
cb_writer_size(CbWriter *writer)
{
	if (writer->layout->measured_size != NULL)
		return writer->layout->measured_size(writer);
	return writer->layout->size(writer->cells);
}

void
cb_writer_begin(CbWriter *writer, uint8_t *payload)
{
	writer->payload = payload;
	writer->position = 0;
	writer->layout->encode_header(writer);
}

bool
cb_writer_write(CbWriter *writer, const CbBatch *batch)
{
	/* Ids that were measured were checked. */
	if ((!cb_writer_must_measure(writer) && !check_ids_to_write(writer, batch)) ||
		!writer->layout->encode(writer, batch))
		return false;
	advance_writer(writer, batch);
	return true;
}

bool
cb_reader_fail(CbReader *reader, CbFault fault)
{
	reader->fault = fault;
	return false;
}

bool
cb_reader_check_header(CbReader *reader)
{
	if (reader->size < reader->layout->header_size)
		return cb_reader_fail(reader, (CbFault)
							  {.code = CB_HEADER_CUT,
							   .found = (int64_t) reader->size,
							   .expected = (int64_t) reader->layout->header_size});
	return true;
}

bool
cb_reader_check_length(CbReader *reader, uint64_t expected)
{
	if (reader->size != expected)
		return cb_reader_fail(reader, (CbFault)
							  {.code = CB_WRONG_LENGTH,
							   .cell = reader->cells,
							   .found = (int64_t) reader->size,
							   .expected = (int64_t) expected});
	return true;
}

bool
cb_reader_check_bytes(CbReader *reader, uint64_t offset, const uint8_t *expected, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (reader->bytes[offset + i] != expected[i])
			return cb_reader_fail(reader, (CbFault)
								  {.code = CB_WRONG_BYTE,
								   .cell = offset + i,
								   .found = reader->bytes[offset + i],
								   .expected = expected[i]});
	return true;
}

/* Refuse ids that don't ascend. */
static bool
check_ids_read(CbReader *reader, const CbBatch *batch)
{
	size_t		descent = find_descent(batch, reader->position > 0 ? &reader->last_id : NULL);

	if (descent < batch->count)
		return cb_reader_fail(reader, (CbFault)
							  {.code = CB_ID_NOT_ASCENDING,
							   .cell = reader->position + descent,
							   .found = batch->cell_id[descent],
							   .expected = descent > 0 ? batch->cell_id[descent - 1] :
								   reader->last_id});
	return true;
}

bool
cb_reader_open(CbReader *reader, const CbLayout *layout, unsigned channels,
			   const uint8_t *header, uint64_t size)
{
	memset(reader, 0, offsetof(CbReader, dense));
	reader->layout = layout;
	reader->channels = channels;
	reader->bytes = header;
	reader->size = size;
	reader->extent = cb_extent_of_nothing();
	return layout->decode_header(reader);
}

bool
cb_reader_start(CbReader *reader, const uint8_t *bytes)
{
	reader->bytes = bytes;
	return reader->layout->start == NULL || reader->layout->start(reader);
}

bool
cb_reader_read(CbReader *reader, CbBatch *batch)
{
	uint64_t	left = reader->cells - reader->position;

	batch->count = left < CB_BATCH ? (size_t) left : CB_BATCH;
	if (batch->count == 0)
		return reader->layout->decode_end == NULL ||
			reader->layout->decode_end(reader);

	if (!reader->layout->decode(reader, batch))
		return false;
	if (reader->layout->has_ids)
	{
		if (!check_ids_read(reader, batch))
			return false;
		reader->last_id = batch->cell_id[batch->count - 1];
	}
	if (!reader->layout->has_intensities)
		for (size_t i = 0; i < batch->count; i++)
			cb_extent_add(&reader->extent, batch->x[i], batch->y[i]);
	reader->position += batch->count;
	return true;
}

uint64_t
cb_reader_count(const CbReader *reader, uint64_t first, uint64_t count,
				uint64_t all_of, uint64_t none_of)
{
	if (all_of & none_of)
		return 0;
	return reader->layout->count(reader, first, count, all_of | none_of, all_of);
}
