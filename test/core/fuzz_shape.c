/*
 * fuzz_shape.c
 *		Fuzz target for what reads a shapefile in base64.
 *
 * Any bytes are either refused with a fault, or a file whose centroid is in
 * the box around its vertices.  As a text, they are refused, or decode to the
 * same bytes however much at a time; these, encoded, are the text again.
 */
#include <stdlib.h>

#include "base64.h"
#include "byteorder.h"
#include "shape.h"

#define CHECK(condition) do { if (!(condition)) abort(); } while (0)

/* A coordinate among all of the file, x and y in turn. */
static double
coordinate(const CbShape *shape, uint64_t i)
{
	uint64_t	bits = cb_get_le64(shape->points + 8 * i);
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void
check_file(const uint8_t *bytes, size_t size)
{
	CbShape		shape;
	double		centroid[2];

	if (!cb_shape_open(&shape, bytes, size))
	{
		CHECK(shape.fault.code != CB_SHAPE_NO_FAULT);
		return;
	}
	CHECK(size == 152 + 4 * (uint64_t) shape.ring_count + 16 * (uint64_t) shape.vertices);
	while (shape.position < shape.vertices)
		if (!cb_shape_read(&shape))
		{
			CHECK(shape.fault.code != CB_SHAPE_NO_FAULT);
			return;
		}
	CHECK(shape.ring == shape.ring_count);
	if (!cb_shape_centroid(&shape, &centroid[0], &centroid[1]))
	{
		CHECK(shape.fault.code == CB_SHAPE_TOO_LARGE);
		return;
	}
	for (int axis = 0; axis < 2; axis++)
	{
		double		min = coordinate(&shape, (uint64_t) axis);
		double		max = min;

		for (uint32_t i = 1; i < shape.vertices; i++)
		{
			double		value = coordinate(&shape, 2 * (uint64_t) i + (uint64_t) axis);

			min = value < min ? value : min;
			max = value > max ? value : max;
		}
		CHECK(min <= centroid[axis] && centroid[axis] <= max);
	}
}

/* Decode a text, so much at a time; the number of bytes, or -1. */
static long
decode_text(const uint8_t *text, size_t length, uint8_t *to, size_t room)
{
	CbBase64	decoder;
	long		size = 0;

	cb_base64_init(&decoder, (const char *) text, length);
	while (!decoder.at_end)
	{
		size_t		count;

		if (!cb_base64_decode(&decoder, to + size, room, &count))
		{
			CHECK(decoder.position <= length);
			return -1;
		}
		CHECK(count == room || decoder.at_end);
		size += (long) count;
	}
	return size;
}

/* The text must be what its bytes encode to, but for blanks and unused bits. */
static void
check_text(const uint8_t *text, size_t length, const uint8_t *bytes, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t		at = 0;

	for (size_t i = 0; i < (size + 2) / 3 * 4; i++)
	{
		size_t		bit = 6 * i;
		size_t		byte = bit / 8;
		unsigned	pair = byte < size ? (unsigned) (bytes[byte] << 8 | (byte + 1 < size ? bytes[byte + 1] : 0)) : 0;
		char		expected = byte < size ? digits[pair >> (10 - bit % 8) & 63] : '=';

		while (at < length && memchr(" \t\r\n", text[at], 4) != NULL)
			at++;
		CHECK(at < length);
		CHECK(text[at] == (uint8_t) expected || byte + 1 == size);
		at++;
	}
	while (at < length && memchr(" \t\r\n", text[at], 4) != NULL)
		at++;
	CHECK(at == length);
}

int			LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	/* Of exactly the size that is needed, so that a byte too far is noticed. */
	size_t		room = 3 * (size / 4 + 1);
	uint8_t    *all = malloc(room);
	uint8_t    *pieces = malloc(room + 3);
	long		count = decode_text(bytes, size, all, room);

	check_file(bytes, size);
	CHECK(decode_text(bytes, size, pieces, 3) == count);
	if (count >= 0)
	{
		CHECK(memcmp(all, pieces, (size_t) count) == 0);
		check_text(bytes, size, all, (size_t) count);
		check_file(all, (size_t) count);
	}
	free(all);
	free(pieces);
	return 0;
}
