/*
 * unit.c
 *		Unit tests of the plain C in src/format and src/smprofiler.
 *
 *	unit                      run the tests
 *	unit --seeds TARGET DIR   write payloads of a layout, or files for the
 *	                          target "shapefile", as seeds for the fuzz target
 */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "format/byteorder.h"
#include "cells.h"
#include "smprofiler/extremes.h"
#include "smprofiler/shapefile.h"
#include "smprofiler/sampling.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A random number generator: splitmix64. */
static uint64_t
next_random(uint64_t *state)
{
	uint64_t	z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/*
 * Make cells with ascending ids and integer coordinates up to the largest
 * int32.
 */
static Cells
random_cells(size_t count, uint64_t seed)
{
	Cells		cells = {malloc((count + 1) * sizeof(Cell)), count};
	uint32_t	id = (uint32_t) (next_random(&seed) % 1000);

	memset(cells.cells, 0, (count + 1) * sizeof(Cell));
	for (size_t i = 0; i < count; i++)
	{
		cells.cells[i].cell_id = id;
		cells.cells[i].x = 2 + (double) (next_random(&seed) % (INT32_MAX - 2u));
		cells.cells[i].y = 2 + (double) (next_random(&seed) % 5000);
		cells.cells[i].phenotypes = next_random(&seed);
		id += 1 + (uint32_t) (next_random(&seed) % 3);
	}
	return cells;
}

static const CbLayout *
layout_named(const char *name)
{
	return cb_layout_named(name, strlen(name));
}

static void
table_of_layouts(void **state)
{
	(void) state;
	for (size_t i = 0; cb_layout_at(i) != NULL; i++)
		assert_ptr_equal(layout_named(cb_layout_at(i)->name), cb_layout_at(i));
	assert_ptr_equal(layout_named("compact"), &cb_compact);
	assert_ptr_equal(layout_named("spt"), &cb_spt);
	assert_ptr_equal(layout_named("dense"), &cb_dense);
	assert_ptr_equal(layout_named("arrow"), &cb_arrow);
	assert_ptr_equal(layout_named("intensity"), &cb_intensity);
	assert_null(layout_named(""));
	assert_null(layout_named("compac"));
	assert_null(layout_named("compactx"));
	assert_null(layout_named("Compact"));
}

static void
byte_order(void **state)
{
	uint8_t		bytes[9] = {0};

	(void) state;
	/* at an odd address */
	cb_put_le32(bytes + 1, 0x01020304);
	assert_memory_equal(bytes + 1, "\x04\x03\x02\x01", 4);
	assert_int_equal(cb_get_le32(bytes + 1), 0x01020304);
	cb_put_be32(bytes + 1, 0xf1020304);
	assert_memory_equal(bytes + 1, "\xf1\x02\x03\x04", 4);
	assert_int_equal(cb_get_be32(bytes + 1), 0xf1020304);
	cb_put_le64(bytes + 1, 0x8102030405060708);
	assert_memory_equal(bytes + 1, "\x08\x07\x06\x05\x04\x03\x02\x81", 8);
	assert_true(cb_get_le64(bytes + 1) == 0x8102030405060708);
}

static void
most_cells(void **state)
{
	(void) state;
	assert_int_equal(cb_layout_max_cells(&cb_compact, 0), 0);
	assert_int_equal(cb_layout_max_cells(&cb_compact, 19), 0);
	assert_int_equal(cb_layout_max_cells(&cb_compact, 20), 1);
	assert_int_equal(cb_layout_max_cells(&cb_compact, 1073741819), 67108863);
	assert_int_equal(cb_layout_max_cells(&cb_spt, 1073741819), 53687089);
	assert_int_equal(cb_layout_max_cells(&cb_arrow, 1073741819), 53687056);
	/*
	 * dense: at most as many as compact at its limit, and at least one bit
	 * each
	 */
	assert_int_equal(cb_layout_max_cells(&cb_dense, 1073741819), 67108863);
	assert_int_equal(cb_layout_max_cells(&cb_dense, 1024), 7872);
	/* the number of cells is a uint32 */
	assert_int_equal(cb_layout_max_cells(&cb_compact, UINT64_MAX / 2), UINT32_MAX - 1u);
}

/* The worked examples of docs/format.md. */
static void
worked_examples(void **state)
{
	Cell		cells[] = {
		{.cell_id = 3, .x = 10.5, .y = 20.25, .phenotypes = 5},
		{.cell_id = 7, .x = -4.0, .y = 300.0, .phenotypes = 0x8000000000000001},
	};
	Cell		truncated[] = {
		{.x = 10, .y = 20, .phenotypes = 5},
		{.x = -4, .y = 300, .phenotypes = 0x8000000000000001},
	};
	static const uint8_t compact[] = {
		0x02, 0x00, 0x00, 0x00,
		0x0a, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0xfc, 0xff, 0xff, 0xff, 0x2c, 0x01, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80,
	};
	static const uint8_t spt[] = {
		0x00, 0x00, 0x00, 0x02,
		0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x0f, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x01, 0x18,
		0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x0f, 0x00, 0x00, 0x00, 0x01,
		0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x01, 0x18,
		0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80,
	};
	size_t		size;
	CbFault		fault;
	Cells		decoded;
	uint8_t    *payload;

	(void) state;
	payload = encode(&cb_compact, (Cells) {cells, 2}, &size, &fault);
	assert_int_equal(size, sizeof(compact));
	assert_memory_equal(payload, compact, size);
	fault = decode(&cb_compact, payload, size, &decoded);
	assert_int_equal(fault.code, CB_NO_FAULT);
	for (int i = 0; i < 2; i++)
	{
		assert_true(decoded.cells[i].x == truncated[i].x && decoded.cells[i].y == truncated[i].y);
		assert_true(decoded.cells[i].phenotypes == truncated[i].phenotypes);
		assert_int_equal(decoded.cells[i].cell_id, 0);
	}
	free(decoded.cells);
	free(payload);

	payload = encode(&cb_spt, (Cells) {cells, 2}, &size, &fault);
	assert_int_equal(size, sizeof(spt));
	assert_memory_equal(payload, spt, size);
	free(payload);
}

static void
no_cells(void **state)
{
	static const uint8_t zeros[20];
	size_t		size;
	CbFault		fault;
	Cells		decoded;
	const CbLayout *layout;

	(void) state;
	for (size_t i = 0; (layout = cb_layout_at(i)) != NULL; i++)
	{
		uint8_t    *payload = encode(layout, (Cells) {NULL, 0}, &size, &fault);

		if (layout == &cb_compact || layout == &cb_spt || layout == &cb_intensity)
		{
			assert_int_equal(size, layout->header_size);
			assert_memory_equal(payload, zeros, size);
		}
		else if (layout == &cb_dense)
		{
			assert_int_equal(size, 40);
			assert_memory_equal(payload, "CBD\1", 4);
			assert_memory_equal(payload + 4, zeros, 20);
			assert_memory_equal(payload + 20, zeros, 20);
		}
		else
			assert_int_equal(size, 576 + 8);
		assert_int_equal(count(layout, payload, size, 0, 0), 0);
		fault = decode(layout, payload, size, &decoded);
		assert_int_equal(fault.code, CB_NO_FAULT);
		assert_int_equal(decoded.count, 0);
		free(decoded.cells);
		free(payload);
	}
}

/* Encoded cells decode, for counts that batches do and don't divide. */
static void
round_trip(void **state)
{
	static const size_t counts[] = {1, 2, 3, 7, 8, 9, 63, 64, 65, 127, 128, 1023, 1024, 1025, 2048, 4000, 100001};
	const CbLayout *layout;

	(void) state;
	for (size_t l = 0; (layout = cb_layout_at(l)) != NULL; l++)
		for (size_t c = 0; c < COUNT_OF(counts); c++)
		{
			Cells		cells = random_cells(counts[c], counts[c]);
			Cells		decoded;
			size_t		size;
			CbFault		fault;
			uint8_t    *payload = encode(layout, cells, &size, &fault);

			assert_non_null(payload);
			fault = decode(layout, payload, size, &decoded);
			assert_int_equal(fault.code, CB_NO_FAULT);
			assert_int_equal(decoded.count, cells.count);
			for (size_t i = 0; i < cells.count; i++)
			{
				assert_true(decoded.cells[i].x == (layout->has_intensities ? 0 : cells.cells[i].x));
				assert_true(decoded.cells[i].y == (layout->has_intensities ? 0 : cells.cells[i].y));
				assert_true(decoded.cells[i].phenotypes == cells.cells[i].phenotypes);
				assert_int_equal(decoded.cells[i].cell_id, layout->has_ids ? cells.cells[i].cell_id : 0);
			}
			free(decoded.cells);
			free(payload);
			free(cells.cells);
		}
}

/* The smallest and largest coordinates, ids and phenotypes. */
static void
extremes(void **state)
{
	Cell		cells[] = {
		{.cell_id = 0, .x = INT32_MIN, .y = INT32_MAX, .phenotypes = 0},
		{.cell_id = UINT32_MAX, .x = INT32_MAX, .y = INT32_MIN, .phenotypes = UINT64_MAX},
	};
	size_t		size;
	CbFault		fault;
	Cells		decoded;
	uint8_t    *payload;
	const CbLayout *layout;

	(void) state;
	for (size_t l = 0; (layout = cb_layout_at(l)) != NULL; l++)
	{
		if (layout == &cb_spt || layout == &cb_intensity)
			continue;
		payload = encode(layout, (Cells) {cells, 2}, &size, &fault);
		fault = decode(layout, payload, size, &decoded);
		assert_int_equal(fault.code, CB_NO_FAULT);
		for (int i = 0; i < 2; i++)
		{
			assert_true(decoded.cells[i].x == cells[i].x && decoded.cells[i].y == cells[i].y &&
						decoded.cells[i].phenotypes == cells[i].phenotypes);
			assert_true(!layout->has_ids || decoded.cells[i].cell_id == cells[i].cell_id);
		}
		assert_int_equal(count(layout, payload, size, UINT64_MAX, 0), 1);
		assert_int_equal(count(layout, payload, size, 0, UINT64_MAX), 1);
		free(decoded.cells);
		free(payload);
	}

	/*
	 * Shifted to 1, the largest coordinate is 2^32, which is one too many, on
	 * either axis.
	 */
	assert_null(encode(&cb_spt, (Cells) {cells, 2}, &size, &fault));
	assert_int_equal(fault.code, CB_COORDINATE_TOO_LARGE);
	assert_string_equal(fault.field, "y");
	assert_int_equal(fault.cell, 0);
	assert_true(fault.found == INT32_MAX && fault.expected == UINT32_MAX);
	cells[0].y = INT32_MAX - 1;
	assert_null(encode(&cb_spt, (Cells) {cells, 2}, &size, &fault));
	assert_string_equal(fault.field, "x");
	assert_int_equal(fault.cell, UINT32_MAX);
	cells[0].x = INT32_MIN + 1;
	payload = encode(&cb_spt, (Cells) {cells, 2}, &size, &fault);
	assert_non_null(payload);
	fault = decode(&cb_spt, payload, size, &decoded);
	assert_int_equal(fault.code, CB_NO_FAULT);
	assert_true(decoded.cells[1].x == UINT32_MAX && decoded.cells[1].cell_id == UINT32_MAX);
	free(decoded.cells);
	free(payload);
}

/* The order of SMProfiler's operations, v - min + 1, decides the last bit. */
static void
spt_shift(void **state)
{
	/*
	 * 1.1 - 0.1 is 1 + 1e-16 or 1; adding 1 gives 2 or a number just below 2
	 */
	static const double minimum[] = {0.1, 0.7, -0.3, 1.0, -1e9 + 0.1};
	static const double step[] = {0.0, 0.1, 0.2, 0.3, 0.9, 1.0, 1.7, 1e9};

	(void) state;
	for (size_t m = 0; m < COUNT_OF(minimum); m++)
	{
		Cell		cells[COUNT_OF(step)];
		size_t		size;
		CbFault		fault;
		uint8_t    *payload;

		for (size_t i = 0; i < COUNT_OF(step); i++)
			cells[i] = (Cell)
		{
			.cell_id = (uint32_t) i, .x = minimum[m] + step[i], .y = 50
		};
		payload = encode(&cb_spt, (Cells) {cells, COUNT_OF(step)}, &size, &fault);
		assert_non_null(payload);
		for (size_t i = 0; i < COUNT_OF(step); i++)
		{
			volatile double shifted = cells[i].x - minimum[m];

			shifted = shifted + 1;
			assert_int_equal(cb_get_be32(payload + 20 + 20 * i + 4), (uint32_t) shifted);
			assert_int_equal(cb_get_be32(payload + 20 + 20 * i + 8), 1);
		}
		free(payload);
	}
}

static void
repeated_id(void **state)
{
	Cell		cells[] = {{.cell_id = 4}, {.cell_id = 9}, {.cell_id = 9}};
	Cells		many = random_cells(CB_BATCH + 1, 1);
	size_t		size;
	CbFault		fault;
	const CbLayout *layout;

	(void) state;
	for (size_t l = 0; (layout = cb_layout_at(l)) != NULL; l++)
	{
		assert_null(encode(layout, (Cells) {cells, 3}, &size, &fault));
		assert_int_equal(fault.code, CB_ID_REPEATED);
		assert_int_equal(fault.cell, 9);
	}
	/* id 0 twice, with no id before it */
	cells[0].cell_id = cells[1].cell_id = 0;
	assert_null(encode(&cb_spt, (Cells) {cells, 3}, &size, &fault));
	assert_int_equal(fault.cell, 0);

	/* the last id of a batch and the first id of the next */
	many.cells[CB_BATCH].cell_id = many.cells[CB_BATCH - 1].cell_id;
	for (size_t l = 0; (layout = cb_layout_at(l)) != NULL; l++)
	{
		assert_null(encode(layout, many, &size, &fault));
		assert_int_equal(fault.code, CB_ID_REPEATED);
		assert_int_equal(fault.cell, many.cells[CB_BATCH].cell_id);
	}
	free(many.cells);
}

/* Change one field of a payload, and expect a fault. */
static void
refused_payloads(void **state)
{
	Cells		cells = random_cells(3, 1);
	Cells		decoded;
	size_t		size;
	CbFault		fault;
	uint8_t    *payload = encode(&cb_spt, cells, &size, &fault);
	static const char *const sides[] = {"minimum x", "maximum x", "minimum y", "maximum y"};

	(void) state;
	for (size_t cut = 0; cut < size; cut++)
	{
		uint8_t    *part = malloc(cut + 1);

		memcpy(part, payload, cut);
		part = realloc(part, cut ? cut : 1);
		fault = decode(&cb_spt, part, cut, &decoded);
		assert_int_equal(fault.code, cut < 20 ? CB_HEADER_CUT : CB_WRONG_LENGTH);
		assert_int_equal(fault.found, cut);
		free(decoded.cells);
		free(part);
	}

	for (int side = 0; side < 4; side++)
	{
		payload[4 + 4 * side] ^= 1;
		fault = decode(&cb_spt, payload, size, &decoded);
		assert_int_equal(fault.code, CB_WRONG_EXTENT);
		assert_string_equal(fault.field, sides[side]);
		payload[4 + 4 * side] ^= 1;
		free(decoded.cells);
	}

	memcpy(payload + 60, payload + 40, 4);
	fault = decode(&cb_spt, payload, size, &decoded);
	assert_int_equal(fault.code, CB_ID_NOT_ASCENDING);
	assert_int_equal(fault.cell, 2);
	assert_int_equal(fault.found, cells.cells[1].cell_id);
	assert_int_equal(fault.expected, cells.cells[1].cell_id);
	free(decoded.cells);
	free(payload);
	free(cells.cells);

	/* a number of cells whose length would overflow 32 bits */
	fault = decode(&cb_compact, (const uint8_t[]) {0, 0, 0, 0x10}, 4, &decoded);
	assert_int_equal(fault.code, CB_WRONG_LENGTH);
	assert_true(fault.expected == 4294967300);
	free(decoded.cells);
}

/*
 * Change one byte of a dense payload, decode it, and change the byte back.
 * Expects this fault, and this field unless it is NULL.
 */
static void
refused_byte(uint8_t *payload, size_t size, size_t at, uint8_t byte, CbFaultCode code, const char *field)
{
	uint8_t		before = payload[at];
	Cells		decoded;
	CbFault		fault;

	payload[at] = byte;
	fault = decode(&cb_dense, payload, size, &decoded);
	assert_int_equal(fault.code, code);
	if (field != NULL)
		assert_string_equal(fault.field, field);
	free(decoded.cells);
	payload[at] = before;
}

/* Each check of a reader of layout dense in docs/format.md. */
static void
refused_dense_payloads(void **state)
{
	/*
	 * gaps, and differences of y; all cells have feature 0, some have 1 and 2
	 */
	static const double y[] = {1000, 1001, 1003, 1002, 1004, 1005, 1006, 1008, 1009, 1010};
	Cell		cells[COUNT_OF(y)];
	size_t		size;
	size_t		features;
	CbFault		fault;
	Cells		decoded;
	uint8_t    *payload;

	(void) state;
	for (size_t i = 0; i < COUNT_OF(y); i++)
		cells[i] = (Cell)
	{
		.cell_id = (uint32_t) (2 * i), .x = (double) (7 * i % 5), .y = y[i], .phenotypes = i % 3 == 0 ? 7 : 1
	};
	payload = encode(&cb_dense, (Cells) {cells, COUNT_OF(y)}, &size, &fault);
	/* 1 plane of gaps, 3 of x, 3 of y as differences, 2 of features */
	assert_memory_equal(payload + 20, "\x01\x03\x83\x00", 4);
	assert_int_equal(size, 40 + 2 + 2 * (1 + 3 + 3 + 2));
	features = 42 + 2 * (1 + 3 + 3);

	refused_byte(payload, size, 0, 'D', CB_WRONG_BYTE, NULL);
	refused_byte(payload, size, 3, 2, CB_WRONG_BYTE, NULL);
	refused_byte(payload, size, 4, 17, CB_WRONG_LENGTH, NULL);
	refused_byte(payload, size, 7, 4, CB_WRONG_FIELD, "number of cells");
	refused_byte(payload, size, 20, 33, CB_WRONG_FIELD, "planes of cell_id");
	refused_byte(payload, size, 21, 0, CB_WRONG_FIELD, "planes of x");
	refused_byte(payload, size, 21, 33, CB_WRONG_FIELD, "planes of x");
	refused_byte(payload, size, 22, 0x80, CB_WRONG_FIELD, "planes of y");
	refused_byte(payload, size, 22, 33, CB_WRONG_FIELD, "planes of y");
	refused_byte(payload, size, 23, 1, CB_WRONG_BYTE, NULL);
	refused_byte(payload, size, 20, 2, CB_WRONG_LENGTH, NULL);
	refused_byte(payload, size, 32, 2, CB_WRONG_LENGTH, NULL);
	/* a parent that is no feature, has no plane, or is the feature itself */
	refused_byte(payload, size, 40, 64, CB_WRONG_PARENT, NULL);
	refused_byte(payload, size, 41, 0, CB_WRONG_PARENT, NULL);
	refused_byte(payload, size, 41, 2, CB_WRONG_PARENT, NULL);
	/* bits after the last cell, in the gaps and in the last feature */
	refused_byte(payload, size, 43, 0x04 | payload[43], CB_BITS_BEHIND_LAST, NULL);
	refused_byte(payload, size, size - 1, 0x80 | payload[size - 1], CB_BITS_BEHIND_LAST, NULL);
	/* a gap and a difference before the first cell */
	refused_byte(payload, size, 42, payload[42] ^ 1, CB_FIRST_NOT_ZERO, "gap of cell_id");
	refused_byte(payload, size, 50, payload[50] ^ 1, CB_FIRST_NOT_ZERO, "difference of y");
	/* no x at its base */
	refused_byte(payload, size, 44, 0xff, CB_NOT_NEEDED, "base of x");

	/* ids and coordinates that would be too large: first id and base of x */
	memset(payload + 8, 0xff, 4);
	fault = decode(&cb_dense, payload, size, &decoded);
	assert_int_equal(fault.code, CB_ID_TOO_LARGE);
	free(decoded.cells);
	memset(payload + 8, 0, 4);
	memcpy(payload + 12, "\xff\xff\xff\x7f", 4);
	fault = decode(&cb_dense, payload, size, &decoded);
	assert_int_equal(fault.code, CB_COORDINATE_OUTSIDE);
	assert_string_equal(fault.field, "x");
	assert_true(fault.cell == 1 && fault.found == INT32_MAX + INT64_C(2));
	free(decoded.cells);
	memset(payload + 12, 0, 4);

	/* a plane of zeros: of gaps, the topmost of x and of y, of a feature */
	for (int i = 0; i < 4; i++)
	{
		static const char *const fields[] = {"planes of cell_id", "planes of x", "planes of y", "features"};
		uint8_t		saved[4];
		size_t		at = i == 0 ? 42 : i == 1 ? 48 : i == 2 ? 54 : features;

		memcpy(saved, payload + at, 4);
		memset(payload + at, 0, i == 3 ? 4 : 2);
		fault = decode(&cb_dense, payload, size, &decoded);
		assert_int_equal(fault.code, CB_NOT_NEEDED);
		assert_string_equal(fault.field, fields[i]);
		free(decoded.cells);
		memcpy(payload + at, saved, 4);
	}
	fault = decode(&cb_dense, payload, size, &decoded);
	assert_int_equal(fault.code, CB_NO_FAULT);
	free(decoded.cells);
	free(payload);

	/* no cells, but a byte in the header or after it */
	payload = encode(&cb_dense, (Cells) {NULL, 0}, &size, &fault);
	for (size_t at = 8; at < 40; at++)
		refused_byte(payload, size, at, 1, CB_WRONG_BYTE, NULL);
	payload = realloc(payload, 41);
	fault = decode(&cb_dense, payload, 41, &decoded);
	assert_int_equal(fault.code, CB_WRONG_LENGTH);
	free(decoded.cells);
	free(payload);
}

/* Each bit of an arrow payload that is not in a column. */
static void
refused_arrow_payloads(void **state)
{
	Cells		cells = random_cells(5, 1);
	Cells		decoded;
	size_t		size;
	CbFault		fault;
	uint8_t    *payload = encode(&cb_arrow, cells, &size, &fault);

	(void) state;
	for (size_t at = 0; at < size; at++)
	{
		/* columns of 5 cells, in blocks of 64 bytes */
		bool		in_column = at >= 576 && at < 576 + 4 * 64 && (at - 576) % 64 < (at < 576 + 3 * 64 ? 20 : 40);

		if (in_column)
			continue;
		payload[at] ^= 1;
		fault = decode(&cb_arrow, payload, size, &decoded);
		assert_true(fault.code == CB_WRONG_BYTE || fault.code == CB_WRONG_LENGTH || fault.code == CB_WRONG_FIELD);
		free(decoded.cells);
		payload[at] ^= 1;
	}
	/* a number of cells that no other layout can have */
	payload[344 + 4] = 1;
	fault = decode(&cb_arrow, payload, size, &decoded);
	assert_int_equal(fault.code, CB_WRONG_FIELD);
	free(decoded.cells);
	payload[344 + 4] = 0;
	/* ids that don't ascend */
	memcpy(payload + 576 + 8, payload + 576 + 4, 4);
	fault = decode(&cb_arrow, payload, size, &decoded);
	assert_int_equal(fault.code, CB_ID_NOT_ASCENDING);
	free(decoded.cells);
	free(payload);
	free(cells.cells);
}

/* Counting agrees with the phenotypes, at any place in a word and a batch. */
static void
counts(void **state)
{
	static const size_t counts[] = {1, 63, 64, 65, 1000, 1024, 2047, 5000};
	const CbLayout *layout;

	(void) state;
	for (size_t l = 0; (layout = cb_layout_at(l)) != NULL; l++)
		for (size_t c = 0; c < COUNT_OF(counts); c++)
		{
			Cells		cells = random_cells(counts[c], counts[c]);
			uint64_t	seed = 9;
			size_t		size;
			CbFault		fault;
			uint8_t    *payload;

			/*
			 * related features, for parents; all cells have 5, no cell has 6
			 */
			for (size_t i = 0; i < cells.count; i++)
			{
				uint64_t	mask = cells.cells[i].phenotypes & 0x1f;

				cells.cells[i].phenotypes = mask | 0x20 | mask << 7 | (~mask & 3) << 60;
			}
			payload = encode(layout, cells, &size, &fault);
			for (int query = 0; query < 200; query++)
			{
				uint64_t	all_of = next_random(&seed) & next_random(&seed) & next_random(&seed);
				uint64_t	none_of = next_random(&seed) & next_random(&seed) & next_random(&seed) & next_random(&seed);
				uint64_t	expected = 0;

				if (query % 2)
				{
					/* tests of one bit, or of few or no bits */
					all_of = query % 4 == 1 ? UINT64_C(1) << query % 64 : 0;
					none_of = query % 3 == 0 ? UINT64_C(1) << query / 3 % 64 : 0;
				}
				for (size_t i = 0; i < cells.count; i++)
					expected += (cells.cells[i].phenotypes & all_of) == all_of &&
						(cells.cells[i].phenotypes & none_of) == 0;
				if (layout->has_intensities)
					expected = (all_of | none_of) == 0 ? cells.count : 0;
				assert_int_equal(count(layout, payload, size, all_of, none_of), expected);
			}
			/* a feature that is in both all_of and none_of */
			assert_int_equal(count(layout, payload, size, 0x20, 0x20), 0);
			free(payload);
			free(cells.cells);
		}
}

/* Random edits of valid payloads give a fault or cells. */
static void
mutated_payloads(void **state)
{
	uint64_t	seed = 42;
	const CbLayout *layout;

	(void) state;
	for (size_t l = 0; (layout = cb_layout_at(l)) != NULL; l++)
	{
		int			valid = 0;
		int			refused = 0;

		for (int i = 0; i < 20000; i++)
		{
			Cells		cells = random_cells(next_random(&seed) % 8, seed);
			Cells		decoded;
			size_t		size;
			CbFault		fault;
			uint8_t    *payload = encode(layout, cells, &size, &fault);
			uint64_t	edits = 1 + next_random(&seed) % 4;

			for (uint64_t e = 0; e < edits; e++)
			{
				uint64_t	where = next_random(&seed);

				if (size > 0 && where % 8 < 6)
					payload[(where >> 8) % (where % 8 < 3 ? size : (size < 4 ? size : 4))] =
						(uint8_t) (next_random(&seed) >> (where % 3 * 28));
				else
				{
					size_t		new_size = where % 8 == 6 ? (where >> 8) % (size + 1) : size + (where >> 8) % 24;
					uint8_t    *copy = calloc(new_size ? new_size : 1, 1);

					memcpy(copy, payload, new_size < size ? new_size : size);
					free(payload);
					payload = copy;
					size = new_size;
				}
			}
			fault = decode(layout, payload, size, &decoded);
			if (fault.code == CB_NO_FAULT)
				valid++;
			else
				refused++;
			free(decoded.cells);
			free(payload);
			free(cells.cells);
		}
		assert_true(valid > 100 && refused > 100);
	}
}

/*
 * The number of each code is that of the formula, and so is the range of
 * values that have the code.
 */
static void
minifloat_codes(void **state)
{
	const double scale = 1.0 / 251.0;
	double		previous = 0;

	(void) state;
	for (int code = 0; code < 256; code++)
	{
		double		exponent = code / 32;
		double		fraction = code % 32;
		double		value = cb_minifloat_decode((uint8_t) code);
		double		lowest = value;

		assert_true(value == scale * ((fraction / 32 + 1) * exp2(exponent) - 1));
		assert_int_equal(cb_minifloat_encode(value), code);
		assert_true(code == 0 || value > previous);
		/*
		 * Values have this code up to the number of the next code, by the
		 * formula.
		 */
		for (int step = 0; step < 3; step++)
		{
			double		shifted = 1 + lowest / scale;

			assert_int_equal(cb_minifloat_encode(lowest), (int) (32 * (shifted / exp2(floor(log2(shifted))) - 1)) + 32 * (int) floor(log2(shifted)));
			lowest = nextafter(lowest, 2);
		}
		if (code > 0)
		{
			assert_int_equal(cb_minifloat_encode((previous + value) / 2), code - 1);
			assert_int_equal(cb_minifloat_encode(value - 1e-15), code - 1);
		}
		previous = value;
	}
	assert_true(previous == 1);
	assert_int_equal(cb_minifloat_encode(1 + 1e-9), 255);
	assert_int_equal(cb_minifloat_encode(255 * scale), 255);
	assert_int_equal(cb_minifloat_encode(1e308), 255);
	assert_int_equal(cb_minifloat_encode(INFINITY), 255);
	assert_int_equal(cb_minifloat_encode(-1e-9), 0);
	assert_int_equal(cb_minifloat_encode(-scale), 0);
	assert_int_equal(cb_minifloat_encode(-1e308), 0);
	assert_int_equal(cb_minifloat_encode(-INFINITY), 0);
	assert_int_equal(cb_minifloat_encode(-0.0), 0);
	assert_int_equal(cb_minifloat_encode(DBL_MIN), 0);
}

/* A shapefile with one polygon. */
typedef struct File
{
	uint8_t    *bytes;
	size_t		size;
	uint8_t    *points;
} File;

static void
put_double(uint8_t *to, double value)
{
	uint64_t	bits;

	memcpy(&bits, &value, sizeof(bits));
	cb_put_le64(to, bits);
}

/*
 * Make rings of random vertices.  The last vertex of a ring repeats its first.
 */
static File
shape_file(const uint32_t *rings, uint32_t ring_count, uint64_t seed)
{
	uint32_t	vertices = 0;
	uint32_t	position = 0;
	File		file;

	for (uint32_t r = 0; r < ring_count; r++)
		vertices += rings[r];
	file.size = 152 + 4 * ring_count + 16 * (size_t) vertices;
	file.bytes = calloc(file.size, 1);
	file.points = file.bytes + 152 + 4 * ring_count;
	cb_put_be32(file.bytes, 9994);
	cb_put_be32(file.bytes + 24, (uint32_t) (file.size / 2));
	cb_put_le32(file.bytes + 28, 1000);
	cb_put_le32(file.bytes + 32, 5);
	cb_put_be32(file.bytes + 100, 1);
	cb_put_be32(file.bytes + 104, (uint32_t) ((file.size - 108) / 2));
	cb_put_le32(file.bytes + 108, 5);
	cb_put_le32(file.bytes + 144, ring_count);
	cb_put_le32(file.bytes + 148, vertices);
	for (uint32_t r = 0; r < ring_count; r++)
	{
		cb_put_le32(file.bytes + 152 + 4 * r, position);
		for (uint32_t v = 0; v < rings[r]; v++)
		{
			put_double(file.points + 16 * (position + v), (double) (int64_t) next_random(&seed) / INT64_C(0x100000000000));
			put_double(file.points + 16 * (position + v) + 8, (double) (next_random(&seed) % 100000));
		}
		memcpy(file.points + 16 * (position + rings[r] - 1), file.points + 16 * position, 16);
		position += rings[r];
	}
	return file;
}

/* Read a whole file. */
static CbShapeFault
read_shape(File file, double *x, double *y)
{
	CbShape		shape;
	/*
	 * an allocation of its own size, so that a read past its end is detected
	 */
	uint8_t    *bytes = malloc(file.size ? file.size : 1);

	memcpy(bytes, file.bytes, file.size);
	if (cb_shape_open(&shape, bytes, file.size))
	{
		while (shape.position < shape.vertices && cb_shape_read(&shape))
			;
		if (shape.fault.code == CB_SHAPE_NO_FAULT)
			(void) cb_shape_centroid(&shape, x, y);
	}
	free(bytes);
	return shape.fault;
}

static void
shape_centroids(void **state)
{
	static const uint32_t rings[][3] = {{2}, {5}, {5, 4, 1}, {1, 3}, {70000, 65536, 3}, {65536}, {1, 1}};
	uint32_t	ring[] = {4};
	File		file;
	double		x;
	double		y;

	(void) state;
	for (size_t i = 0; i < COUNT_OF(rings); i++)
	{
		uint32_t	count = 0;
		uint32_t	vertices = 0;
		long double sum_x = 0;
		long double sum_y = 0;

		while (count < 3 && rings[i][count] > 0)
			vertices += rings[i][count++];
		file = shape_file(rings[i], count, i);
		for (uint32_t v = 0; v + 1 < vertices; v++)
		{
			uint64_t	bits = cb_get_le64(file.points + 16 * v);
			double		value;

			memcpy(&value, &bits, sizeof(value));
			sum_x += value;
			bits = cb_get_le64(file.points + 16 * v + 8);
			memcpy(&value, &bits, sizeof(value));
			sum_y += value;
		}
		assert_int_equal(read_shape(file, &x, &y).code, CB_SHAPE_NO_FAULT);
		assert_true(fabs(x - (double) (sum_x / (vertices - 1))) <= fabs(x) * 1e-15);
		assert_true(y == (double) (sum_y / (vertices - 1)));
		free(file.bytes);
	}

	/*
	 * The mean is rounded once: a sum of doubles would lose the small number.
	 */
	file = shape_file(ring, 1, 0);
	put_double(file.points, 1e17);
	put_double(file.points + 16, 3);
	put_double(file.points + 32, -1e17);
	put_double(file.points + 48, 1e17);
	assert_int_equal(read_shape(file, &x, &y).code, CB_SHAPE_NO_FAULT);
	assert_true(x == 1);
	/* a sum that needs more bits than a double has */
	put_double(file.points, 0x1p53);
	put_double(file.points + 16, 0x1p53 + 4);
	put_double(file.points + 32, 0x1p53 + 4);
	put_double(file.points + 48, 0x1p53);
	assert_int_equal(read_shape(file, &x, &y).code, CB_SHAPE_NO_FAULT);
	assert_true(x == 0x1p53 + 2);	/* 2^53 + 8/3 */

	put_double(file.points, 1e308);
	put_double(file.points + 16, 1e308);
	put_double(file.points + 48, 1e308);
	assert_int_equal(read_shape(file, &x, &y).code, CB_SHAPE_TOO_LARGE);
	free(file.bytes);
}

/* Change an int32 of a file, expect a fault, and change it back. */
static void
refused_int(File file, size_t at, bool big_endian, int32_t value, CbShapeFaultCode code, const char *field)
{
	uint8_t		before[4];
	double		x;
	double		y;
	CbShapeFault fault;

	memcpy(before, file.bytes + at, 4);
	if (big_endian)
		cb_put_be32(file.bytes + at, (uint32_t) value);
	else
		cb_put_le32(file.bytes + at, (uint32_t) value);
	fault = read_shape(file, &x, &y);
	assert_int_equal(fault.code, code);
	if (field != NULL)
		assert_string_equal(fault.field, field);
	memcpy(file.bytes + at, before, 4);
}

static void
refused_double(File file, size_t vertex, int axis, double value, CbShapeFaultCode code, uint64_t position)
{
	uint8_t    *at = file.points + 16 * vertex + 8 * axis;
	uint8_t		before[8];
	double		x;
	double		y;
	CbShapeFault fault;

	memcpy(before, at, 8);
	put_double(at, value);
	fault = read_shape(file, &x, &y);
	assert_int_equal(fault.code, code);
	assert_int_equal(fault.position, position);
	if (code == CB_SHAPE_NOT_FINITE)
		assert_string_equal(fault.field, axis ? "y" : "x");
	memcpy(at, before, 8);
}

static void
refused_shapes(void **state)
{
	static const uint32_t rings[] = {5, 4, 4};
	static const int types[] = {0, 1, 3, 8, 15, 25, 31, -5, 0x05000000};
	File		file = shape_file(rings, 3, 1);
	const int	words = (int) file.size / 2;
	double		x;
	double		y;

	(void) state;
	for (size_t size = 0; size < file.size; size++)
	{
		CbShapeFault fault = read_shape((File) {.bytes = file.bytes, .size = size}, &x, &y);

		assert_int_equal(fault.code, size < 152 ? CB_SHAPE_CUT : CB_SHAPE_WRONG_LENGTH);
		assert_int_equal(fault.found, size);
	}

	/* each value in the wrong byte order */
	refused_int(file, 0, false, 9994, CB_SHAPE_WRONG_FIELD, "file code");
	refused_int(file, 28, true, 1000, CB_SHAPE_WRONG_FIELD, "version");
	refused_int(file, 24, false, words, CB_SHAPE_TOO_FEW, "16-bit words");
	refused_int(file, 104, false, words - 54, CB_SHAPE_WRONG_RECORD, NULL);
	refused_int(file, 144, true, 3, CB_SHAPE_WRONG_RECORD, NULL);

	/* points, lines, polygons with z or m, multipatches, null shapes */
	for (size_t i = 0; i < COUNT_OF(types); i++)
	{
		refused_int(file, 32, false, types[i], CB_SHAPE_WRONG_FIELD, "shape type");
		refused_int(file, 108, false, types[i], CB_SHAPE_WRONG_FIELD, "shape type of the record");
	}
	refused_int(file, 24, true, 0, CB_SHAPE_TOO_FEW, "16-bit words");
	refused_int(file, 24, true, -1, CB_SHAPE_TOO_FEW, "16-bit words");
	refused_int(file, 24, true, words + 1, CB_SHAPE_WRONG_LENGTH, NULL);
	refused_int(file, 24, true, words - 1, CB_SHAPE_WRONG_LENGTH, NULL);
	refused_int(file, 24, true, INT32_MAX, CB_SHAPE_WRONG_LENGTH, NULL);
	refused_int(file, 104, true, words - 55, CB_SHAPE_WRONG_RECORD, NULL);
	refused_int(file, 104, true, -1, CB_SHAPE_WRONG_RECORD, NULL);
	refused_int(file, 144, false, 0, CB_SHAPE_TOO_FEW, "rings");
	refused_int(file, 144, false, -1, CB_SHAPE_TOO_FEW, "rings");
	refused_int(file, 144, false, INT32_MAX, CB_SHAPE_WRONG_RECORD, NULL);
	refused_int(file, 148, false, 1, CB_SHAPE_TOO_FEW, "vertices");
	refused_int(file, 148, false, INT32_MIN, CB_SHAPE_TOO_FEW, "vertices");
	refused_int(file, 148, false, INT32_MAX, CB_SHAPE_WRONG_RECORD, NULL);
	refused_int(file, 148, false, 12, CB_SHAPE_WRONG_RECORD, NULL);

	/* rings that begin at a wrong vertex */
	refused_int(file, 152, false, 1, CB_SHAPE_WRONG_RING, NULL);
	refused_int(file, 152, false, -1, CB_SHAPE_WRONG_RING, NULL);
	refused_int(file, 156, false, 0, CB_SHAPE_WRONG_RING, NULL);
	refused_int(file, 156, false, -1, CB_SHAPE_WRONG_RING, NULL);
	refused_int(file, 156, false, 14, CB_SHAPE_WRONG_RING, NULL);
	refused_int(file, 160, false, 5, CB_SHAPE_WRONG_RING, NULL);
	refused_int(file, 160, false, 13, CB_SHAPE_WRONG_RING, NULL);
	refused_int(file, 156, false, 4, CB_SHAPE_OPEN_RING, NULL);

	/* each ring open, on each axis */
	refused_double(file, 4, 0, 0.5, CB_SHAPE_OPEN_RING, 1);
	refused_double(file, 4, 1, 0.5, CB_SHAPE_OPEN_RING, 1);
	refused_double(file, 5, 0, 0.5, CB_SHAPE_OPEN_RING, 2);
	refused_double(file, 12, 1, 0.5, CB_SHAPE_OPEN_RING, 3);
	for (int axis = 0; axis < 2; axis++)
	{
		refused_double(file, 0, axis, NAN, CB_SHAPE_NOT_FINITE, 1);
		refused_double(file, 7, axis, INFINITY, CB_SHAPE_NOT_FINITE, 8);
		refused_double(file, 12, axis, -INFINITY, CB_SHAPE_NOT_FINITE, 13);
	}

	/* a second record: a copy of the first one */
	file.bytes = realloc(file.bytes, 2 * file.size - 100);
	memcpy(file.bytes + file.size, file.bytes + 100, file.size - 100);
	file.size = 2 * file.size - 100;
	cb_put_be32(file.bytes + 24, (uint32_t) (file.size / 2));
	assert_int_equal(read_shape(file, &x, &y).code, CB_SHAPE_NOT_ONE_RECORD);
	free(file.bytes);
}

static void
subsample_sizes(void **state)
{
	static const struct
	{
		uint64_t	cells[4];
		uint64_t	wanted;
		uint64_t	sizes[4];
	}			cases[] = {
		/* all cells */
		{{5, 1, 0, 4}, 10, {5, 1, 0, 4}},
		{{5, 1, 0, 4}, UINT64_MAX, {5, 1, 0, 4}},
		{{5, 1, 0, 4}, 0, {0, 0, 0, 0}},
		/*
		 * in proportion; the remainder in turn, but none from the empty sample
		 */
		{{100, 200, 300, 400}, 10, {1, 2, 3, 4}},
		{{100, 200, 300, 400}, 12, {2, 3, 3, 4}},
		{{5, 1, 0, 4}, 9, {5, 1, 0, 3}},
		{{0, 0, 1, 4000}, 2, {0, 0, 1, 1}},
		{{3, 3, 3, 3}, 3, {1, 1, 1, 0}},
		/*
		 * From 1 and 3 cells, one is missing; the first sample has no other
		 * cell.
		 */
		{{1, 1, 1, 3}, 5, {1, 1, 1, 2}},
	};
	uint64_t	seed = 3;

	(void) state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		uint64_t	sizes[4];

		cb_subsample_sizes(cases[i].cells, sizes, 4, cases[i].wanted);
		for (int k = 0; k < 4; k++)
			assert_int_equal(sizes[k], cases[i].sizes[k]);
	}
	cb_subsample_sizes(NULL, NULL, 0, 5);

	/*
	 * The sizes add up to the number wanted, each is near its share, and none
	 * exceeds its sample.
	 */
	for (int round = 0; round < 1000; round++)
	{
		uint64_t	cells[50];
		uint64_t	sizes[50];
		uint64_t	total = 0;
		uint64_t	taken = 0;
		uint64_t	wanted;

		for (int k = 0; k < 50; k++)
			total += cells[k] = next_random(&seed) >> (20 + next_random(&seed) % 44);
		wanted = next_random(&seed) % (total + 2);
		cb_subsample_sizes(cells, sizes, 50, wanted);
		for (int k = 0; k < 50; k++)
		{
			double		share = (double) cells[k] / (double) total * (double) (wanted < total ? wanted : total);

			assert_true(sizes[k] <= cells[k]);
			assert_true(fabs((double) sizes[k] - share) <= 1 + share * 1e-12);
			taken += sizes[k];
		}
		assert_int_equal(taken, wanted < total ? wanted : total);
	}
}

static int
compare_keys(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return (*x > *y) - (*x < *y);
}

static void
subsample_keys(void **state)
{
	(void) state;
	/* with seed 0, these are the numbers of splitmix64 from 0 */
	assert_true(cb_subsample_key(0, 0) == UINT64_C(0xe220a8397b1dcdaf));
	assert_true(cb_subsample_key(0, 1) == UINT64_C(0x6e789e6aa1b965f4));
	assert_true(cb_subsample_key(0, 2) == UINT64_C(0x06c45d188009454f));
	assert_true(cb_subsample_key(1, 0) != cb_subsample_key(0, 0));
	assert_true(cb_subsample_key(UINT64_MAX, UINT32_MAX) != cb_subsample_key(UINT64_MAX, 0));
}

/* Each key of random ones, of equal ones, and of ones that differ in one byte, is found. */
static void
kth_smallest(void **state)
{
	uint64_t	random = 5;

	(void) state;
	for (int round = 0; round < 200; round++)
	{
		uint64_t	keys[300];
		uint64_t	sorted[300];
		size_t		count = 1 + next_random(&random) % 300;
		int			shift = round % 4 == 3 ? round / 4 % 8 * 8 : 0;
		uint64_t	most = round % 4 == 0 ? UINT64_MAX : round % 4 == 1 ? 3 : 255;

		for (size_t i = 0; i < count; i++)
			sorted[i] = (next_random(&random) & most) << shift;
		for (size_t k = 1; k <= count; k++)
		{
			memcpy(keys, sorted, sizeof(keys));
			if (k == 1)
				qsort(sorted, count, sizeof(*sorted), compare_keys);
			assert_true(cb_kth_smallest(keys, count, k) == sorted[k - 1]);
		}
	}
}

/*
 * More cells, of a sample or of the study, make the limit lower.  With six
 * deviations, no sample of many has fewer keys below its limit than cells to
 * take, and none has many more.
 */
static void
candidate_limit(void **state)
{
	uint64_t	random = 7;
	int			limited = 0;
	int			fewer = 0;

	(void) state;
	assert_true(cb_candidate_limit(1, 1, 1, 6) == UINT64_MAX);
	assert_true(cb_candidate_limit(1000, 1000, 1000, 6) == UINT64_MAX);
	assert_true(cb_candidate_limit(1, UINT64_MAX, 1, 6) == UINT64_MAX);
	for (int round = 0; round < 2000; round++)
	{
		uint64_t	cells = 1 + next_random(&random) % 3000;
		uint64_t	total = cells + next_random(&random) % 100000;
		uint64_t	wanted = 1 + next_random(&random) % total;
		uint64_t	limit = cb_candidate_limit(cells, total, wanted, 6);
		uint64_t	bare = cb_candidate_limit(cells, total, wanted, 0);
		uint64_t	samples[2] = {cells, total - cells};
		uint64_t	sizes[2];
		uint64_t	below = 0;
		uint64_t	below_bare = 0;

		assert_true(cb_candidate_limit(cells + 1, total + 1, wanted, 6) <= limit);
		assert_true(cb_candidate_limit(cells, total + 1, wanted, 6) <= limit);
		assert_true(cb_candidate_limit(cells, total, wanted, 12) >= limit);
		assert_true(bare <= limit);
		cb_subsample_sizes(samples, sizes, 2, wanted);
		for (uint64_t i = 0; i < cells; i++)
		{
			uint64_t	key = cb_subsample_key(round, (uint32_t) i);

			below += key <= limit;
			below_bare += key <= bare;
		}
		assert_true(below >= sizes[0]);
		fewer += below_bare < sizes[0];
		if (limit == UINT64_MAX)
			continue;
		limited++;
		assert_true((double) below <= (double) sizes[0] + 12 * sqrt((double) sizes[0]) + 70);
	}
	assert_true(limited > 1000);
	/* Without deviations, many samples have fewer. */
	assert_true(fewer > 200);
}

/* Take the code of a cell into account. */
static void
add_to_channel(CbChannel *channel, uint8_t code, bool positive)
{
	if (positive)
	{
		if (!channel->has_positive || code < channel->min_positive)
			channel->min_positive = code;
		channel->has_positive = true;
	}
	else
	{
		if (code > channel->max_negative)
			channel->max_negative = code;
		channel->has_negative = true;
	}
}

/* Numbers of which four are worked on at a time give what single numbers give. */
static void
numbers(void **state)
{
	uint64_t	random = 8;

	(void) state;
	for (int channels = 1; channels <= CB_FEATURES; channels++)
	{
		_Alignas(CbExtremes) char extremes[2][2000];
		CbChannel	channel[CB_FEATURES] = {{false}};

		assert_true(cb_float_extremes_size(channels) < sizeof(extremes[0]));
		assert_true(cb_double_extremes_size(channels) < sizeof(extremes[1]));
		cb_float_extremes_init((CbExtremes *) extremes[0], channels);
		cb_double_extremes_init((CbExtremes *) extremes[1], channels);
		for (int round = 0; round < 100; round++)
		{
			float		real[CB_FEATURES];
			double		precise[CB_FEATURES];
			char		real_bytes[sizeof(real) + 4];
			char		precise_bytes[sizeof(precise) + 4];
			char	   *reals = real_bytes + round % 4;	/* not always aligned */
			char	   *precises = precise_bytes + round % 4;
			uint64_t	phenotypes = next_random(&random);
			uint8_t		codes[2][CB_FEATURES];
			int			wrong = (int) (next_random(&random) % channels);

			for (int i = 0; i < channels; i++)
			{
				static const float special[] = {-INFINITY, INFINITY, 0, -0.0f, FLT_MAX, -FLT_MAX, 1};
				uint64_t	number = next_random(&random);

				real[i] = number % 20 < COUNT_OF(special) ? special[number % 20] :
					(float) (number >> 40) / (float) (1 << 24) * 1.2f - 0.1f;
				precise[i] = real[i];
				add_to_channel(&channel[i], cb_minifloat_encode(real[i]), phenotypes >> i & 1);
			}
			memcpy(reals, real, channels * sizeof(float));
			memcpy(precises, precise, channels * sizeof(double));
			assert_false(cb_floats_have_nan(reals, channels));
			assert_false(cb_doubles_have_nan(precises, channels));
			cb_floats_encode(reals, channels, codes[0]);
			cb_doubles_encode(precises, channels, codes[1]);
			cb_float_extremes_add((CbExtremes *) extremes[0], reals, channels, phenotypes);
			cb_double_extremes_add((CbExtremes *) extremes[1], precises, channels, phenotypes);
			for (int i = 0; i < channels; i++)
			{
				assert_int_equal(codes[0][i], cb_minifloat_encode(real[i]));
				assert_int_equal(codes[1][i], cb_minifloat_encode(real[i]));
			}

			real[wrong] = round % 2 == 0 ? NAN : -NAN;
			precise[wrong] = real[wrong];
			memcpy(reals, real, channels * sizeof(float));
			memcpy(precises, precise, channels * sizeof(double));
			assert_true(cb_floats_have_nan(reals, channels));
			assert_true(cb_doubles_have_nan(precises, channels));
		}
		for (int i = 0; i < channels; i++)
		{
			CbChannel	found[2] = {
				cb_float_extremes_channel((CbExtremes *) extremes[0], channels, i),
				cb_double_extremes_channel((CbExtremes *) extremes[1], channels, i),
			};

			for (int j = 0; j < 2; j++)
			{
				assert_int_equal(found[j].has_negative, channel[i].has_negative);
				assert_int_equal(found[j].has_positive, channel[i].has_positive);
				assert_int_equal(found[j].max_negative, channel[i].max_negative);
				assert_int_equal(found[j].min_positive, channel[i].min_positive);
			}
		}
	}

	/* numbers on both sides of every step between codes */
	for (int code = 0; code < 256; code++)
		for (int step = -2; step <= 2; step++)
		{
			double		number = cb_minifloat_decode((uint8_t) code) * (1 + step * DBL_EPSILON);
			uint8_t		found;

			cb_doubles_encode((const char *) &number, 1, &found);
			assert_int_equal(found, cb_minifloat_encode(number));
		}
}

static void
thresholds(void **state)
{
	CbChannel	channel = {false};

	(void) state;
	/* one kind only: its largest or smallest code, but not 0 */
	add_to_channel(&channel, 0, false);
	assert_int_equal(cb_channel_threshold(&channel), 1);
	add_to_channel(&channel, 100, false);
	add_to_channel(&channel, 50, false);
	assert_int_equal(cb_channel_threshold(&channel), 100);
	/* both kinds, whichever is larger (100 is 8, 200 is 79 of 251) */
	add_to_channel(&channel, 220, true);
	add_to_channel(&channel, 200, true);
	add_to_channel(&channel, 230, true);
	assert_int_equal(cb_channel_threshold(&channel), cb_minifloat_encode((8 + 79) / 2. / 251));
	add_to_channel(&channel, 40, true);
	assert_int_equal(cb_channel_threshold(&channel), cb_minifloat_encode((cb_minifloat_decode(100) + cb_minifloat_decode(40)) / 2));

	channel = (CbChannel) {false};
	add_to_channel(&channel, 0, true);
	assert_int_equal(cb_channel_threshold(&channel), 1);
	channel = (CbChannel) {false};
	add_to_channel(&channel, 255, true);
	assert_int_equal(cb_channel_threshold(&channel), 255);
	add_to_channel(&channel, 255, false);
	assert_int_equal(cb_channel_threshold(&channel), 255);
}

/* Write a file, and return whether this succeeded. */
static bool
write_seed(const char *folder, size_t number, const uint8_t *bytes, size_t size)
{
	char		path[4096];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/%zu", folder, number);
	file = fopen(path, "wb");
	if (file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0)
		return true;
	perror(path);
	return false;
}

/* Write a few payloads of a layout, or a few shapefiles, into a folder. */
static int
write_seeds(const char *target, const char *folder)
{
	bool		written = true;

	for (size_t count = 0; written && count < 12; count++)
		if (strcmp(target, "shapefile") == 0)
		{
			uint32_t	rings[] = {2 + (uint32_t) count, 4, 1};
			File		file = shape_file(rings, 1 + (uint32_t) count % 3, count);

			written = write_seed(folder, count, file.bytes, file.size);
			free(file.bytes);
		}
		else
		{
			Cells		cells = random_cells(count, count);
			size_t		size;
			CbFault		fault;
			uint8_t    *payload = encode(layout_named(target), cells, &size, &fault);

			written = write_seed(folder, count, payload, size);
			free(payload);
			free(cells.cells);
		}
	return written ? 0 : 1;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_of_layouts),
		cmocka_unit_test(byte_order),
		cmocka_unit_test(most_cells),
		cmocka_unit_test(worked_examples),
		cmocka_unit_test(no_cells),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(extremes),
		cmocka_unit_test(spt_shift),
		cmocka_unit_test(repeated_id),
		cmocka_unit_test(refused_payloads),
		cmocka_unit_test(refused_dense_payloads),
		cmocka_unit_test(refused_arrow_payloads),
		cmocka_unit_test(counts),
		cmocka_unit_test(mutated_payloads),
		cmocka_unit_test(minifloat_codes),
		cmocka_unit_test(shape_centroids),
		cmocka_unit_test(refused_shapes),
		cmocka_unit_test(subsample_sizes),
		cmocka_unit_test(subsample_keys),
		cmocka_unit_test(kth_smallest),
		cmocka_unit_test(candidate_limit),
		cmocka_unit_test(numbers),
		cmocka_unit_test(thresholds),
	};

	if (argc == 4 && strcmp(argv[1], "--seeds") == 0)
		return write_seeds(argv[2], argv[3]);
	return cmocka_run_group_tests_name("plain C", tests, NULL, NULL);
}
