/*
 * tuple_shape.h
 *		Where the columns of a table are in a tuple.
 *
 * Tuples have the same shape if they have the same null columns, and values of
 * the same lengths, up to the last column that is read.  The tuples of a table
 * mostly have the shape of the one before.  Therefore the offsets of the
 * columns are computed once for a shape, and a tuple is only compared with it.
 */
#ifndef CELL_BINARY_TUPLE_SHAPE_H
#define CELL_BINARY_TUPLE_SHAPE_H

#include "compat.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"

/* The offset of a null column. */
#define COLUMN_IS_NULL (-1)

/* The most bytes of padding and of a header. */
#define LENGTH_BYTES (MAXIMUM_ALIGNOF - 1 + VARHDRSZ)

/*
 * The bytes that the tuples of a shape have in front of a value of variable
 * length: its header, and padding before it.
 */
typedef struct LengthCheck
{
	uint32		offset;
	uint8		length;
	uint8		bytes[LENGTH_BYTES];
} LengthCheck;

/* How a column is stored. */
typedef struct StoredColumn
{
	int16		length;			/* attlen */
	uint8		align;			/* in bytes, minus 1 */
} StoredColumn;

typedef struct TupleShape
{
	TupleDesc	table;
	int			columns;		/* the number of the last column that is read */
	StoredColumn *column;
	MemoryContext expanded;		/* a tuple that lacks added columns is completed
								 * here */

	/*
	 * If many tuples in a row differ in shape, comparing them costs more than it
	 * saves, and is tried again only after a while.
	 */
	int			misses;			/* tuples in a row whose shape differed */
	bool		is_set;			/* there is a shape to compare tuples with */

	/* The shape of the last tuple; columns are counted from 0 here. */
	bool		has_nulls;
	int			checks;
	LengthCheck *check;
	uint8	   *nulls;			/* the null bitmap of these columns */
	int32	   *offset;			/* of each column in the data of a tuple */
} TupleShape;

/* Begin with the tuples of a table, of which the first columns are read. */
extern void TupleShapeInit(TupleShape *shape, TupleDesc table, int columns);

/* Make the shape that of a tuple, which must have all columns. */
extern void TupleShapeFit(TupleShape *shape, const HeapTupleHeaderData *tuple);

/*
 * Return a copy of a tuple with the columns that were added to the table since
 * the tuple was stored.  The copy is valid until the next call.
 */
extern HeapTupleHeader TupleShapeComplete(TupleShape *shape, HeapTupleHeader tuple, uint32 length);

/* Return whether a tuple lacks columns that were added later. */
static inline bool
TupleShapeLacksColumns(const TupleShape *shape, const HeapTupleHeaderData *tuple)
{
	return HeapTupleHeaderGetNatts(tuple) < shape->columns;
}

static inline const uint8 *
TupleData(const HeapTupleHeaderData *tuple)
{
	return (const uint8 *) tuple + tuple->t_hoff;
}

/* Return whether null bitmaps are equal in the first columns. */
static inline bool
SameNulls(const uint8 *one, const uint8 *other, int columns)
{
	int			bytes = columns / BITS_PER_BYTE;
	int			rest = columns % BITS_PER_BYTE;

	return memcmp(one, other, bytes) == 0 &&
		(rest == 0 || ((one[bytes] ^ other[bytes]) & ((1 << rest) - 1)) == 0);
}

/* Return whether a tuple that has all columns has this shape. */
static pg_attribute_always_inline bool
TupleShapeMatches(const TupleShape *shape, const HeapTupleHeaderData *tuple)
{
	const uint8 *data = TupleData(tuple);
	bool		has_nulls = (tuple->t_infomask & HEAP_HASNULL) != 0;

	if (!shape->is_set || has_nulls != shape->has_nulls)
		return false;
	if (has_nulls && !SameNulls(tuple->t_bits, shape->nulls, shape->columns))
		return false;
	for (int i = 0; i < shape->checks; i++)
	{
		const LengthCheck *check = &shape->check[i];
		const uint8 *bytes = data + check->offset;

		/* The first byte tells whether the tuple has the other ones. */
		if (bytes[0] != check->bytes[0] ||
			(check->length > 1 && memcmp(bytes + 1, check->bytes + 1, check->length - 1) != 0))
			return false;
	}
	return true;
}

#endif							/* CELL_BINARY_TUPLE_SHAPE_H */
