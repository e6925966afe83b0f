/*
 * vectors.c
 *		Payloads for the tests of the clients, as src/format writes and reads
 *		them.
 *
 * Prints one JSON object a line: a payload in hexadecimal, and either the
 * cells that the reader of src/format finds in it (id, x, y, phenotypes; no id
 * in layout compact; in layout intensity, id and the bytes of the channels) or,
 * if the reader refuses it, the fault.  The output does
 * not depend on the machine.  clients/vectors/README.md describes the lines.
 *
 * The writer of src/format makes only one of the payloads that layout dense
 * allows for some cells.  This file writes others, bit by bit as
 * docs/format.md specifies.  A reader must accept each payload that the
 * specification allows, and refuse every other one.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "format/byteorder.h"
#include "cells.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define CHECK(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1); \
		} \
	} while (0)

enum
{
	MUTATIONS = 120				/* per layout */
};

/* ---- lines ---- */

/* A payload: an allocation of exactly its size, for the sanitizer. */
typedef struct Payload
{
	uint8_t    *bytes;
	size_t		size;
} Payload;

static Payload
payload_of(const void *bytes, size_t size)
{
	Payload		payload = {malloc(size ? size : 1), size};

	CHECK(payload.bytes != NULL);
	if (size > 0)
		memcpy(payload.bytes, bytes, size);
	return payload;
}

/* Resize a payload; added bytes are zero. */
static void
resize(Payload *payload, size_t size)
{
	Payload		other = {calloc(size ? size : 1, 1), size};

	CHECK(other.bytes != NULL);
	memcpy(other.bytes, payload->bytes, size < payload->size ? size : payload->size);
	free(payload->bytes);
	*payload = other;
}

static void
print_intensities(const Cell *cell)
{
	uint8_t		codes[sizeof(uint64_t)];

	memcpy(codes, &cell->phenotypes, sizeof(codes));
	for (size_t i = 0; i < sizeof(codes); i++)
		printf(i > 0 ? ",%d" : ",[%d", codes[i]);
	printf("]]");
}

static void
print_cells(const CbLayout *layout, Cells cells)
{
	for (size_t i = 0; i < cells.count; i++)
	{
		const Cell *cell = &cells.cells[i];

		printf(i > 0 ? ",[" : "[");
		if (layout->has_intensities)
		{
			printf("%" PRIu32, cell->cell_id);
			print_intensities(cell);
			continue;
		}
		if (layout->has_ids)
			printf("%" PRIu32, cell->cell_id);
		else
			printf("null");
		printf(",%" PRId64 ",%" PRId64 ",\"%016" PRIx64 "\"]",
			   (int64_t) cell->x, (int64_t) cell->y, cell->phenotypes);
	}
}

/* What a line says of each fault: $ stands for its field, # for its cell. */
static const char *const fault_texts[] = {
	[CB_HEADER_CUT] = "header cut",
	[CB_WRONG_LENGTH] = "wrong length",
	[CB_ID_NOT_ASCENDING] = "cell_id not ascending at #",
	[CB_WRONG_EXTENT] = "wrong extent: $",
	[CB_WRONG_BYTE] = "wrong byte #",
	[CB_WRONG_FIELD] = "impossible $",
	[CB_WRONG_PARENT] = "wrong parent of feature #",
	[CB_FIRST_NOT_ZERO] = "first cell has a $",
	[CB_ID_TOO_LARGE] = "cell_id too large",
	[CB_COORDINATE_OUTSIDE] = "$ outside int32 at #",
	[CB_BITS_BEHIND_LAST] = "bits behind the last cell",
	[CB_NOT_NEEDED] = "not needed: $",
	[CB_PART_OF_CELL] = "part of a cell",
};

static void
print_fault(const CbFault *fault)
{
	/* The array has no text for the faults of an encoder. */
	CHECK(fault->code < COUNT_OF(fault_texts) && fault_texts[fault->code] != NULL);
	for (const char *next = fault_texts[fault->code]; *next != '\0'; next++)
	{
		if (*next == '$')
			printf("%s", fault->field);
		else if (*next == '#')
			printf("%" PRIu64, fault->cell);
		else
			putchar(*next);
	}
}

/* Print the line of a payload with what the reader of src/format returns for it. */
static CbFaultCode
print_line(const CbLayout *layout, const char *name, Payload payload)
{
	Cells		cells;
	CbFault		fault = decode(layout, payload.bytes, payload.size, &cells);

	printf("{\"name\":\"%s: %s\",\"layout\":\"%s\",", layout->name, name, layout->name);
	if (layout->has_intensities)
		printf("\"channels\":%u,", channels_of(layout));
	printf("\"payload\":\"");
	for (size_t i = 0; i < payload.size; i++)
		printf("%02x", payload.bytes[i]);
	if (fault.code == CB_NO_FAULT)
	{
		printf("\",\"cells\":[");
		print_cells(layout, cells);
		printf("]}\n");
	}
	else
	{
		printf("\",\"fault\":\"");
		print_fault(&fault);
		printf("\"}\n");
	}
	free(cells.cells);
	return fault.code;
}

/*
 * Print a payload that the reader must refuse with this fault, and free it.
 * The name is a format as of printf.
 */
__attribute__((format(printf, 4, 5)))
static void
refuse(const CbLayout *layout, CbFaultCode code, Payload payload, const char *format, ...)
{
	char		name[64];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	CHECK(print_line(layout, name, payload) == code);
	free(payload.bytes);
}

/* ---- valid payloads ---- */

/* Return a coordinate as the reader must return it. */
static double
stored_coordinate(const CbLayout *layout, double value, double min, bool shifted)
{
	if (layout->has_intensities)
		return 0;
	if (layout == &cb_spt && shifted)
		value = value - min + 1;
	return (double) (int64_t) value;
}

/* Decode a payload and compare it with the cells that it was made from. */
static void
check_cells(const CbLayout *layout, Payload payload, Cells cells)
{
	CbExtent	extent = cb_extent_of_nothing();
	Cells		decoded;
	CbFault		fault = decode(layout, payload.bytes, payload.size, &decoded);
	bool		shifted;

	for (size_t i = 0; i < cells.count; i++)
		cb_extent_add(&extent, cells.cells[i].x, cells.cells[i].y);
	shifted = extent.min_x <= 1 || extent.min_y <= 1;

	CHECK(fault.code == CB_NO_FAULT);
	CHECK(decoded.count == cells.count);
	CHECK(count(layout, payload.bytes, payload.size, 0, 0) == cells.count);
	for (size_t i = 0; i < cells.count; i++)
	{
		const Cell *in = &cells.cells[i];
		const Cell *out = &decoded.cells[i];

		CHECK(!layout->has_ids || out->cell_id == in->cell_id);
		CHECK(out->x == stored_coordinate(layout, in->x, extent.min_x, shifted));
		CHECK(out->y == stored_coordinate(layout, in->y, extent.min_y, shifted));
		CHECK(out->phenotypes == in->phenotypes);
	}
	free(decoded.cells);
}

/* Encode cells that the layout can hold. */
static Payload
encoded(const CbLayout *layout, Cells cells)
{
	CbFault		fault;
	Payload		payload;

	payload.bytes = encode(layout, cells, &payload.size, &fault);
	CHECK(payload.bytes != NULL);
	return payload;
}

/* Print the line for cells in one layout. */
static void
accept(const CbLayout *layout, Cells cells, const char *name)
{
	Payload		payload = encoded(layout, cells);

	check_cells(layout, payload, cells);
	CHECK(print_line(layout, name, payload) == CB_NO_FAULT);
	free(payload.bytes);
}

static void
accept_in_all(Cells cells, const char *name)
{
	const CbLayout *layout;

	for (size_t i = 0; (layout = cb_layout_at(i)) != NULL; i++)
		accept(layout, cells, name);
}

/* A linear congruential generator, which gives the same numbers everywhere. */
static uint32_t
next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t) (*state >> 32);
}

/*
 * Make cells like those of a slide: ids with gaps, random x, y close to the
 * previous cell's, and features that occur together or exclude each other.
 */
static Cells
slide(size_t count, uint64_t seed)
{
	Cells		cells = {calloc(count + 1, sizeof(Cell)), count};
	uint32_t	id = next_random(&seed) % 1000;
	uint32_t	y = 300;

	CHECK(cells.cells != NULL);
	for (size_t i = 0; i < count; i++)
	{
		uint64_t	mask = next_random(&seed) & next_random(&seed) & 0x13;

		if (next_random(&seed) % 8 != 0)
			mask |= (mask & 1) << 31 | (~mask & 2) << 31;
		mask |= (mask >> 4 & 1) << 63 | 4;
		cells.cells[i].phenotypes = mask;
		cells.cells[i].cell_id = id;
		cells.cells[i].x = 10 + next_random(&seed) % 4000;
		cells.cells[i].y = y;
		id += 1 + next_random(&seed) % 4;
		y += next_random(&seed) % 3;
	}
	return cells;
}

/*
 * The numbers of cells around those at which bytes, words and batches are
 * full.
 */
static void
numbers_of_cells(void)
{
	static const size_t counts[] = {0, 1, 2, 7, 8, 9, 63, 64, 65, CB_BATCH + 3};

	for (size_t i = 0; i < COUNT_OF(counts); i++)
	{
		Cells		cells = slide(counts[i], counts[i]);
		char		name[32];

		snprintf(name, sizeof(name), "%zu cells", counts[i]);
		accept_in_all(cells, name);
		free(cells.cells);
	}
}

/* The worked example of docs/format.md. */
static void
worked_example(void)
{
	Cell		cells[] = {
		{.cell_id = 3, .x = 10.5, .y = 20.25, .phenotypes = 5},
		{.cell_id = 7, .x = -4.0, .y = 300.0, .phenotypes = 0x8000000000000001},
	};

	accept_in_all((Cells) {cells, 2}, "the example of format.md");
}

static void
extremes(void)
{
	Cell		corners[] = {
		{.cell_id = 0, .x = INT32_MIN, .y = INT32_MAX, .phenotypes = 0},
		{.cell_id = 1, .x = 0, .y = -1, .phenotypes = UINT64_MAX},
		{.cell_id = UINT32_MAX, .x = INT32_MAX, .y = INT32_MIN, .phenotypes = 1},
	};
	Cell		masks[] = {
		{.cell_id = 10, .x = 5, .y = 6, .phenotypes = 0},
		{.cell_id = 11, .x = 5, .y = 6, .phenotypes = (uint64_t) 1},
		{.cell_id = 12, .x = 5, .y = 6, .phenotypes = (uint64_t) 1 << 31},
		{.cell_id = 13, .x = 5, .y = 6, .phenotypes = (uint64_t) 1 << 32},
		{.cell_id = 14, .x = 5, .y = 6, .phenotypes = (uint64_t) 1 << 63},
		{.cell_id = 15, .x = 5, .y = 6, .phenotypes = UINT64_MAX},
	};
	Cell		same[] = {
		{.cell_id = UINT32_MAX - 1, .x = -7, .y = -7, .phenotypes = UINT64_MAX},
		{.cell_id = UINT32_MAX, .x = -7, .y = -7, .phenotypes = UINT64_MAX},
	};

	accept_in_all((Cells) {masks, COUNT_OF(masks)}, "masks");
	accept_in_all((Cells) {same, COUNT_OF(same)}, "all cells alike, last ids");
	accept(&cb_compact, (Cells) {corners, COUNT_OF(corners)}, "corners");
	accept(&cb_dense, (Cells) {corners, COUNT_OF(corners)}, "corners");
	accept(&cb_arrow, (Cells) {corners, COUNT_OF(corners)}, "corners");
	/* from 1 to 2^32-1 after the shift */
	corners[0].x++;
	corners[2].y++;
	accept(&cb_spt, (Cells) {corners, COUNT_OF(corners)}, "corners");
}

/* ---- dense by hand ---- */

/*
 * The choices of a writer of layout dense, including choices that are not
 * allowed.
 */
typedef struct Choices
{
	bool		differences[2]; /* of x, of y */
	int			spare_planes[3];	/* planes of zeros on top of gaps, x, y */
	uint32_t	below[2];		/* how far the base is below the minimum */
	uint64_t	spare_features; /* that have a plane although all cells
								 * agree */
	uint64_t	base_mask;		/* for features with a plane */
	uint8_t		parents[64];	/* 0 means none; otherwise the parent plus 1 */
} Choices;

static uint32_t
zigzag(uint32_t difference)
{
	return difference >> 31 ? ~(difference << 1) : difference << 1;
}

/* Append a plane: one bit of each number. */
static uint8_t *
put_plane(uint8_t *next, const uint64_t *numbers, size_t count, int bit)
{
	for (size_t i = 0; i < count; i++)
		next[i / 8] |= (uint8_t) ((numbers[i] >> bit & 1) << i % 8);
	return next + (count + 7) / 8;
}

/* Return the number of planes that the numbers need. */
static int
needed_planes(const uint64_t *numbers, size_t count)
{
	int			needed = 0;

	for (size_t i = 0; i < count; i++)
		while (numbers[i] >> needed != 0)
			needed++;
	return needed;
}

static Payload
dense_by_hand(Cells cells, Choices choices)
{
	uint64_t	numbers[3][65]; /* gaps, codes of x, of y */
	uint64_t	masks[65];
	uint64_t	any = 0;
	uint64_t	all = UINT64_MAX;
	uint64_t	features;
	int			planes[3];
	Payload		payload = payload_of("", 0);
	uint8_t    *next;

	resize(&payload, 40 + 64 + 160 * 9);	/* enough for 65 cells */
	next = payload.bytes + 40;
	CHECK(cells.count >= 1 && cells.count <= COUNT_OF(masks));
	memcpy(payload.bytes, "CBD\1", 4);
	cb_put_le32(payload.bytes + 4, (uint32_t) cells.count);
	cb_put_le32(payload.bytes + 8, cells.cells[0].cell_id);

	for (size_t i = 0; i < cells.count; i++)
	{
		numbers[0][i] = i > 0 ? cells.cells[i].cell_id - cells.cells[i - 1].cell_id - 1 : 0;
		any |= cells.cells[i].phenotypes;
		all &= cells.cells[i].phenotypes;
	}
	for (int axis = 0; axis < 2; axis++)
	{
		int32_t		values[65];
		uint32_t	base;

		for (size_t i = 0; i < cells.count; i++)
			values[i] = (int32_t) (axis == 0 ? cells.cells[i].x : cells.cells[i].y);
		base = (uint32_t) values[0];
		if (!choices.differences[axis])
		{
			for (size_t i = 0; i < cells.count; i++)
				if (values[i] < (int32_t) base)
					base = (uint32_t) values[i];
			base -= choices.below[axis];
		}
		cb_put_le32(payload.bytes + 12 + 4 * axis, base);
		for (size_t i = 0; i < cells.count; i++)
			numbers[1 + axis][i] = choices.differences[axis] ?
				zigzag((uint32_t) values[i] - (uint32_t) values[i > 0 ? i - 1 : 0]) :
				(uint32_t) values[i] - base;
	}
	for (int i = 0; i < 3; i++)
	{
		planes[i] = needed_planes(numbers[i], cells.count);
		if (i == 1 && planes[i] == 0 && !choices.differences[0])
			planes[i] = 1;
		planes[i] += choices.spare_planes[i];
		payload.bytes[20 + i] = (uint8_t) planes[i];
		if (i > 0 && choices.differences[i - 1])
			payload.bytes[20 + i] |= 0x80;
	}

	features = (any & ~all) | choices.spare_features;
	choices.base_mask = (choices.base_mask & features) | (all & ~features);
	cb_put_le64(payload.bytes + 24, choices.base_mask);
	cb_put_le64(payload.bytes + 32, features);
	for (int k = 0; k < 64; k++)
		if (features >> k & 1)
			*next++ = (uint8_t) (choices.parents[k] - 1);

	for (int i = 0; i < 3; i++)
		for (int bit = 0; bit < planes[i]; bit++)
			next = put_plane(next, numbers[i], cells.count, bit);
	for (int k = 0; k < 64; k++)
		if (features >> k & 1)
		{
			for (size_t i = 0; i < cells.count; i++)
			{
				uint64_t	mask = cells.cells[i].phenotypes ^ choices.base_mask;

				masks[i] = mask >> k;
				if (choices.parents[k] > 0)
					masks[i] ^= mask >> (choices.parents[k] - 1);
			}
			next = put_plane(next, masks, cells.count, 0);
		}
	resize(&payload, (size_t) (next - payload.bytes));
	return payload;
}

static void
accept_by_hand(Cells cells, Choices choices, const char *name)
{
	Payload		payload = dense_by_hand(cells, choices);

	check_cells(&cb_dense, payload, cells);
	CHECK(print_line(&cb_dense, name, payload) == CB_NO_FAULT);
	free(payload.bytes);
}

/*
 * Check what the writer of src/format chooses for a slide, so that the lines
 * cover every choice.
 */
static void
check_choices_of_writer(void)
{
	Cells		cells = slide(CB_BATCH + 3, CB_BATCH + 3);
	Payload		payload = encoded(&cb_dense, cells);
	bool		has_parent = false;

	CHECK(payload.bytes[20] > 0);
	CHECK(payload.bytes[21] < 0x80 && payload.bytes[22] > 0x80);
	CHECK((cb_get_le64(payload.bytes + 24) & cb_get_le64(payload.bytes + 32)) != 0);
	for (int k = 0; k < __builtin_popcountll(cb_get_le64(payload.bytes + 32)); k++)
		has_parent |= payload.bytes[40 + k] != 255;
	CHECK(has_parent);
	free(payload.bytes);
	free(cells.cells);
}

/* Valid payloads that the writer of src/format would not write. */
static void
choices_of_others(void)
{
	Cells		cells = slide(13, 1);
	Cell		leaps[] = {
		{.cell_id = 0, .x = INT32_MIN, .y = INT32_MAX},
		{.cell_id = 1, .x = INT32_MAX, .y = INT32_MIN},
		{.cell_id = 3, .x = 0, .y = INT32_MAX},
		{.cell_id = UINT32_MAX, .x = INT32_MIN, .y = -1},
	};
	Cell		many[65];
	Choices		chain = {.base_mask = 0xaaaaaaaaaaaaaaaa};
	Choices		comb = {.base_mask = UINT64_MAX};
	uint64_t	seed = 1;

	accept_by_hand(cells, (Choices) {0}, "no differences, no parents");
	accept_by_hand(cells, (Choices) {.differences = {true, false}}, "differences of x");
	accept_by_hand(cells, (Choices) {.differences = {true, true}}, "differences of x and y");
	accept_by_hand(cells, (Choices) {.base_mask = UINT64_MAX}, "all planes inverted");
	accept_by_hand(cells, (Choices) {.parents = {[31] = 1 + 1, [63] = 31 + 1}}, "parent of a parent");
	accept_by_hand((Cells) {leaps, COUNT_OF(leaps)}, (Choices) {.differences = {true, true}},
				   "differences over 2^31");
	accept_by_hand((Cells) {leaps, COUNT_OF(leaps)}, (Choices) {0}, "32 planes of ids, x and y");

	for (size_t i = 0; i < COUNT_OF(many); i++)
	{
		uint64_t	high = next_random(&seed);

		many[i] = (Cell)
		{
			.cell_id = (uint32_t) (100 + i), .x = -50.0 - (double) i, .y = 9,
			.phenotypes = high << 32
		};
		many[i].phenotypes |= next_random(&seed);
	}
	for (int k = 1; k < 64; k++)
	{
		chain.parents[k] = (uint8_t) k;
		comb.parents[k] = 1;
	}
	accept_by_hand((Cells) {many, COUNT_OF(many)}, chain, "64 features, each the parent of the next");
	accept_by_hand((Cells) {many, COUNT_OF(many)}, comb, "64 features, the first the parent of all");
	free(cells.cells);
}

/* ---- malformed payloads ---- */

/* Return a valid payload that is cut, or extended with zeros, to another size. */
static Payload
with_size(Payload valid, size_t size)
{
	Payload		edit = payload_of(valid.bytes, valid.size);

	resize(&edit, size);
	return edit;
}

static void
malformed_compact(void)
{
	const CbLayout *layout = &cb_compact;
	Cells		cells = slide(2, 1);
	Payload		valid = encoded(layout, cells);
	Payload		edit;

	refuse(layout, CB_HEADER_CUT, payload_of("", 0), "no bytes");
	refuse(layout, CB_HEADER_CUT, payload_of("\0\0", 3), "header cut");
	refuse(layout, CB_WRONG_LENGTH, payload_of("\0\0\0\0", 5), "no cells, a byte too many");
	refuse(layout, CB_WRONG_LENGTH, with_size(valid, valid.size - 1), "a byte too few");
	refuse(layout, CB_WRONG_LENGTH, with_size(valid, valid.size - 16), "a cell too few");
	refuse(layout, CB_WRONG_LENGTH, with_size(valid, valid.size + 1), "a byte too many");
	refuse(layout, CB_WRONG_LENGTH, with_size(valid, valid.size + 16), "a cell too many");
	refuse(layout, CB_WRONG_LENGTH, payload_of("\xff\xff\xff\xff", 4), "2^32-1 cells of no bytes");
	refuse(layout, CB_WRONG_LENGTH, payload_of("\0\0\0\x10", 4), "2^28 cells, 2^32 bytes");
	edit = payload_of("\x01\0\0\x10", 4);
	resize(&edit, 20);
	refuse(layout, CB_WRONG_LENGTH, edit, "2^28+1 cells, right in 32 bits");
	free(valid.bytes);
	free(cells.cells);
}

/* Return a valid payload with one byte changed. */
static Payload
with_byte(Payload valid, size_t at, uint8_t byte)
{
	Payload		edit = payload_of(valid.bytes, valid.size);

	CHECK(at < valid.size && edit.bytes[at] != byte);
	edit.bytes[at] = byte;
	return edit;
}

static void
malformed_spt(void)
{
	static const char *const sides[] = {"minimum x", "maximum x", "minimum y", "maximum y"};
	const CbLayout *layout = &cb_spt;
	Cells		cells = slide(4, 1);
	Payload		valid = encoded(layout, cells);
	Payload		empty = encoded(layout, (Cells) {NULL, 0});
	Payload		edit;

	refuse(layout, CB_HEADER_CUT, payload_of("", 0), "no bytes");
	refuse(layout, CB_HEADER_CUT, with_size(empty, 19), "header cut");
	refuse(layout, CB_WRONG_LENGTH, with_size(valid, valid.size - 1), "a byte too few");
	refuse(layout, CB_WRONG_LENGTH, with_size(valid, valid.size - 20), "a cell too few");
	refuse(layout, CB_WRONG_LENGTH, with_size(valid, valid.size + 1), "a byte too many");
	refuse(layout, CB_WRONG_LENGTH, with_size(empty, 40), "no cells, a cell too many");
	refuse(layout, CB_WRONG_LENGTH, with_byte(empty, 0, 0xff), "2^32-2^24 cells of no bytes");
	edit = payload_of("\x33\x33\x33\x34", 4);
	resize(&edit, 36);
	refuse(layout, CB_WRONG_LENGTH, edit, "858993460 cells, right in 32 bits");
	edit = payload_of(valid.bytes, valid.size);
	memcpy(edit.bytes, "\x04\0\0\0", 4);
	refuse(layout, CB_WRONG_LENGTH, edit, "number of cells little-endian");

	for (int side = 0; side < 4; side++)
	{
		size_t		at = 7 + 4 * (size_t) side;

		refuse(layout, CB_WRONG_EXTENT, with_byte(valid, at, (uint8_t) (valid.bytes[at] + 1)),
			   "%s too large", sides[side]);
		refuse(layout, CB_WRONG_EXTENT, with_byte(empty, at, 1), "%s of no cells", sides[side]);
	}
	for (size_t i = 1; i < 4; i++)
	{
		edit = payload_of(valid.bytes, valid.size);
		memcpy(edit.bytes + 20 + 20 * i, edit.bytes + 20 * i, 4);
		refuse(layout, CB_ID_NOT_ASCENDING, edit, "cell %zu has the id of the one before", i);
	}
	edit = payload_of(valid.bytes, valid.size);
	memcpy(edit.bytes + 20, valid.bytes + 60, 20);
	memcpy(edit.bytes + 60, valid.bytes + 20, 20);
	refuse(layout, CB_ID_NOT_ASCENDING, edit, "ids descend");
	free(valid.bytes);
	free(empty.bytes);
	free(cells.cells);
}

/* In the order of "What a reader checks" in docs/format.md. */
static void
malformed_dense(void)
{
	/*
	 * gaps, and differences of y; all cells have feature 0, some have 1 and 2
	 */
	static const double y[] = {1000, 1001, 1003, 1002, 1004, 1005, 1006, 1008, 1009, 1010};
	const CbLayout *layout = &cb_dense;
	Cell		rows[COUNT_OF(y)];
	Cell		same[2] = {{.cell_id = 5, .x = 6, .y = 7}, {.cell_id = 6, .x = 6, .y = 7}};
	Cells		cells = {rows, COUNT_OF(rows)};
	Payload		valid;
	Payload		empty = encoded(layout, (Cells) {NULL, 0});
	Payload		edit;

	for (size_t i = 0; i < COUNT_OF(y); i++)
		rows[i] = (Cell)
	{
		.cell_id = (uint32_t) (2 * i), .x = (double) (7 * i % 5), .y = y[i], .phenotypes = i % 3 == 0 ? 7 : 1
	};
	valid = encoded(layout, cells);
	/* 1 plane of gaps, 3 of x, 3 of y as differences, 2 of features */
	CHECK(memcmp(valid.bytes + 20, "\x01\x03\x83\x00", 4) == 0);
	CHECK(valid.size == 40 + 2 + 2 * (1 + 3 + 3 + 2));
	CHECK(memcmp(valid.bytes + 40, "\xff\x01", 2) == 0);

	/* 1 to 3: length, magic, number of cells */
	refuse(layout, CB_HEADER_CUT, payload_of("", 0), "no bytes");
	refuse(layout, CB_HEADER_CUT, with_size(empty, 39), "header cut");
	refuse(layout, CB_WRONG_BYTE, with_byte(valid, 0, 'c'), "magic");
	refuse(layout, CB_WRONG_BYTE, with_byte(valid, 2, 'E'), "last letter of the magic");
	refuse(layout, CB_WRONG_BYTE, with_byte(valid, 3, 2), "version 2");
	refuse(layout, CB_WRONG_FIELD, with_byte(valid, 7, 4), "over 2^26-1 cells");
	edit = with_byte(valid, 7, 0xff);
	memset(edit.bytes + 4, 0xff, 4);
	refuse(layout, CB_WRONG_FIELD, edit, "2^32-1 cells");
	for (size_t at = 8; at < 40; at += 3)
		refuse(layout, CB_WRONG_BYTE, with_byte(empty, at, 1), "no cells, but byte %zu", at);
	refuse(layout, CB_WRONG_LENGTH, with_size(empty, 41), "no cells, a byte too many");

	/* 4 to 6: planes of ids, x, y; the zero */
	refuse(layout, CB_WRONG_FIELD, with_byte(valid, 20, 33), "33 planes of ids");
	refuse(layout, CB_WRONG_FIELD, with_byte(valid, 20, 0x81), "a flag at the planes of ids");
	refuse(layout, CB_WRONG_FIELD, with_byte(valid, 21, 0), "no planes of x");
	refuse(layout, CB_WRONG_FIELD, with_byte(valid, 21, 0x80), "differences of x in no planes");
	refuse(layout, CB_WRONG_FIELD, with_byte(valid, 21, 33), "33 planes of x");
	refuse(layout, CB_WRONG_FIELD, with_byte(valid, 21, 0xa1), "33 planes of differences of x");
	refuse(layout, CB_WRONG_FIELD, with_byte(valid, 22, 0x80), "differences of y in no planes");
	refuse(layout, CB_WRONG_FIELD, with_byte(valid, 22, 33), "33 planes of y");
	refuse(layout, CB_WRONG_BYTE, with_byte(valid, 23, 1), "byte 23");
	/* of the right length, with a bit that 32 bits would lose */
	for (int i = 0; i < 3; i++)
	{
		static const char *const names[] = {"ids, all there", "x, all there", "y, all there"};
		int			needed[3] = {1, 3, 4};
		int			last = 0;
		Choices		choices = {0};

		choices.spare_planes[i] = 33 - needed[i];
		needed[i] = 33;
		for (int j = 0; j <= i; j++)
			last += needed[j];
		edit = dense_by_hand(cells, choices);
		CHECK(edit.bytes[20 + i] == 33);
		edit.bytes[42 + 2 * (last - 1)] = 2;
		refuse(layout, CB_WRONG_FIELD, edit, "33 planes of %s", names[i]);
	}

	/* 7: the length */
	refuse(layout, CB_WRONG_LENGTH, with_size(valid, valid.size - 1), "a byte too few");
	refuse(layout, CB_WRONG_LENGTH, with_size(valid, valid.size + 1), "a byte too many");
	refuse(layout, CB_WRONG_LENGTH, with_size(valid, 40), "the header alone");
	refuse(layout, CB_WRONG_LENGTH, with_byte(valid, 4, 17), "cells of another byte");
	edit = with_byte(valid, 7, 3);
	memset(edit.bytes + 4, 0xff, 3);
	refuse(layout, CB_WRONG_LENGTH, edit, "2^26-1 cells");
	refuse(layout, CB_WRONG_LENGTH, with_byte(valid, 20, 2), "a plane of ids too many");
	refuse(layout, CB_WRONG_LENGTH, with_byte(valid, 32, 2), "a feature too few");
	refuse(layout, CB_WRONG_LENGTH, with_byte(valid, 39, 0x80), "a feature too many");

	/* 8: parents */
	refuse(layout, CB_WRONG_PARENT, with_byte(valid, 40, 64), "parent 64");
	refuse(layout, CB_WRONG_PARENT, with_byte(valid, 40, 254), "parent 254");
	refuse(layout, CB_WRONG_PARENT, with_byte(valid, 41, 0), "a parent without a plane");
	refuse(layout, CB_WRONG_PARENT, with_byte(valid, 41, 2), "a feature its own parent");
	refuse(layout, CB_WRONG_PARENT, with_byte(valid, 40, 2), "a higher feature as parent");

	/* 9: bits after the last of 10 cells, in each kind of plane */
	refuse(layout, CB_BITS_BEHIND_LAST, with_byte(valid, 43, 0x04 | valid.bytes[43]), "bit behind the gaps");
	refuse(layout, CB_BITS_BEHIND_LAST, with_byte(valid, 45, 0x80 | valid.bytes[45]), "bit behind x");
	refuse(layout, CB_BITS_BEHIND_LAST, with_byte(valid, 51, 0x10 | valid.bytes[51]), "bit behind y");
	refuse(layout, CB_BITS_BEHIND_LAST, with_byte(valid, 57, 0x04 | valid.bytes[57]), "bit behind feature 1");
	refuse(layout, CB_BITS_BEHIND_LAST, with_byte(valid, 59, 0x80 | valid.bytes[59]), "bit behind feature 2");

	/* 10, 11: ids */
	refuse(layout, CB_FIRST_NOT_ZERO, with_byte(valid, 42, valid.bytes[42] ^ 1), "gap before the first cell");
	refuse(layout, CB_NOT_NEEDED, dense_by_hand(cells, (Choices) {.spare_planes = {1, 0, 0}}),
		   "plane of gaps of zeros");
	cb_put_le32(valid.bytes + 8, UINT32_MAX - 17);
	refuse(layout, CB_ID_TOO_LARGE, payload_of(valid.bytes, valid.size), "last id 2^32");
	cb_put_le32(valid.bytes + 8, UINT32_MAX);
	refuse(layout, CB_ID_TOO_LARGE, payload_of(valid.bytes, valid.size), "second id over 2^32-1");
	cb_put_le32(valid.bytes + 8, 0);

	/* 12: differences */
	refuse(layout, CB_FIRST_NOT_ZERO, with_byte(valid, 50, valid.bytes[50] ^ 1), "difference of the first y");
	edit = dense_by_hand(cells, (Choices) {.differences = {true, true}});
	edit.bytes[44] ^= 1;
	refuse(layout, CB_FIRST_NOT_ZERO, edit, "difference of the first x");
	refuse(layout, CB_NOT_NEEDED,
		   dense_by_hand(cells, (Choices) {.differences = {true, false}, .spare_planes = {0, 1, 0}}),
		   "plane of differences of x of zeros");
	refuse(layout, CB_NOT_NEEDED,
		   dense_by_hand(cells, (Choices) {.differences = {false, true}, .spare_planes = {0, 0, 2}}),
		   "two planes of differences of y of zeros");
	refuse(layout, CB_NOT_NEEDED,
		   dense_by_hand((Cells) {same, 2}, (Choices) {.differences = {true, false}, .spare_planes = {0, 1, 0}}),
		   "one plane of differences of x, of zeros");

	/* 13, 14: coordinates without differences */
	refuse(layout, CB_NOT_NEEDED, dense_by_hand(cells, (Choices) {.spare_planes = {0, 1, 0}}),
		   "plane of x of zeros");
	refuse(layout, CB_NOT_NEEDED, dense_by_hand(cells, (Choices) {.spare_planes = {0, 0, 1}}),
		   "plane of y of zeros");
	refuse(layout, CB_NOT_NEEDED, dense_by_hand((Cells) {same, 2}, (Choices) {.spare_planes = {0, 1, 0}}),
		   "two planes of x of zeros");
	refuse(layout, CB_NOT_NEEDED, dense_by_hand((Cells) {same, 2}, (Choices) {.spare_planes = {0, 0, 1}}),
		   "one plane of y, of zeros");
	refuse(layout, CB_NOT_NEEDED, dense_by_hand(cells, (Choices) {.below = {1, 0}}), "base below the smallest x");
	refuse(layout, CB_NOT_NEEDED, dense_by_hand(cells, (Choices) {.below = {0, 9}}), "base below the smallest y");
	for (size_t axis = 0; axis < 2; axis++)
	{
		edit = dense_by_hand(cells, (Choices) {0});
		memcpy(edit.bytes + 12 + 4 * axis, "\xfe\xff\xff\x7f", 4);
		refuse(layout, CB_COORDINATE_OUTSIDE, edit, "%c over int32", axis == 0 ? 'x' : 'y');
	}

	/* 15: features */
	refuse(layout, CB_NOT_NEEDED, dense_by_hand(cells, (Choices) {.spare_features = 0x8000000000000000}),
		   "plane of a feature of no cell");
	refuse(layout, CB_NOT_NEEDED, dense_by_hand(cells, (Choices) {.spare_features = 1}),
		   "plane of a feature of all cells");
	refuse(layout, CB_NOT_NEEDED,
		   dense_by_hand(cells, (Choices) {.spare_features = 1, .base_mask = 1, .parents = {[1] = 1}}),
		   "plane of zeros, inverted");
	refuse(layout, CB_NOT_NEEDED,
		   dense_by_hand(cells, (Choices) {.spare_features = 8, .parents = {[3] = 2 + 1}}),
		   "plane that is its parent's");
	free(valid.bytes);
	free(empty.bytes);
}

/* ---- mutations ---- */

static void
put_count(const CbLayout *layout, Payload payload, uint32_t cells)
{
	if (layout == &cb_spt)
		cb_put_be32(payload.bytes, cells);
	else
		cb_put_le32(payload.bytes + (layout == &cb_dense ? 4 : 0), cells);
}

static void
malformed_intensity(void)
{
	const CbLayout *layout = &cb_intensity;
	Cells		cells = slide(2, 1);
	Payload		valid = encoded(layout, cells);
	Payload		edit;

	refuse(layout, CB_PART_OF_CELL, payload_of("\0\0\0\0", 4), "an id without intensities");
	refuse(layout, CB_PART_OF_CELL, with_size(valid, valid.size - 1), "a byte too few");
	refuse(layout, CB_PART_OF_CELL, with_size(valid, valid.size + 1), "a byte too many");
	edit = with_size(valid, 2 * valid.size);
	memcpy(edit.bytes + valid.size, valid.bytes, valid.size);
	refuse(layout, CB_ID_NOT_ASCENDING, edit, "the cells twice");
	edit = with_size(valid, valid.size);
	memcpy(edit.bytes, valid.bytes + valid.size / 2, 4);
	refuse(layout, CB_ID_NOT_ASCENDING, edit, "an id twice");
	free(valid.bytes);
	free(cells.cells);
}

/* Edit a payload at random. */
static void
mutate(const CbLayout *layout, Payload *payload, size_t cells, uint64_t *seed)
{
	static const uint32_t many[] = {1 << 26, (1 << 26) - 1, 1 << 28, 0xcccccccd, INT32_MAX, UINT32_MAX};
	uint32_t	kind = next_random(seed) % 10;
	uint32_t	where = next_random(seed);
	uint32_t	what = next_random(seed);
	size_t		at = payload->size > 0 ? where % payload->size : 0;
	size_t		size = payload->size;

	if (kind == 0)
		resize(payload, where % (size + 1));
	else if (kind == 1)
	{
		resize(payload, size + 1 + where % 24);
		payload->bytes[payload->size - 1] = (uint8_t) what;
	}
	else if (kind == 2 && layout->header_size > 0 && size >= layout->header_size)
		put_count(layout, *payload, what % 2 ? many[where % COUNT_OF(many)] : (uint32_t) cells + where % 9 - 4);
	else if (kind == 3 && size > 0)
		payload->bytes[at] = (uint8_t) what;
	else if (kind == 4 && size > 0)
		payload->bytes[where % (size < 40 ? size : 40)] ^= (uint8_t) (1 << what % 8);
	else if (size > layout->header_size)
		payload->bytes[layout->header_size + where % (size - layout->header_size)] ^= (uint8_t) (1 << what % 8);
}

/*
 * Random edits of small payloads, with what the reader of src/format returns
 * for each.
 */
static void
mutations(const CbLayout *layout)
{
	uint64_t	seed = 20;
	int			accepted = 0;

	for (int i = 0; i < MUTATIONS; i++)
	{
		size_t		count = next_random(&seed) % 10;
		Cells		cells = slide(count, (uint64_t) i);
		Payload		payload = encoded(layout, cells);
		uint32_t	edits = 1 + next_random(&seed) % 2;
		char		name[32];

		while (edits-- > 0)
			mutate(layout, &payload, count, &seed);
		snprintf(name, sizeof(name), "mutation %d", i);
		accepted += print_line(layout, name, payload) == CB_NO_FAULT;
		free(payload.bytes);
		free(cells.cells);
	}
	CHECK(accepted >= MUTATIONS / 8 && accepted <= MUTATIONS - MUTATIONS / 8);
}

int
main(void)
{
	worked_example();
	numbers_of_cells();
	extremes();
	check_choices_of_writer();
	choices_of_others();
	malformed_compact();
	malformed_spt();
	malformed_dense();
	malformed_intensity();
	mutations(&cb_compact);
	mutations(&cb_spt);
	mutations(&cb_dense);
	mutations(&cb_intensity);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
