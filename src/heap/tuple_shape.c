/*
 * tuple_shape.c
 *		Computing the offsets of the columns in a tuple.
 */
#include "heap/tuple_shape.h"

#include "access/tupmacs.h"
#include "utils/memutils.h"

void
TupleShapeInit(TupleShape *shape, TupleDesc table, int columns)
{
	memset(shape, 0, sizeof(*shape));
	shape->table = table;
	shape->columns = columns;
	shape->column = palloc(columns * sizeof(StoredColumn));
	shape->check = palloc(columns * sizeof(LengthCheck));
	shape->nulls = palloc0(columns / BITS_PER_BYTE + 1);
	shape->offset = palloc(columns * sizeof(int32));
	for (int i = 0; i < columns; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(table, i);

		shape->column[i].length = attribute->attlen;
		shape->column[i].align = att_align_nominal(1, attribute->attalign) - 1;
	}
}

/* After so many tuples of different shapes, the next ones are not compared. */
#define MOST_MISSES 16
#define NOT_COMPARED 4096

/* Note the bytes in front of a value of variable length. */
static void
add_check(TupleShape *shape, const uint8 *data, uint32 from, uint32 value)
{
	LengthCheck *check = &shape->check[shape->checks++];
	uint32		header = VARATT_IS_1B_E(data + value) ? VARHDRSZ_EXTERNAL :
		VARATT_IS_1B(data + value) ? VARHDRSZ_SHORT : VARHDRSZ;

	check->offset = from;
	check->length = value - from + header;
	Assert(check->length <= LENGTH_BYTES);
	memcpy(check->bytes, data + from, check->length);
}

/* Return the offset of a column that begins at or after an offset. */
static pg_attribute_always_inline uint32
column_offset(const StoredColumn *column, const uint8 *data, uint32 offset)
{
	/* A value with a short header is not aligned; a byte of padding is 0. */
	if (column->length >= 0 || data[offset] == 0)
		return (offset + column->align) & ~(uint32) column->align;
	return offset;
}

/* Return the size of a column's value. */
static pg_attribute_always_inline uint32
column_size(const StoredColumn *column, const uint8 *value)
{
	if (column->length >= 0)
		return column->length;
	if (likely(VARATT_IS_SHORT(value) && !VARATT_IS_EXTERNAL(value)))
		return VARSIZE_SHORT(value);
	return VARSIZE_ANY(value);
}

/* Set the offsets of the columns of a tuple without nulls, and nothing else. */
static void
set_offsets(TupleShape *shape, const uint8 *data)
{
	uint32		offset = 0;

	for (int i = 0; i < shape->columns; i++)
	{
		const StoredColumn *column = &shape->column[i];

		offset = column_offset(column, data, offset);
		shape->offset[i] = offset;
		offset += column_size(column, data + offset);
	}
}

void
TupleShapeFit(TupleShape *shape, const HeapTupleHeaderData *tuple)
{
	const uint8 *data = TupleData(tuple);
	uint32		offset = 0;

	Assert(!TupleShapeLacksColumns(shape, tuple));
	shape->is_set = ++shape->misses <= MOST_MISSES;
	if (shape->misses > NOT_COMPARED)
		shape->misses = 0;
	shape->has_nulls = (tuple->t_infomask & HEAP_HASNULL) != 0;
	if (!shape->is_set && !shape->has_nulls)
	{
		set_offsets(shape, data);
		return;
	}

	if (shape->has_nulls)
		memcpy(shape->nulls, tuple->t_bits, (shape->columns + BITS_PER_BYTE - 1) / BITS_PER_BYTE);
	shape->checks = 0;
	for (int i = 0; i < shape->columns; i++)
	{
		const StoredColumn *column = &shape->column[i];
		uint32		value;

		if (shape->has_nulls && att_isnull(i, tuple->t_bits))
		{
			shape->offset[i] = COLUMN_IS_NULL;
			continue;
		}
		value = column_offset(column, data, offset);
		if (column->length < 0)
			add_check(shape, data, offset, value);
		shape->offset[i] = value;
		offset = value + column_size(column, data + value);
	}
}

HeapTupleHeader
TupleShapeComplete(TupleShape *shape, HeapTupleHeader tuple, uint32 length)
{
	HeapTupleData given = {.t_data = tuple, .t_len = length};
	MemoryContext caller;
	HeapTupleHeader complete;

	if (shape->expanded == NULL)
		shape->expanded = AllocSetContextCreate(GetMemoryChunkContext(shape->offset),
												"cell_binary completed tuple",
												ALLOCSET_SMALL_SIZES);
	MemoryContextReset(shape->expanded);
	caller = MemoryContextSwitchTo(shape->expanded);
	complete = heap_expand_tuple(&given, shape->table)->t_data;
	MemoryContextSwitchTo(caller);
	return complete;
}
