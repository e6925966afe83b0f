/*
 * shapefile.c
 *		Reading the polygon in an ESRI shapefile.  The format is in
 *		shapefile.h.
 */
#include "smprofiler/shapefile.h"

#include <math.h>

#include "format/byteorder.h"

enum
{
	FILE_CODE = 9994,
	VERSION = 1000,
	POLYGON = 5,
	FILE_HEADER = 100,			/* bytes before the record */
	RECORD_HEADER = 8,
	BYTES_OF_RING = 4,
	BYTES_OF_VERTEX = 16
};

/* A polygon has at least one vertex and a vertex that closes it. */
enum
{
	FEWEST_VERTICES = 2
};

static bool
fail(CbShapeFault *fault, CbShapeFault what)
{
	*fault = what;
	return false;
}

static int32_t
get_le_int(const uint8_t *from)
{
	return (int32_t) cb_get_le32(from);
}

static int32_t
get_be_int(const uint8_t *from)
{
	return (int32_t) cb_get_be32(from);
}

static double
get_le_double(const uint8_t *from)
{
	uint64_t	bits = cb_get_le64(from);
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Check a field that has only one allowed value. */
static bool
check_field(CbShapeFault *fault, const char *field, int32_t found, int32_t expected)
{
	return found == expected ||
		fail(fault, (CbShapeFault)
			 {.code = CB_SHAPE_WRONG_FIELD, .field = field, .found = found, .expected = expected});
}

/* Check that a number is large enough. */
static bool
check_number(CbShapeFault *fault, const char *field, int32_t found, int32_t fewest)
{
	return found >= fewest ||
		fail(fault, (CbShapeFault)
			 {.code = CB_SHAPE_TOO_FEW, .field = field, .found = found, .expected = fewest});
}

/* Find the end of the ring whose first vertex is the next vertex. */
static bool
start_ring(CbShape *shape)
{
	uint32_t	next = shape->ring + 1;
	int64_t		end = shape->vertices;

	if (next < shape->ring_count)
		end = get_le_int(shape->rings + (uint64_t) next * BYTES_OF_RING);
	if (end <= shape->position || end > shape->vertices ||
		(next < shape->ring_count && end == shape->vertices))
		return fail(&shape->fault, (CbShapeFault)
					{.code = CB_SHAPE_WRONG_RING, .position = (uint64_t) next + 1, .found = end});
	shape->ring_start = shape->position;
	shape->ring_end = (uint32_t) end;
	return true;
}

bool
cb_shape_open(CbShape *shape, const uint8_t *bytes, uint64_t size)
{
	CbShapeFault *fault = &shape->fault;
	int32_t		words;
	uint64_t	file_size;
	int32_t		rings;
	int32_t		vertices;
	int64_t		contents;
	int64_t		expected;

	memset(shape, 0, sizeof(*shape));
	if (size < CB_SHAPE_HEADER)
		return fail(fault, (CbShapeFault)
					{.code = CB_SHAPE_CUT, .found = (int64_t) size, .expected = CB_SHAPE_HEADER});
	words = get_be_int(bytes + 24);
	if (!check_field(fault, "file code", get_be_int(bytes), FILE_CODE) ||
		!check_field(fault, "version", get_le_int(bytes + 28), VERSION) ||
		!check_field(fault, "shape type", get_le_int(bytes + 32), POLYGON) ||
		!check_number(fault, "16-bit words", words, CB_SHAPE_HEADER / 2))
		return false;
	file_size = (uint64_t) words * 2;
	if (file_size != size)
		return fail(fault, (CbShapeFault)
					{.code = CB_SHAPE_WRONG_LENGTH, .found = (int64_t) size,
					 .expected = (int64_t) file_size});

	rings = get_le_int(bytes + 144);
	vertices = get_le_int(bytes + 148);
	if (!check_field(fault, "shape type of the record", get_le_int(bytes + 108), POLYGON) ||
		!check_number(fault, "rings", rings, 1) ||
		!check_number(fault, "vertices", vertices, FEWEST_VERTICES))
		return false;

	/*
	 * The record's length must follow from its numbers, and the file must end
	 * with the record.
	 */
	contents = (int64_t) get_be_int(bytes + 104) * 2;
	expected = CB_SHAPE_HEADER - FILE_HEADER - RECORD_HEADER +
		(int64_t) rings * BYTES_OF_RING + (int64_t) vertices * BYTES_OF_VERTEX;
	if (contents != expected)
		return fail(fault, (CbShapeFault)
					{.code = CB_SHAPE_WRONG_RECORD, .found = contents, .expected = expected});
	expected += FILE_HEADER + RECORD_HEADER;
	if ((int64_t) size != expected)
		return fail(fault, (CbShapeFault)
					{.code = CB_SHAPE_NOT_ONE_RECORD, .found = (int64_t) size,
					 .expected = expected});

	shape->ring_count = (uint32_t) rings;
	shape->vertices = (uint32_t) vertices;
	shape->rings = bytes + CB_SHAPE_HEADER;
	shape->points = shape->rings + (uint64_t) rings * BYTES_OF_RING;
	if (get_le_int(shape->rings) != 0)
		return fail(fault, (CbShapeFault)
					{.code = CB_SHAPE_WRONG_RING, .position = 1,
					 .found = get_le_int(shape->rings)});
	return start_ring(shape);
}

/*
 * Add a number, and keep the part that rounding would lose (Knuth's TwoSum).
 */
static void
add(CbSum *sum, double value)
{
	double		high = sum->high + value;
	double		rest = high - sum->high;

	sum->low += (sum->high - (high - rest)) + (value - rest);
	sum->high = high;
}

bool
cb_shape_read(CbShape *shape)
{
	uint32_t	left = shape->vertices - shape->position;
	uint32_t	end = shape->position + (left < CB_SHAPE_BATCH ? left : CB_SHAPE_BATCH);

	while (shape->position < end)
	{
		const uint8_t *point = shape->points + (uint64_t) shape->position * BYTES_OF_VERTEX;
		double		x = get_le_double(point);
		double		y = get_le_double(point + 8);

		shape->position++;
		if (!isfinite(x) || !isfinite(y))
			return fail(&shape->fault, (CbShapeFault)
						{.code = CB_SHAPE_NOT_FINITE, .field = isfinite(x) ? "y" : "x",
						 .position = shape->position});
		if (shape->position < shape->vertices)
		{
			add(&shape->x, x);
			add(&shape->y, y);
		}
		if (shape->position == shape->ring_end)
		{
			const uint8_t *first = shape->points + (uint64_t) shape->ring_start * BYTES_OF_VERTEX;

			shape->ring++;
			if (get_le_double(first) != x || get_le_double(first + 8) != y)
				return fail(&shape->fault, (CbShapeFault)
							{.code = CB_SHAPE_OPEN_RING, .position = shape->ring});
			if (shape->ring < shape->ring_count && !start_ring(shape))
				return false;
		}
	}
	return true;
}

/* Divide a sum by a count, with one rounding. */
static double
divide(CbSum sum, double count)
{
	double		quotient = (sum.high + sum.low) / count;

	return quotient + (fma(-quotient, count, sum.high) + sum.low) / count;
}

bool
cb_shape_centroid(CbShape *shape, double *x, double *y)
{
	double		count = shape->vertices - 1;

	*x = divide(shape->x, count);
	*y = divide(shape->y, count);
	if (!isfinite(*x) || !isfinite(*y))
		return fail(&shape->fault, (CbShapeFault)
					{.code = CB_SHAPE_TOO_LARGE, .field = isfinite(*x) ? "y" : "x"});
	return true;
}
