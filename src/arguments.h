/*
 * arguments.h
 *		The SQL arguments that several functions share: the layout, the cell_id
 *		and lists of features; and the error for a NULL argument.  The argument
 *		"coding" is in coding/codings.h.
 */
#ifndef CELL_BINARY_ARGUMENTS_H
#define CELL_BINARY_ARGUMENTS_H

#include "compat.h"

#include "catalog/pg_type_d.h"
#include "format/layouts.h"
#include "utils/array.h"

/*
 * Return the layout that an argument names.  Errors: 22023 for an unknown
 * name.
 */
extern const CbLayout *GetLayoutArgument(FunctionCallInfo fcinfo, int arg);

/*
 * Return the layout that a value names, or NULL; its type is text or the enum
 * cell_layout.
 */
extern const CbLayout *LayoutIfKnown(Oid type, Datum value);

/*
 * Return a layout as a value of the enum cell_layout, for a query, and the type of
 * the value.  A text has a collation, and postgres_fdw sends an aggregate with a
 * collation to another server only if the collation comes from a foreign table's
 * column; an enum has none.  In a database where the extension is still at a version
 * without the enum, the value is a text.
 */
extern Datum LayoutValue(Oid schema, const CbLayout *layout, Oid *type);

/*
 * Return the names of all layouts, quoted and separated by commas, for a hint.
 */
extern const char *LayoutNames(void);

/*
 * Raise 22023: a function that takes or returns coordinates and phenotypes is
 * called with a layout of intensities.
 */
pg_noreturn extern void RaiseNoCoordinates(const CbLayout *layout, const char *instead);

/* Raise 22023: the rows of one payload name two different layouts. */
pg_noreturn extern void RaiseMixedLayouts(const CbLayout *first, const CbLayout *other);

/* Raise 22003: a cell_id does not fit in uint32. */
pg_noreturn extern void RaiseCellId(int64 cell_id);

/*
 * Raise 22004: an argument is NULL.  row (for example "cell_id 7") names the
 * row in the detail; row and hint may be NULL.
 */
pg_noreturn extern void RaiseNull(const char *argument, const char *row, const char *hint);

/*
 * RaiseNull for an argument of an aggregate; the hint says how to filter out
 * such rows.
 */
pg_noreturn extern void RaiseNullInRow(const char *argument, const char *row);

/* Raise 22023: a list names the same feature twice. */
pg_noreturn extern void RaiseRepeatedFeature(const char *feature);

/* Raise 22003: a feature value from an integer column is neither 0 nor 1. */
pg_noreturn extern void RaiseNotPositive(int64 value);

/* Raise 2202E or 54023: an array of features has several dimensions, or is too long. */
pg_noreturn extern void RaiseFeatureArray(const ArrayType *array, int features);

/*
 * Convert the elements of a name[] or text[] to C strings and return their
 * number.  A null element becomes NULL.
 */
extern int	ArrayStrings(ArrayType *array, const char ***strings);

/* Return the first string that repeats an earlier one, or NULL. */
extern const char *RepeatedString(int count, const char **strings);

/* What an aggregate's transition function keeps in fn_extra about its layout argument. */
typedef struct RowLayout
{
	Oid			type;
	Oid			label;			/* the last value, if the type is the enum */
	const CbLayout *layout;		/* that the value names */
} RowLayout;

/* Return the layout in the first row of a payload.  Errors: 22023 for an unknown name. */
extern const CbLayout *GetRowLayout(FunctionCallInfo fcinfo, int arg);

/*
 * Refuse a layout argument that differs from the layout of earlier rows, for which
 * GetRowLayout has been called.  This runs for every row, so it compares the few bytes
 * in a loop, which takes less time than a call of memcmp.
 */
static inline void
CheckRowLayout(FunctionCallInfo fcinfo, int arg, const CbLayout *expected)
{
	const RowLayout *last = fcinfo->flinfo->fn_extra;
	bool		same;

	if (last->type == TEXTOID)
	{
		text	   *name = PG_GETARG_TEXT_PP(arg);

		same = VARSIZE_ANY_EXHDR(name) == expected->name_length;
		for (size_t i = 0; same && i < expected->name_length; i++)
			same = VARDATA_ANY(name)[i] == expected->name[i];
	}
	else
		same = last->layout == expected && last->label == PG_GETARG_OID(arg);
	if (unlikely(!same) && GetRowLayout(fcinfo, arg) != expected)
		RaiseMixedLayouts(expected, GetRowLayout(fcinfo, arg));
}

/* Convert a cell_id to uint32.  Errors: 22003. */
static inline uint32
CheckCellId(int64 cell_id)
{
	if (unlikely(cell_id < 0 || cell_id > PG_UINT32_MAX))
		RaiseCellId(cell_id);
	return (uint32) cell_id;
}

/* Return the cell_id in a bigint argument.  Errors: 22003. */
static inline uint32
GetCellId(FunctionCallInfo fcinfo, int arg)
{
	return CheckCellId(PG_GETARG_INT64(arg));
}

/*
 * Check a feature value from an integer column.  Errors: 22003 unless it is 0
 * or 1.
 */
static inline int64
CheckPositive(int64 value)
{
	if (unlikely(value != 0 && value != 1))
		RaiseNotPositive(value);
	return value;
}

/*
 * Return the number of elements of an array of features.  Errors: 2202E for
 * more than one dimension, 54023 for more than CB_FEATURES elements.
 */
static inline int
CountFeatures(const ArrayType *array)
{
	int			features = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (unlikely(ARR_NDIM(array) > 1 || features > CB_FEATURES))
		RaiseFeatureArray(array, features);
	return features;
}

#endif							/* CELL_BINARY_ARGUMENTS_H */
