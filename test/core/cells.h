/*
 * cells.h
 *		Whole payloads at once, for the tests of src/core.
 */
#ifndef CB_TEST_CELLS_H
#define CB_TEST_CELLS_H

#include <stdlib.h>
#include <string.h>

#include "layout.h"

/* Cells to encode or decoded from a payload. */
typedef struct Cells
{
	CbCell	   *cells;
	size_t		count;
} Cells;

/*
 * Encode cells in batches of that many.  The payload is an allocation of
 * exactly its size, so that the sanitizer sees each byte too many.  NULL on
 * a fault.
 */
static uint8_t *
encode(const CbLayout *layout, Cells cells, size_t batch, size_t *size, CbFault *fault)
{
	CbWriter	writer;
	uint8_t    *payload;
	bool		ok = true;

	cb_writer_init(&writer, layout);
	for (size_t i = 0; ok && i < cells.count; i += batch)
		ok = cb_writer_measure(&writer, cells.cells + i,
							   cells.count - i < batch ? cells.count - i : batch);
	if (!ok)
	{
		*fault = writer.fault;
		return NULL;
	}

	*size = cb_writer_size(&writer);
	payload = malloc(*size);
	cb_writer_begin(&writer, payload);
	for (size_t i = 0; ok && i < cells.count; i += batch)
		ok = cb_writer_write(&writer, cells.cells + i,
							 cells.count - i < batch ? cells.count - i : batch);
	if (ok && writer.next != payload + *size)
		abort();				/* size pass and write pass disagree */
	if (!ok)
	{
		*fault = writer.fault;
		free(payload);
		return NULL;
	}
	return payload;
}

/*
 * Decode a payload in batches of that many, or return its fault.  The caller
 * frees the cells, also after a fault.
 */
static CbFault
decode(const CbLayout *layout, const uint8_t *bytes, size_t size, size_t batch, Cells *cells)
{
	CbReader	reader;
	size_t		count;

	memset(cells, 0, sizeof(*cells));
	if (!cb_reader_open(&reader, layout, bytes, size))
		return reader.fault;
	do
	{
		cells->cells = realloc(cells->cells, (cells->count + batch) * sizeof(CbCell));
		if (!cb_reader_read(&reader, cells->cells + cells->count, batch, &count))
			return reader.fault;
		cells->count += count;
	} while (count > 0);
	if (cells->count != reader.cells)
		abort();
	return (CbFault) {.code = CB_NO_FAULT};
}

#endif							/* CB_TEST_CELLS_H */
