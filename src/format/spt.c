/*
 * spt.c
 *		Layout spt: byte for byte what SMProfiler (formerly Spatial Profiling
 *		Toolbox, SPT) serves at /cell-data-binary/.
 *
 * The header is the number of cells, then minimum x, maximum x, minimum y and
 * maximum y, as big-endian uint32.  A cell is cell_id, x and y as big-endian
 * uint32 and the phenotypes as little-endian uint64.  A payload without cells
 * is 20 zero bytes.
 *
 * The rule for coordinates is that of _zip_location_and_phenotype_data in
 * SMProfiler's spatialprofilingtoolbox/db/accessors/cells.py: if the smallest
 * x or the smallest y is 1 or less, shift both axes so that each starts at 1,
 * and truncate after the shift.
 */
#include "format/byteorder.h"
#include "format/count.h"
#include "format/layout.h"

enum
{
	SPT_HEADER = 20,
	SPT_CELL = 20,
	SPT_MASK = 12				/* offset of the phenotypes in a cell */
};

static uint64_t
spt_size(uint64_t cells)
{
	return SPT_HEADER + cells * SPT_CELL;
}

/*
 * Compute the stored value of a coordinate, which may be too large to store.
 * The order of the two operations is SMProfiler's; it decides the last bit of
 * the sum, and so the result of the truncation.
 */
static inline int64_t
spt_coordinate(double value, double offset, double base)
{
	return (int64_t) (value - offset + base);
}

static void
spt_encode_header(CbWriter *writer)
{
	const CbExtent *extent = &writer->extent;
	uint8_t    *header = writer->payload;

	memset(header, 0, SPT_HEADER);
	if (writer->cells == 0)
		return;

	if (extent->min_x <= 1 || extent->min_y <= 1)
	{
		writer->offset_x = extent->min_x;
		writer->offset_y = extent->min_y;
		writer->base = 1;
	}

	/* A value that is too large is cut here; spt_encode refuses its cell. */
	cb_put_be32(header, (uint32_t) writer->cells);
	cb_put_be32(header + 4, (uint32_t)
				spt_coordinate(extent->min_x, writer->offset_x, writer->base));
	cb_put_be32(header + 8, (uint32_t)
				spt_coordinate(extent->max_x, writer->offset_x, writer->base));
	cb_put_be32(header + 12, (uint32_t)
				spt_coordinate(extent->min_y, writer->offset_y, writer->base));
	cb_put_be32(header + 16, (uint32_t)
				spt_coordinate(extent->max_y, writer->offset_y, writer->base));
}

static bool
spt_encode(CbWriter *writer, const CbBatch *batch)
{
	uint8_t    *to = writer->payload + spt_size(writer->position);

	for (size_t i = 0; i < batch->count; i++)
	{
		int64_t		x = spt_coordinate(batch->x[i], writer->offset_x, writer->base);
		int64_t		y = spt_coordinate(batch->y[i], writer->offset_y, writer->base);

		if (x > UINT32_MAX || y > UINT32_MAX)
			return cb_writer_fail(writer, (CbFault)
								  {.code = CB_COORDINATE_TOO_LARGE,
								   .field = x > UINT32_MAX ? "x" : "y",
								   .cell = batch->cell_id[i],
								   .found = (int64_t) (x > UINT32_MAX ? batch->x[i] : batch->y[i]),
								   .expected = UINT32_MAX});
		cb_put_be32(to, batch->cell_id[i]);
		cb_put_be32(to + 4, (uint32_t) x);
		cb_put_be32(to + 8, (uint32_t) y);
		cb_put_le64(to + SPT_MASK, batch->phenotypes[i]);
		to += SPT_CELL;
	}
	return true;
}

static bool
spt_decode_header(CbReader *reader)
{
	if (!cb_reader_check_header(reader))
		return false;
	reader->cells = cb_get_be32(reader->bytes);
	return cb_reader_check_length(reader, spt_size(reader->cells));
}

static bool
spt_decode(CbReader *reader, CbBatch *batch)
{
	const uint8_t *from = reader->bytes + spt_size(reader->position);

	for (size_t i = 0; i < batch->count; i++)
	{
		batch->cell_id[i] = cb_get_be32(from);
		batch->x[i] = cb_get_be32(from + 4);
		batch->y[i] = cb_get_be32(from + 8);
		batch->phenotypes[i] = cb_get_le64(from + SPT_MASK);
		from += SPT_CELL;
	}
	return true;
}

/* Compare the extent in the header with that of the cells. */
static bool
spt_decode_end(CbReader *reader)
{
	const struct
	{
		const char *field;
		double		expected;
	}			sides[] = {
		{"minimum x", reader->extent.min_x},
		{"maximum x", reader->extent.max_x},
		{"minimum y", reader->extent.min_y},
		{"maximum y", reader->extent.max_y},
	};

	for (int i = 0; i < 4; i++)
	{
		int64_t		found = cb_get_be32(reader->bytes + 4 + 4 * i);
		int64_t		expected = reader->cells > 0 ? (int64_t) sides[i].expected : 0;

		if (found != expected)
			return cb_reader_fail(reader, (CbFault)
								  {.code = CB_WRONG_EXTENT,
								   .field = sides[i].field,
								   .found = found,
								   .expected = expected});
	}
	return true;
}

static uint64_t
spt_count(const CbReader *reader, uint64_t first, uint64_t count,
		  uint64_t tested, uint64_t all_of)
{
	return cb_count_masks(reader->bytes + spt_size(first) + SPT_MASK, SPT_CELL,
						  count, tested, all_of);
}

const CbLayout cb_spt = {
	.name = "spt",
	.name_length = sizeof("spt") - 1,
	.has_ids = true,
	.takes_fractions = true,
	.needs_extent = true,
	.header_size = SPT_HEADER,
	.cell_size = SPT_CELL,
	.size = spt_size,
	.encode_header = spt_encode_header,
	.encode = spt_encode,
	.decode_header = spt_decode_header,
	.decode = spt_decode,
	.decode_end = spt_decode_end,
	.count = spt_count,
};
