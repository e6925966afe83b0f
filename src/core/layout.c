/*
 * layout.c
 *		The table of layouts, and what writing and reading have in common.
 */
#include "layout.h"

#include <string.h>

static const CbLayout *const layouts[] = {
	&cb_compact,
	&cb_spt,
};

#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

const CbLayout *
cb_layout_named(const char *name, size_t length)
{
	for (size_t i = 0; i < LAYOUTS; i++)
		if (strlen(layouts[i]->name) == length &&
			memcmp(layouts[i]->name, name, length) == 0)
			return layouts[i];
	return NULL;
}

const CbLayout *
cb_layout_at(size_t index)
{
	return index < LAYOUTS ? layouts[index] : NULL;
}

/* Bisects, as size() grows with the cells but need not be linear in them. */
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

bool
cb_writer_fail(CbWriter *writer, CbFault fault)
{
	writer->fault = fault;
	return false;
}

void
cb_writer_init(CbWriter *writer, const CbLayout *layout)
{
	memset(writer, 0, sizeof(*writer));
	writer->layout = layout;
	writer->extent = cb_extent_of_nothing();
}

bool
cb_writer_measure(CbWriter *writer, const CbCell *cells, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		if (writer->cells > 0 && cells[i].cell_id <= writer->last_id)
			return cb_writer_fail(writer, (CbFault)
								  {.code = CB_ID_REPEATED,
								   .cell = cells[i].cell_id});
		writer->last_id = cells[i].cell_id;
		writer->cells++;
		cb_extent_add(&writer->extent, &cells[i]);
	}
	return true;
}

uint64_t
cb_writer_size(const CbWriter *writer)
{
	return writer->layout->size(writer->cells);
}

void
cb_writer_begin(CbWriter *writer, uint8_t *payload)
{
	writer->layout->encode_header(writer, payload);
	writer->next = payload + writer->layout->header_size;
}

bool
cb_writer_write(CbWriter *writer, const CbCell *cells, size_t count)
{
	return writer->layout->encode(writer, cells, count);
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
cb_reader_check_length(CbReader *reader)
{
	uint64_t	expected = reader->layout->size(reader->cells);

	if (reader->size != expected)
		return cb_reader_fail(reader, (CbFault)
							  {.code = CB_WRONG_LENGTH,
							   .cell = reader->cells,
							   .found = (int64_t) reader->size,
							   .expected = (int64_t) expected});
	return true;
}

bool
cb_reader_open(CbReader *reader, const CbLayout *layout,
			   const uint8_t *bytes, uint64_t size)
{
	memset(reader, 0, sizeof(*reader));
	reader->layout = layout;
	reader->bytes = bytes;
	reader->size = size;
	reader->extent = cb_extent_of_nothing();
	return layout->decode_header(reader);
}

bool
cb_reader_read(CbReader *reader, CbCell *cells, size_t capacity, size_t *count)
{
	uint64_t	left = reader->cells - reader->position;

	*count = left < capacity ? (size_t) left : capacity;
	if (*count == 0)
		return reader->layout->decode_end == NULL ||
			reader->layout->decode_end(reader);

	if (!reader->layout->decode(reader, cells, *count))
		return false;
	for (size_t i = 0; i < *count; i++)
		cb_extent_add(&reader->extent, &cells[i]);
	reader->position += *count;
	return true;
}
