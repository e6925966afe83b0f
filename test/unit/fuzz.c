/*
 * fuzz.c
 *		Fuzz target for the decoder of LAYOUT.
 *
 * The decoder either refuses the bytes with a fault or accepts them as a
 * payload.  For a payload, counting must find what decoding finds, and
 * encoding the cells must give the same bytes.  For layout dense, in which an
 * encoder has choices, encoding must give bytes that decode to the same cells.
 */
#include "cells.h"

#define CHECK(condition) do { if (!(condition)) abort(); } while (0)

/*
 * Return whether encoding the cells gives them back.  Layout spt shifts
 * coordinates to 1 unless all are above 1.
 */
static bool
survives_encoding(const CbLayout *layout, Cells cells)
{
	CbExtent	extent = cb_extent_of_nothing();

	for (size_t i = 0; i < cells.count; i++)
	{
		cb_extent_add(&extent, cells.cells[i].x, cells.cells[i].y);
		/* a decoder can return a uint32, but an encoder takes an int32 */
		if (cells.cells[i].x > INT32_MAX || cells.cells[i].y > INT32_MAX)
			return false;
	}
	return layout != &cb_spt || cells.count == 0 ||
		(extent.min_x > 1 && extent.min_y > 1) ||
		(extent.min_x == 1 && extent.min_y == 1);
}

static void
check_again(Cells cells, const uint8_t *bytes, size_t size)
{
	size_t		again_size;
	CbFault		fault;
	uint8_t    *again = encode(&LAYOUT, cells, &again_size, &fault);

	CHECK(again != NULL);
	if (&LAYOUT == &cb_dense)
	{
		Cells		decoded;

		CHECK(decode(&LAYOUT, again, again_size, &decoded).code == CB_NO_FAULT);
		CHECK(decoded.count == cells.count);
		CHECK(cells.count == 0 ||
			  memcmp(decoded.cells, cells.cells, cells.count * sizeof(Cell)) == 0);
		free(decoded.cells);
	}
	else
	{
		CHECK(again_size == size);
		CHECK(memcmp(again, bytes, size) == 0);
	}
	free(again);
}

static void
check_count(Cells cells, const uint8_t *bytes, size_t size)
{
	/* Use phenotypes from the payload, so that some cells match. */
	uint64_t	all_of = cells.count > 0 ? cells.cells[0].phenotypes & 0x8000000000000403 : 1;
	uint64_t	none_of = cells.count > 1 ? ~cells.cells[1].phenotypes & 0x4000000000000018 : 0;
	uint64_t	found = 0;

	if (LAYOUT.has_intensities)
	{
		CHECK(count(&LAYOUT, bytes, size, 0, 0) == cells.count);
		return;
	}
	for (size_t i = 0; i < cells.count; i++)
		found += (cells.cells[i].phenotypes & all_of) == all_of &&
			(cells.cells[i].phenotypes & none_of) == 0;
	CHECK(count(&LAYOUT, bytes, size, all_of, none_of) == found);
}

int			LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	Cells		cells;
	CbFault		fault = decode(&LAYOUT, bytes, size, &cells);

	/* Counting must be harmless even for bytes that are refused. */
	(void) count(&LAYOUT, bytes, size, 5, 2);
	if (fault.code == CB_NO_FAULT)
	{
		check_count(cells, bytes, size);
		if (!LAYOUT.has_ids)
			for (size_t i = 0; i < cells.count; i++)
				cells.cells[i].cell_id = (uint32_t) i;
		if (survives_encoding(&LAYOUT, cells))
			check_again(cells, bytes, size);
	}
	free(cells.cells);
	return 0;
}
