/*
 * shapefile.h
 *		The polygon in an ESRI shapefile (.shp), and the mean of its vertices.
 *
 * "ESRI Shapefile Technical Description" (1998) specifies the format: a header
 * of 100 bytes and then records.  Here there is one record, a polygon, with a
 * header of 8 bytes.
 *
 *	bytes		field
 *	0 ... 3		9994, big-endian like the two lengths
 *	24 ... 27	length of the file, in 16-bit words
 *	28 ... 31	1000, little-endian like all that follows, except the length below
 *	32 ... 35	5, polygons
 *	104 ... 107	length of the record's contents, in 16-bit words, big-endian
 *	108 ... 111	5, polygon
 *	144 ... 147	number of rings
 *	148 ... 151	number of vertices
 *	152 ...		int32 for each ring: its first vertex
 *	...			doubles x and y of each vertex; the last vertex of a ring
 *				repeats its first
 *
 * The bounding boxes, the unused bytes and the record's number are not read.
 */
#ifndef CB_SHAPEFILE_H
#define CB_SHAPEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a file before the rings. */
#define CB_SHAPE_HEADER 152

/* The number of vertices that one call reads. */
#define CB_SHAPE_BATCH 65536

/* Faults in a file. */
typedef enum CbShapeFaultCode
{
	CB_SHAPE_NO_FAULT = 0,
	CB_SHAPE_CUT,				/* found: bytes; expected: the fewest */
	CB_SHAPE_WRONG_FIELD,		/* field: a field of the header; found: its
								 * value; expected: the only allowed value */
	CB_SHAPE_TOO_FEW,			/* field: what there are too few of; found:
								 * their number; expected: the fewest */
	CB_SHAPE_WRONG_LENGTH,		/* found: bytes; expected: bytes in the
								 * header */
	CB_SHAPE_WRONG_RECORD,		/* found: bytes of the record's contents in its
								 * header; expected: bytes that its rings and
								 * vertices take */
	CB_SHAPE_NOT_ONE_RECORD,	/* found: bytes; expected: the end of the
								 * record */
	CB_SHAPE_WRONG_RING,		/* position: ring from 1; found: the vertex,
								 * from 0, that cannot be its first */
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

/* A sum with twice the precision of a double. */
typedef struct CbSum
{
	double		high;
	double		low;
} CbSum;

/* A file that is being read. */
typedef struct CbShape
{
	const uint8_t *rings;		/* the first vertex of each ring */
	const uint8_t *points;		/* x and y of each vertex */
	uint32_t	ring_count;
	uint32_t	vertices;
	uint32_t	ring;			/* the current ring */
	uint32_t	ring_start;		/* its first vertex */
	uint32_t	ring_end;		/* the first vertex after it */
	uint32_t	position;		/* of the next vertex */
	CbSum		x;				/* of the vertices read, without the last of
								 * all */
	CbSum		y;
	CbShapeFault fault;
} CbShape;

/* Open a file.  This and the next functions return false after a fault. */
extern bool cb_shape_open(CbShape *shape, const uint8_t *bytes, uint64_t size);

/* Read the next vertices.  All are read once position equals vertices. */
extern bool cb_shape_read(CbShape *shape);

/*
 * Compute the means of x and of y over all vertices except the last, which
 * repeats an earlier one.  The results are the doubles nearest to the means of
 * the numbers, so the order of the vertices makes no difference.
 */
extern bool cb_shape_centroid(CbShape *shape, double *x, double *y);

#endif							/* CB_SHAPEFILE_H */
