/*
 * long_rows.h
 *		Reading the rows of a long table: the columns that are the arguments of
 *		cell_collect_phenotypes and cell_collect_intensities.
 */
#ifndef CELL_BINARY_LONG_ROWS_H
#define CELL_BINARY_LONG_ROWS_H

#include "compat.h"

#include "scan/conditions.h"

/* Whether a cell is positive: a boolean column, or a comparison of a column with a constant. */
typedef struct PositiveTerm
{
	Condition	condition;		/* if it is a comparison */
	bool		compares;
	bool		never;			/* the comparison is always null */
	ColumnTerm	column;
	bool		null_is_false;
} PositiveTerm;

extern bool PositiveOf(Expr *expression, PositiveTerm *term);

/* A number: a column of a numeric type, cast to double precision, times a constant. */
typedef struct NumberTerm
{
	ColumnTerm	column;
	bool		has_factor;
	double		factor;
} NumberTerm;

extern bool NumberOf(Expr *expression, NumberTerm *term);

typedef enum LongValue
{
	LONG_FALSE,
	LONG_TRUE,
	LONG_NULL,
	LONG_UNREADABLE				/* or the executor would raise an error */
} LongValue;

/* Read whether a cell is positive. */
static inline LongValue
ReadPositive(const PositiveTerm *term, const TupleShape *shape, const uint8 *data)
{
	int32		offset = shape->offset[term->column.number - 1];

	if (offset == COLUMN_IS_NULL || unlikely(term->never))
		return term->null_is_false ? LONG_FALSE : LONG_NULL;
	if (!term->compares)
		return data[offset] != 0 ? LONG_TRUE : LONG_FALSE;
	switch (ConditionTest(&term->condition, data, offset))
	{
		case CONDITION_FALSE:
			return LONG_FALSE;
		case CONDITION_TRUE:
			return LONG_TRUE;
		default:
			return LONG_UNREADABLE;
	}
}

/* Read a number: LONG_TRUE sets it. */
extern LongValue ReadNumber(const NumberTerm *term, const TupleShape *shape, const uint8 *data,
							double *number);

#endif							/* CELL_BINARY_LONG_ROWS_H */
