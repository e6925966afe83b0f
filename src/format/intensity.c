/*
 * intensity.c
 *		Layout intensity: the cell_id of each cell as uint32, big-endian, then one
 *		byte for each channel, its intensity in the format of minifloat.h.  Cells
 *		are in ascending order of cell_id.
 *
 * The payload has no header.  A reader must know the number of channels, and
 * computes the number of cells from the length.  The aggregate does not use
 * this encoder: it sorts the cells where they stay (src/pack/cell_payload.c).
 * Both write the same bytes.
 */
#include "format/byteorder.h"
#include "format/layout.h"

#include <string.h>

#define ID_BYTES 4

static uint64_t
cell_bytes(unsigned channels)
{
	return ID_BYTES + (uint64_t) channels;
}

/* The fewest bytes, because a cell has at least one channel. */
static uint64_t
intensity_size(uint64_t cells)
{
	return cells * cell_bytes(1);
}

static uint64_t
intensity_measured_size(CbWriter *writer)
{
	return writer->cells * cell_bytes(writer->channels);
}

static void
intensity_encode_header(CbWriter *writer)
{
	(void) writer;
}

static bool
intensity_encode(CbWriter *writer, const CbBatch *batch)
{
	uint8_t    *to = writer->payload + writer->position * cell_bytes(writer->channels);

	for (size_t i = 0; i < batch->count; i++)
	{
		cb_put_be32(to, batch->cell_id[i]);
		memcpy(to + ID_BYTES, batch->intensities + i * batch->intensities_stride,
			   writer->channels);
		to += cell_bytes(writer->channels);
	}
	return true;
}

static bool
intensity_decode_header(CbReader *reader)
{
	uint64_t	bytes = cell_bytes(reader->channels);

	reader->cells = reader->size / bytes;
	if (reader->size % bytes != 0)
		return cb_reader_fail(reader, (CbFault)
							  {.code = CB_PART_OF_CELL,
							   .cell = reader->channels,
							   .found = (int64_t) reader->size,
							   .expected = (int64_t) bytes});
	return true;
}

static bool
intensity_decode(CbReader *reader, CbBatch *batch)
{
	const uint8_t *from = reader->bytes + reader->position * cell_bytes(reader->channels);

	batch->intensities = from + ID_BYTES;
	batch->intensities_stride = cell_bytes(reader->channels);
	for (size_t i = 0; i < batch->count; i++)
		batch->cell_id[i] = cb_get_be32(from + i * cell_bytes(reader->channels));
	return true;
}

/* There are no phenotypes, so that all cells are like the ones that are sought. */
static uint64_t
intensity_count(const CbReader *reader, uint64_t first, uint64_t count,
				uint64_t tested, uint64_t all_of)
{
	(void) reader;
	(void) first;
	(void) all_of;
	return tested == 0 ? count : 0;
}

const CbLayout cb_intensity = {
	.name = "intensity",
	.name_length = sizeof("intensity") - 1,
	.has_ids = true,
	.has_intensities = true,
	.size = intensity_size,
	.measured_size = intensity_measured_size,
	.encode_header = intensity_encode_header,
	.encode = intensity_encode,
	.decode_header = intensity_decode_header,
	.decode = intensity_decode,
	.count = intensity_count,
};
