/*
 * numbers_column.c
 *		Copying the intensities of a cell from an array that is not as most are:
 *		compressed, stored out of line, or with another header.
 */
#include "intensity/numbers_column.h"

ArrayType *
NumbersCopy(const NumbersColumn *column, const uint8 *value)
{
	ArrayType  *array = DatumGetArrayTypePCopy(PointerGetDatum(value));

	if (ARR_ELEMTYPE(array) != column->header.type ||
		ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != column->header.channels ||
		array_contains_nulls(array))
		return NULL;
	return array;
}
