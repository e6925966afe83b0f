/*
 * fuzz_shapefile.c
 *		Fuzz target for the reader of shapefiles.
 *
 * The reader either refuses the bytes with a fault or accepts a file.  The
 * centroid of an accepted file must be within the bounding box of its
 * vertices.
 */
#include <stdlib.h>

#include "format/byteorder.h"
#include "smprofiler/shapefile.h"

#define CHECK(condition) do { if (!(condition)) abort(); } while (0)

/*
 * Return coordinate i of the file, counting x and y of all vertices in turn.
 */
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

int			LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	check_file(bytes, size);
	return 0;
}
