/*
 * shapefile.h
 *		The polygon in an ESRI shapefile (.shp), and the mean of its vertices.
 *
 * "ESRI Shapefile Technical Description" (1998) has the format: a header of
 * 100 bytes, and here one record, with a header of 8, which is a polygon.
 *
 *	bytes		field
 *	0 ... 3		9994, big-endian like the lengths
 *	24 ... 27	length of the file, in 16-bit words
 *	28 ... 31	1000, little-endian like all that follows, but for the next length
 *	32 ... 35	5, polygons
 *	104 ... 107	length of the record's contents, in 16-bit words, big-endian
 *	108 ... 111	5, polygon
 *	144 ... 147	number of rings
 *	148 ... 151	number of vertices
 *	152 ...		int32 for each ring: its first vertex
 *	...			doubles x and y of each vertex; the last one of a ring is its
 *				first one again
 *
 * Bounding boxes, bytes that are unused and the record's number are not looked
 * at.
 */
#ifndef CB_SHAPEFILE_H
#define CB_SHAPEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a file before the rings. */
#define CB_SHAPE_HEADER 152

/* Vertices that are read at a time. */
#define CB_SHAPE_BATCH 65536

/* What can be wrong with a file. */
typedef enum CbShapeFaultCode
{
	CB_SHAPE_NO_FAULT = 0,
	CB_SHAPE_CUT,				/* found: bytes; expected: the fewest */
	CB_SHAPE_WRONG_FIELD,		/* field: what the header gives; found: its
								 * value; expected: the one that it must have */
	CB_SHAPE_TOO_FEW,			/* field: of what there are too few; found: how
								 * many; expected: the fewest */
	CB_SHAPE_WRONG_LENGTH,		/* found: bytes; expected: bytes by the header */
	CB_SHAPE_WRONG_RECORD,		/* found: bytes of the record's contents, by its
								 * header; expected: bytes by its numbers of
								 * rings and vertices */
	CB_SHAPE_NOT_ONE_RECORD,	/* found: bytes; expected: where the record
								 * ends */
	CB_SHAPE_WRONG_RING,		/* position: ring from 1; found: the vertex,
								 * from 0, that it cannot begin with */
	CB_SHAPE_OPEN_RING,			/* position: ring from 1 */
	CB_SHAPE_NOT_FINITE,		/* field: "x" or "y"; position: vertex from 1 */
	CB_SHAPE_TOO_LARGE			/* field: "x" or "y" */
} CbShapeFaultCode;

typedef struct CbShapeFault
{
	CbShapeFaultCode code;
	const char *field;
	uint64_t	position;
	int64_t		found;
	int64_t		expected;
} CbShapeFault;

/* A sum in twice the precision of a double. */
typedef struct CbSum
{
	double		high;
	double		low;
} CbSum;

/* A file being read. */
typedef struct CbShape
{
	const uint8_t *rings;		/* the first vertex of each */
	const uint8_t *points;		/* x and y of each vertex */
	uint32_t	ring_count;
	uint32_t	vertices;
	uint32_t	ring;			/* that is being read */
	uint32_t	ring_start;		/* its first vertex */
	uint32_t	ring_end;		/* the first one behind it */
	uint32_t	position;		/* of the next vertex */
	CbSum		x;				/* of those read, but the last of all */
	CbSum		y;
	CbShapeFault fault;
} CbShape;

/* Open a file; false after a fault, as with what follows. */
extern bool cb_shape_open(CbShape *shape, const uint8_t *bytes, uint64_t size);

/* Read the next vertices; all were read if the position is behind the last. */
extern bool cb_shape_read(CbShape *shape);

/*
 * The means of x and of y, of all vertices but the last, which repeats an
 * earlier one.  They are the doubles nearest to the means of the numbers: the
 * order of the vertices makes no difference.
 */
extern bool cb_shape_centroid(CbShape *shape, double *x, double *y);

#endif							/* CB_SHAPEFILE_H */
