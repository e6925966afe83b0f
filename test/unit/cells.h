/*
 * cells.h
 *		Encoding, decoding and counting whole payloads, for the tests of
 *		src/format.
 */
#ifndef CB_TEST_CELLS_H
#define CB_TEST_CELLS_H

#include <stdlib.h>
#include <string.h>

#include "format/layouts.h"

/*
 * One cell, with the columns of a CbBatch.  In a layout of intensities, the eight
 * bytes of the phenotypes are eight channels, and there are no coordinates.
 */
typedef struct Cell
{
	double		x;
	double		y;
	uint64_t	phenotypes;
	uint32_t	cell_id;
} Cell;

static inline unsigned
channels_of(const CbLayout *layout)
{
	return layout->has_intensities ? sizeof(uint64_t) : 0;
}

/* Cells to encode, or cells decoded from a payload. */
typedef struct Cells
{
	Cell	   *cells;
	size_t		count;
} Cells;

/* Load the batch that starts at cell number first. */
static void
load_batch(Cells cells, size_t first, CbBatch *batch)
{
	batch->count = cells.count - first < CB_BATCH ? cells.count - first : CB_BATCH;
	for (size_t i = 0; i < batch->count; i++)
	{
		batch->cell_id[i] = cells.cells[first + i].cell_id;
		batch->x[i] = cells.cells[first + i].x;
		batch->y[i] = cells.cells[first + i].y;
		batch->phenotypes[i] = cells.cells[first + i].phenotypes;
	}
	if (batch->count > 0)
		batch->intensities = (const uint8_t *) &cells.cells[first].phenotypes;
	batch->intensities_stride = sizeof(Cell);
}

/*
 * Encode cells.  The payload is an allocation of exactly its size, so that the
 * sanitizer detects a write past its end.  Returns NULL on a fault.
 */
static uint8_t *
encode(const CbLayout *layout, Cells cells, size_t *size, CbFault *fault)
{
	CbExtent	extent = cb_extent_of_nothing();
	CbWriter	writer;
	CbBatch		batch;
	uint8_t    *payload = NULL;
	bool		ok = true;

	for (size_t i = 0; i < cells.count; i++)
		cb_extent_add(&extent, cells.cells[i].x, cells.cells[i].y);
	cb_writer_init(&writer, layout, channels_of(layout), cells.count, &extent);
	if (cb_writer_must_measure(&writer))
		for (size_t i = 0; ok && i < cells.count; i += CB_BATCH)
		{
			load_batch(cells, i, &batch);
			ok = cb_writer_measure(&writer, &batch);
		}
	if (ok)
	{
		*size = cb_writer_size(&writer);
		/* Fill the payload first, so that bytes that are not written show. */
		payload = malloc(*size);
		memset(payload, 0xa5, *size);
		cb_writer_begin(&writer, payload);
	}
	for (size_t i = 0; ok && i < cells.count; i += CB_BATCH)
	{
		load_batch(cells, i, &batch);
		ok = cb_writer_write(&writer, &batch);
	}
	if (ok)
		return payload;
	*fault = writer.fault;
	free(payload);
	return NULL;
}

/*
 * Decode a payload, or return its fault.  The header is opened from an
 * allocation of its own, as when the rest of a payload has not been fetched.
 * The caller frees the cells, also after a fault.
 */
static CbFault
decode(const CbLayout *layout, const uint8_t *bytes, size_t size, Cells *cells)
{
	size_t		header_size = size < layout->header_size ? size : layout->header_size;
	uint8_t    *header = malloc(header_size + 1);
	CbReader	reader;
	CbBatch		batch;
	bool		ok;

	memset(cells, 0, sizeof(*cells));
	header = realloc(header, header_size ? header_size : 1);
	if (header_size > 0)
		memcpy(header, bytes, header_size);
	ok = cb_reader_open(&reader, layout, channels_of(layout), header, size);
	free(header);
	ok = ok && cb_reader_start(&reader, bytes);
	do
	{
		ok = ok && cb_reader_read(&reader, &batch);
		if (!ok)
			return reader.fault;
		cells->cells = realloc(cells->cells, (cells->count + batch.count + 1) * sizeof(Cell));
		for (size_t i = 0; i < batch.count; i++)
		{
			Cell		cell = {.cell_id = batch.cell_id[i]};

			if (layout->has_intensities)
				memcpy(&cell.phenotypes, batch.intensities + i * batch.intensities_stride,
					   sizeof(uint64_t));
			else
			{
				cell.x = batch.x[i];
				cell.y = batch.y[i];
				cell.phenotypes = batch.phenotypes[i];
			}
			cells->cells[cells->count++] = cell;
		}
	} while (batch.count > 0);
	if (cells->count != reader.cells)
		abort();
	return (CbFault) {.code = CB_NO_FAULT};
}

/*
 * Count the cells of a valid payload by their phenotypes.  Returns UINT64_MAX
 * on a fault.
 */
static uint64_t
count(const CbLayout *layout, const uint8_t *bytes, size_t size, uint64_t all_of, uint64_t none_of)
{
	CbReader	reader;
	uint64_t	found = 0;

	if (!cb_reader_open(&reader, layout, channels_of(layout), bytes, size) ||
		!cb_reader_start(&reader, bytes))
		return UINT64_MAX;
	/* in parts, as the extension does between checks for interrupts */
	for (uint64_t first = 0; first < reader.cells; first += 2 * CB_BATCH)
		found += cb_reader_count(&reader, first,
								 reader.cells - first < 2 * CB_BATCH ? reader.cells - first : 2 * CB_BATCH,
								 all_of, none_of);
	return found;
}

#endif							/* CB_TEST_CELLS_H */
