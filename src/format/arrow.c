/*
 * arrow.c
 *		Layout arrow: an Arrow IPC stream of one record batch with the columns
 *		cell_id, x, y and phenotypes.
 *
 * Everything except the columns depends only on the number of cells: metadata,
 * padding and the end-of-stream marker.  The reader accepts only streams with
 * exactly these bytes: it refuses a stream that another Arrow writer laid out
 * differently, even if the stream has the same cells.
 */
#include "format/arrow_metadata.h"
#include "format/count.h"
#include "format/layout.h"

enum
{
	ARROW_ALIGNMENT = 64,		/* of the columns */
	ARROW_END = 8				/* bytes of the end-of-stream marker */
};

/* The columns. */
enum
{
	CELL_ID,
	X,
	Y,
	PHENOTYPES,
	COLUMNS
};

/* Bytes of one value in each column. */
static const uint8_t widths[COLUMNS] = {4, 4, 4, 8};

static const uint8_t end_of_stream[ARROW_END] = {0xff, 0xff, 0xff, 0xff};

/* Round bytes up to whole blocks of ARROW_ALIGNMENT. */
static uint64_t
padded(uint64_t bytes)
{
	return (bytes + ARROW_ALIGNMENT - 1) / ARROW_ALIGNMENT * ARROW_ALIGNMENT;
}

/*
 * Return the offset of a column in the body; for COLUMNS, the end of the last
 * column.
 */
static uint64_t
column_offset(uint64_t cells, int column)
{
	uint64_t	offset = 0;

	for (int i = 0; i < column; i++)
		offset += padded(cells * widths[i]);
	return offset;
}

static uint64_t
arrow_size(uint64_t cells)
{
	return ARROW_BODY + column_offset(cells, COLUMNS) + ARROW_END;
}

/*
 * Write the metadata of a payload with this number of cells, ARROW_BODY bytes.
 */
static void
put_metadata(uint8_t *to, uint64_t cells)
{
	memcpy(to, arrow_metadata, ARROW_BODY);
	cb_put_le64(to + ARROW_BODY_LENGTH, column_offset(cells, COLUMNS));
	cb_put_le64(to + ARROW_BATCH_LENGTH, cells);
	for (int i = 0; i < COLUMNS; i++)
	{
		uint8_t    *validity = to + ARROW_BUFFERS + i * 2 * ARROW_BUFFER;
		uint8_t    *values = validity + ARROW_BUFFER;
		uint64_t	offset = column_offset(cells, i);

		cb_put_le64(to + ARROW_NODES + i * ARROW_NODE, cells);
		cb_put_le64(validity, offset);	/* its length stays 0 */
		cb_put_le64(values, offset);
		cb_put_le64(values + 8, cells * widths[i]);
	}
}

/* Write everything except the columns. */
static void
arrow_encode_header(CbWriter *writer)
{
	put_metadata(writer->payload, writer->cells);
	for (int i = 0; i < COLUMNS; i++)
	{
		uint64_t	bytes = writer->cells * widths[i];

		memset(writer->payload + ARROW_BODY + column_offset(writer->cells, i) + bytes, 0,
			   padded(bytes) - bytes);
	}
	memcpy(writer->payload + arrow_size(writer->cells) - ARROW_END, end_of_stream, ARROW_END);
}

/* Return the offset of a cell's value in the payload. */
static uint64_t
value_offset(uint64_t cells, int column, uint64_t position)
{
	return ARROW_BODY + column_offset(cells, column) + position * widths[column];
}

static bool
arrow_encode(CbWriter *writer, const CbBatch *batch)
{
	uint8_t    *to[COLUMNS];

	for (int i = 0; i < COLUMNS; i++)
		to[i] = writer->payload + value_offset(writer->cells, i, writer->position);
	for (size_t i = 0; i < batch->count; i++)
		cb_put_le32(to[CELL_ID] + 4 * i, batch->cell_id[i]);
	for (size_t i = 0; i < batch->count; i++)
		cb_put_le32(to[X] + 4 * i, (uint32_t) (int32_t) batch->x[i]);
	for (size_t i = 0; i < batch->count; i++)
		cb_put_le32(to[Y] + 4 * i, (uint32_t) (int32_t) batch->y[i]);
	for (size_t i = 0; i < batch->count; i++)
		cb_put_le64(to[PHENOTYPES] + 8 * i, batch->phenotypes[i]);
	return true;
}

static bool
arrow_decode_header(CbReader *reader)
{
	uint8_t		metadata[ARROW_BODY];

	/* The bytes before the first number identify the layout. */
	if (!cb_reader_check_header(reader) ||
		!cb_reader_check_bytes(reader, 0, arrow_metadata, ARROW_BODY_LENGTH))
		return false;
	reader->cells = cb_get_le64(reader->bytes + ARROW_BATCH_LENGTH);
	if (reader->cells > UINT32_MAX)
		return cb_reader_fail(reader, (CbFault)
							  {.code = CB_WRONG_FIELD, .field = "number of cells",
							   .found = (int64_t) reader->cells});
	put_metadata(metadata, reader->cells);
	return cb_reader_check_bytes(reader, 0, metadata, ARROW_BODY) &&
		cb_reader_check_length(reader, arrow_size(reader->cells));
}

static bool
arrow_decode(CbReader *reader, CbBatch *batch)
{
	const uint8_t *from[COLUMNS];

	for (int i = 0; i < COLUMNS; i++)
		from[i] = reader->bytes + value_offset(reader->cells, i, reader->position);
	for (size_t i = 0; i < batch->count; i++)
	{
		batch->cell_id[i] = cb_get_le32(from[CELL_ID] + 4 * i);
		batch->x[i] = (int32_t) cb_get_le32(from[X] + 4 * i);
		batch->y[i] = (int32_t) cb_get_le32(from[Y] + 4 * i);
		batch->phenotypes[i] = cb_get_le64(from[PHENOTYPES] + 8 * i);
	}
	return true;
}

/* Check the padding after the columns and the end-of-stream marker. */
static bool
arrow_decode_end(CbReader *reader)
{
	static const uint8_t zeros[ARROW_ALIGNMENT];

	for (int i = 0; i < COLUMNS; i++)
	{
		uint64_t	end = value_offset(reader->cells, i, reader->cells);
		uint64_t	bytes = reader->cells * widths[i];

		if (!cb_reader_check_bytes(reader, end, zeros, padded(bytes) - bytes))
			return false;
	}
	return cb_reader_check_bytes(reader, reader->size - ARROW_END, end_of_stream, ARROW_END);
}

static uint64_t
arrow_count(const CbReader *reader, uint64_t first, uint64_t count,
			uint64_t tested, uint64_t all_of)
{
	return cb_count_masks(reader->bytes + value_offset(reader->cells, PHENOTYPES, first),
						  widths[PHENOTYPES], count, tested, all_of);
}

const CbLayout cb_arrow = {
	.name = "arrow",
	.name_length = sizeof("arrow") - 1,
	.has_ids = true,
	.header_size = ARROW_BODY,
	.size = arrow_size,
	.encode_header = arrow_encode_header,
	.encode = arrow_encode,
	.decode_header = arrow_decode_header,
	.decode = arrow_decode,
	.decode_end = arrow_decode_end,
	.count = arrow_count,
};
