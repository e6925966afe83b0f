/*
 * arguments.h
 *		The SQL arguments that several functions share: layout, cell_id, lists of
 *		features; and the error for a NULL argument.  The argument "coding" is in
 *		coding/coding.h.
 */
#ifndef CELL_BINARY_ARGUMENTS_H
#define CELL_BINARY_ARGUMENTS_H

#include "compat.h"

#include "format/layout.h"
#include "utils/array.h"

/* The layout that an argument names.  Errors: 22023 for a name that no layout has. */
extern const CbLayout *GetLayoutArgument(FunctionCallInfo fcinfo, int arg);

/* The names of all layouts, quoted and separated by commas, for a hint. */
extern const char *LayoutNames(void);

/* Raise 22023: the rows of one payload name two layouts. */
pg_noreturn extern void RaiseMixedLayouts(const CbLayout *first, const CbLayout *other);

/* Raise 22003: a cell_id is outside uint32. */
pg_noreturn extern void RaiseCellId(int64 cell_id);

/*
 * Raise 22004: an argument is NULL.  row ("cell_id 7") says in which row; row
 * and hint may be NULL.
 */
pg_noreturn extern void RaiseNull(const char *argument, const char *row, const char *hint);

/* The same for an aggregate, with the hint to filter such rows out. */
pg_noreturn extern void RaiseNullInRow(const char *argument, const char *row);

/* Raise 22023: a list names a feature twice. */
pg_noreturn extern void RaiseRepeatedFeature(const char *feature);

/* A feature from an integer column: 0 or 1.  Errors: 22003 for another value. */
extern int64 CheckPositive(int64 value);

/*
 * The number of elements of an array of features.  Errors: 2202E for several
 * dimensions, 54023 for more than CB_FEATURES elements.
 */
extern int	CountFeatures(const ArrayType *array);

/*
 * The elements of a name[] or text[] as strings, NULL for a null element.
 * Returns their number.
 */
extern int	ArrayStrings(ArrayType *array, const char ***strings);

/* The first string that comes twice, or NULL. */
extern const char *RepeatedString(int count, const char **strings);

/*
 * Refuse an argument that names another layout than earlier rows did.  This runs
 * for every row: comparing a few bytes here takes less than calling memcmp.
 */
static inline void
CheckLayoutArgument(FunctionCallInfo fcinfo, int arg, const CbLayout *expected)
{
	text	   *name = PG_GETARG_TEXT_PP(arg);
	bool		same = VARSIZE_ANY_EXHDR(name) == expected->name_length;

	for (size_t i = 0; same && i < expected->name_length; i++)
		same = VARDATA_ANY(name)[i] == expected->name[i];
	if (unlikely(!same))
		RaiseMixedLayouts(expected, GetLayoutArgument(fcinfo, arg));
}

/* A cell_id as uint32. */
static inline uint32
CheckCellId(int64 cell_id)
{
	if (unlikely(cell_id < 0 || cell_id > PG_UINT32_MAX))
		RaiseCellId(cell_id);
	return (uint32) cell_id;
}

/* The cell_id that a bigint argument is. */
static inline uint32
GetCellId(FunctionCallInfo fcinfo, int arg)
{
	return CheckCellId(PG_GETARG_INT64(arg));
}

#endif							/* CELL_BINARY_ARGUMENTS_H */
