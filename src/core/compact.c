/*
 * compact.c
 *		Layout compact: number of cells, then int32 x, int32 y and the 64-bit
 *		phenotype mask of each, little-endian.  It keeps no cell ids.
 *
 * Any bytes of the right length are a valid payload.
 */
#include "compact.h"

#include "layout.h"

static uint64_t
compact_size(uint64_t cells)
{
	return CB_COMPACT_HEADER + cells * CB_COMPACT_CELL;
}

static void
compact_encode_header(CbWriter *writer, uint8_t *header)
{
	cb_compact_put_header(header, (uint32_t) writer->cells);
}

static bool
compact_encode(CbWriter *writer, const CbCell *cells, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		cb_compact_put_cell(writer->next, (int32_t) cells[i].x,
							(int32_t) cells[i].y, cells[i].phenotypes);
		writer->next += CB_COMPACT_CELL;
	}
	return true;
}

static bool
compact_decode_header(CbReader *reader)
{
	if (!cb_reader_check_header(reader))
		return false;
	reader->cells = cb_get_le32(reader->bytes);
	return cb_reader_check_length(reader);
}

static bool
compact_decode(CbReader *reader, CbCell *cells, size_t count)
{
	const uint8_t *from = reader->bytes + compact_size(reader->position);

	for (size_t i = 0; i < count; i++)
	{
		cells[i].x = (int32_t) cb_get_le32(from);
		cells[i].y = (int32_t) cb_get_le32(from + 4);
		cells[i].phenotypes = cb_get_le64(from + 8);
		cells[i].cell_id = 0;
		from += CB_COMPACT_CELL;
	}
	return true;
}

const CbLayout cb_compact = {
	.name = "compact",
	.header_size = CB_COMPACT_HEADER,
	.size = compact_size,
	.encode_header = compact_encode_header,
	.encode = compact_encode,
	.decode_header = compact_decode_header,
	.decode = compact_decode,
};
