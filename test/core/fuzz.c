/*
 * fuzz.c
 *		Fuzz target for the decoder of LAYOUT.
 *
 * Any bytes are either refused with a fault, or a payload: then they decode
 * to the same cells whatever the batch size, and encoding these gives the
 * same bytes again.
 */
#include "cells.h"

#define CHECK(condition) do { if (!(condition)) abort(); } while (0)

/* Layout spt moves cells to 1 unless they are clear of it. */
static bool
survives_encoding(const CbLayout *layout, Cells cells)
{
	CbExtent	extent = cb_extent_of_nothing();

	for (size_t i = 0; i < cells.count; i++)
	{
		cb_extent_add(&extent, &cells.cells[i]);
		/* what a decoder gives may be uint32, what an encoder takes is int32 */
		if (cells.cells[i].x > INT32_MAX || cells.cells[i].y > INT32_MAX)
			return false;
	}
	return layout != &cb_spt || cells.count == 0 ||
		(extent.min_x > 1 && extent.min_y > 1) ||
		(extent.min_x == 1 && extent.min_y == 1);
}

int			LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	Cells		cells;
	Cells		one_by_one;
	CbFault		fault = decode(&LAYOUT, bytes, size, 1000, &cells);
	CbFault		fault_one_by_one = decode(&LAYOUT, bytes, size, 1, &one_by_one);

	CHECK(fault.code == fault_one_by_one.code);
	if (fault.code == CB_NO_FAULT)
	{
		CHECK(cells.count == one_by_one.count);
		CHECK(cells.count == 0 ||
			  memcmp(cells.cells, one_by_one.cells, cells.count * sizeof(CbCell)) == 0);

		if (!LAYOUT.has_ids)
			for (size_t i = 0; i < cells.count; i++)
				cells.cells[i].cell_id = (uint32_t) i;
		if (survives_encoding(&LAYOUT, cells))
		{
			size_t		again_size;
			uint8_t    *again = encode(&LAYOUT, cells, 7, &again_size, &fault);

			CHECK(again != NULL);
			CHECK(again_size == size);
			CHECK(memcmp(again, bytes, size) == 0);
			free(again);
		}
	}
	free(cells.cells);
	free(one_by_one.cells);
	return 0;
}
