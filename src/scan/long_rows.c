/*
 * long_rows.c
 *		Recognizing the values of a long table, and reading its numbers.
 */
#include "scan/long_rows.h"

#include <math.h>

#include "long/numeric_double.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

bool
PositiveOf(Expr *expression, PositiveTerm *term)
{
	ConditionTerm *condition = &term->condition.term;
	Expr	   *tested = UnderNullTest(expression);
	Const	   *value;

	memset(term, 0, sizeof(*term));
	term->null_is_false = tested != NULL;
	if (tested != NULL)
		expression = tested;
	if (BooleanTerm(expression, &term->column))
		return true;
	if (!ConditionOf(expression, condition) || condition->value == NULL ||
		!IsA(condition->value, Const))
		return false;
	value = (Const *) condition->value;
	term->column = condition->column;
	term->compares = true;
	if (value->constisnull)
		term->never = true;
	else if (!ConditionSetValue(&term->condition, value->constvalue, false))
		return false;
	return true;
}

bool
NumberOf(Expr *expression, NumberTerm *term)
{
	OpExpr	   *product = (OpExpr *) expression;

	memset(term, 0, sizeof(*term));
	if (IsA(expression, OpExpr) && get_opcode(product->opno) == F_FLOAT8MUL)
	{
		Expr	   *factor = lsecond(product->args);

		expression = linitial(product->args);
		if (!IsA(factor, Const))
		{
			expression = factor;
			factor = linitial(product->args);
		}
		if (!IsA(factor, Const) || ((Const *) factor)->constisnull)
			return false;
		term->has_factor = true;
		term->factor = DatumGetFloat8(((Const *) factor)->constvalue);
	}
	return DoubleTerm(expression, &term->column) || NumericTerm(expression, &term->column);
}

LongValue
ReadNumber(const NumberTerm *term, const TupleShape *shape, const uint8 *data, double *number)
{
	int32		offset = shape->offset[term->column.number - 1];
	double		value;

	if (offset == COLUMN_IS_NULL)
		return LONG_NULL;
	value = term->column.type == NUMERICOID ? NumericToDouble(data + offset) :
		ReadDouble(data + offset, term->column.type);
	*number = value;
	if (term->has_factor)
	{
		*number = value * term->factor;
		/* The executor raises an error for an overflow or underflow. */
		if (unlikely(isinf(*number) && !isinf(value) && !isinf(term->factor)))
			return LONG_UNREADABLE;
		if (unlikely(*number == 0 && value != 0 && term->factor != 0))
			return LONG_UNREADABLE;
	}
	return LONG_TRUE;
}
