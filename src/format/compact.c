/*
 * compact.c
 *		Layout compact: the number of cells, then int32 x, int32 y and the
 *		64-bit phenotypes of each cell, little-endian.  It keeps no cell ids.
 *
 * Any bytes of the right length are a valid payload.  The aggregate does not
 * use this encoder: it writes the cells where they stay (src/pack/cell_set.c).
 * Both write the same bytes.
 */
#include "format/compact.h"

#include "format/count.h"
#include "format/layout.h"

static uint64_t
compact_size(uint64_t cells)
{
	return CB_COMPACT_HEADER + cells * CB_COMPACT_CELL;
}

static void
compact_encode_header(CbWriter *writer)
{
	cb_compact_put_header(writer->payload, (uint32_t) writer->cells);
}

static bool
compact_encode(CbWriter *writer, const CbBatch *batch)
{
	uint8_t    *to = writer->payload + compact_size(writer->position);

	for (size_t i = 0; i < batch->count; i++)
	{
		cb_compact_put_cell(to, (int32_t) batch->x[i], (int32_t) batch->y[i],
							batch->phenotypes[i]);
		to += CB_COMPACT_CELL;
	}
	return true;
}

static bool
compact_decode_header(CbReader *reader)
{
	if (!cb_reader_check_header(reader))
		return false;
	reader->cells = cb_get_le32(reader->bytes);
	return cb_reader_check_length(reader, compact_size(reader->cells));
}

static bool
compact_decode(CbReader *reader, CbBatch *batch)
{
	const uint8_t *from = reader->bytes + compact_size(reader->position);

	for (size_t i = 0; i < batch->count; i++)
	{
		batch->cell_id[i] = 0;
		batch->x[i] = (int32_t) cb_get_le32(from);
		batch->y[i] = (int32_t) cb_get_le32(from + 4);
		batch->phenotypes[i] = cb_get_le64(from + CB_COMPACT_MASK);
		from += CB_COMPACT_CELL;
	}
	return true;
}

static uint64_t
compact_count(const CbReader *reader, uint64_t first, uint64_t count,
			  uint64_t tested, uint64_t all_of)
{
	return cb_count_masks(reader->bytes + compact_size(first) + CB_COMPACT_MASK,
						  CB_COMPACT_CELL, count, tested, all_of);
}

const CbLayout cb_compact = {
	.name = "compact",
	.name_length = sizeof("compact") - 1,
	.header_size = CB_COMPACT_HEADER,
	.cell_size = CB_COMPACT_CELL,
	.size = compact_size,
	.encode_header = compact_encode_header,
	.encode = compact_encode,
	.decode_header = compact_decode_header,
	.decode = compact_decode,
	.count = compact_count,
};
