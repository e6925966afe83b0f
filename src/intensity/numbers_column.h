/*
 * numbers_column.h
 *		Reading the intensities of a cell from the bytes of a tuple.
 */
#ifndef CELL_BINARY_NUMBERS_COLUMN_H
#define CELL_BINARY_NUMBERS_COLUMN_H

#include "compat.h"

#include "catalog/pg_type.h"
#include "intensity/numbers.h"
#include "utils/array.h"

/* What all arrays of intensities have in front of the numbers, after the length. */
typedef struct NumbersHeader
{
	int32		dimensions;
	int32		nulls;
	Oid			type;
	int32		channels;
	int32		first;			/* may be any number */
} NumbersHeader;

StaticAssertDecl(VARHDRSZ + sizeof(NumbersHeader) == ARR_OVERHEAD_NONULLS(1),
				 "numbers of an array follow the header");

/* The form that the arrays of a column must have. */
typedef struct NumbersColumn
{
	NumbersHeader header;
	Size		size;			/* of the numbers */
} NumbersColumn;

static inline NumbersColumn
NumbersColumnOf(bool is_double, int channels)
{
	return (NumbersColumn) {
		.header = {
			.dimensions = 1,
			.type = is_double ? FLOAT8OID : FLOAT4OID,
			.channels = channels,
		},
		.size = channels * (is_double ? sizeof(float8) : sizeof(float4)),
	};
}

/* Return a copy of an array of any form, or NULL if the executor would raise an error. */
extern ArrayType *NumbersCopy(const NumbersColumn *column, const uint8 *value);

/*
 * Return the numbers of an array, none of which is NaN; NULL if the executor would
 * raise an error.  They are where the array is or, if it is compressed or out of
 * line, in *copy, which the caller frees; *copy is otherwise NULL.
 */
static pg_attribute_always_inline const char *
NumbersRead(const NumbersColumn *column, const uint8 *value, ArrayType **copy,
			const bool is_double)
{
	int			channels = column->header.channels;
	const char *numbers;

	*copy = NULL;
	if (likely(!VARATT_IS_EXTERNAL(value) && !VARATT_IS_COMPRESSED(value) &&
			   VARSIZE_ANY_EXHDR(value) == sizeof(NumbersHeader) + column->size &&
			   memcmp(VARDATA_ANY(value), &column->header,
					  offsetof(NumbersHeader, first)) == 0))
		numbers = VARDATA_ANY(value) + sizeof(NumbersHeader);
	else
	{
		*copy = NumbersCopy(column, value);
		if (*copy == NULL)
			return NULL;
		numbers = ARR_DATA_PTR(*copy);
	}
	if (unlikely(is_double ? cb_doubles_have_nan(numbers, channels) :
				 cb_floats_have_nan(numbers, channels)))
		return NULL;
	return numbers;
}

#endif							/* CELL_BINARY_NUMBERS_COLUMN_H */
