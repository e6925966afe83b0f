/*
 * terms.c
 *		Recognizing the expressions that a scan can evaluate.
 */
#include "scan/terms.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_language.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "pack/phenotypes.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PGFunction
CodeOf(Oid function)
{
	HeapTuple	row = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		is_c = HeapTupleIsValid(row) &&
		((Form_pg_proc) GETSTRUCT(row))->prolang == ClanguageId;
	FmgrInfo	info;

	if (HeapTupleIsValid(row))
		ReleaseSysCache(row);
	if (!is_c)
		return NULL;
	fmgr_info(function, &info);
	return info.fn_addr;
}

/* Return whether a function is a cast to a type that has all values of its argument's type. */
static bool
is_widening(Oid function)
{
	switch (function)
	{
		case F_INT4_INT2:
		case F_INT8_INT2:
		case F_INT8_INT4:
		case F_FLOAT8_INT2:
		case F_FLOAT8_INT4:
		case F_FLOAT8_INT8:
		case F_FLOAT8_FLOAT4:
			return true;
		default:
			return false;
	}
}

/* A column under casts that keep its value. */
static bool
column_of(Expr *expression, ColumnTerm *term)
{
	for (;;)
	{
		if (IsA(expression, RelabelType))
			expression = ((RelabelType *) expression)->arg;
		else if (IsA(expression, FuncExpr) && is_widening(((FuncExpr *) expression)->funcid))
			expression = linitial(((FuncExpr *) expression)->args);
		else
			break;
	}
	if (!IsA(expression, Var) || ((Var *) expression)->varattno <= 0 ||
		((Var *) expression)->varlevelsup != 0)
		return false;
	term->number = ((Var *) expression)->varattno;
	term->type = getBaseType(((Var *) expression)->vartype);
	return true;
}

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID;
}

bool
IntegerTerm(Expr *expression, ColumnTerm *term)
{
	return is_integer(exprType((Node *) expression)) && column_of(expression, term) &&
		is_integer(term->type);
}

bool
DoubleTerm(Expr *expression, ColumnTerm *term)
{
	return exprType((Node *) expression) == FLOAT8OID && column_of(expression, term) &&
		(is_integer(term->type) || term->type == FLOAT4OID || term->type == FLOAT8OID);
}

bool
NumericTerm(Expr *expression, ColumnTerm *term)
{
	return IsA(expression, FuncExpr) && ((FuncExpr *) expression)->funcid == F_FLOAT8_NUMERIC &&
		column_of(linitial(((FuncExpr *) expression)->args), term) && term->type == NUMERICOID;
}

bool
BooleanTerm(Expr *expression, ColumnTerm *term)
{
	return column_of(expression, term) && term->type == BOOLOID;
}

bool
TextTerm(Expr *expression, ColumnTerm *term)
{
	return column_of(expression, term) && is_text(term->type);
}

bool
NumbersTerm(Expr *expression, ColumnTerm *term)
{
	return column_of(expression, term) &&
		(term->type == FLOAT4ARRAYOID || term->type == FLOAT8ARRAYOID);
}

/*
 * Return whether values of a type are equal only if their bytes are.  Without a
 * collation, the executor refuses to compare texts.
 */
static bool
compares_bytes(Oid type, Oid collation)
{
	return !OidIsValid(get_typcollation(type)) ||
		(OidIsValid(collation) && get_collation_isdeterministic(collation));
}

bool
ComparesBytes(Expr *expression)
{
	return compares_bytes(exprType((Node *) expression), exprCollation((Node *) expression));
}

bool
SampleTerm(Expr *expression, ColumnTerm *term)
{
	return column_of(expression, term) && ComparesBytes(expression) &&
		(is_text(term->type) || term->type == UUIDOID || is_integer(term->type));
}

bool
GroupTerm(Expr *expression, ColumnTerm *term)
{
	Oid			type = getBaseType(exprType((Node *) expression));

	return SampleTerm(expression, term) &&
		(type == term->type || (is_text(type) && is_text(term->type)));
}

bool
NameTerm(Expr *expression, ColumnTerm *term)
{
	CoerceViaIO *conversion;

	while (IsA(expression, RelabelType))
		expression = ((RelabelType *) expression)->arg;
	if (!IsA(expression, CoerceViaIO))
		return TextTerm(expression, term);
	conversion = (CoerceViaIO *) expression;
	return (conversion->resulttype == TEXTOID || conversion->resulttype == VARCHAROID) &&
		column_of(conversion->arg, term) && (term->type == UUIDOID || is_integer(term->type));
}

Expr *
UnderNullTest(Expr *expression)
{
	if (IsA(expression, BooleanTest) && ((BooleanTest *) expression)->booltesttype == IS_TRUE)
		return ((BooleanTest *) expression)->arg;
	if (IsA(expression, CoalesceExpr) && list_length(((CoalesceExpr *) expression)->args) == 2)
	{
		Const	   *otherwise = lsecond(((CoalesceExpr *) expression)->args);

		if (IsA(otherwise, Const) && !otherwise->constisnull &&
			!DatumGetBool(otherwise->constvalue))
			return linitial(((CoalesceExpr *) expression)->args);
	}
	return NULL;
}

/* A feature: a column of type boolean, or cell_positive of an integer column. */
static bool
feature_of(Expr *expression, ColumnTerm *term)
{
	if (IsA(expression, FuncExpr))
		return CodeOf(((FuncExpr *) expression)->funcid) == cell_positive &&
			IntegerTerm(linitial(((FuncExpr *) expression)->args), term);
	return BooleanTerm(expression, term);
}

/* Return the features without the constants at their end that are false. */
static List *
without_negatives(List *features)
{
	int			count = list_length(features);

	while (count > 0)
	{
		Const	   *last = list_nth(features, count - 1);

		if (!IsA(last, Const) || last->constisnull || getBaseType(last->consttype) != BOOLOID ||
			DatumGetBool(last->constvalue))
			break;
		count--;
	}
	return list_copy_head(features, count);
}

bool
PhenotypesOf(Expr *expression, PhenotypesTerm *term)
{
	FuncExpr   *call = (FuncExpr *) expression;
	List	   *features;
	ListCell   *cell;

	memset(term, 0, offsetof(PhenotypesTerm, feature));
	if (IntegerTerm(expression, &term->phenotypes))
		return true;
	if (!IsA(expression, FuncExpr) || CodeOf(call->funcid) != cell_phenotypes)
		return false;

	features = call->args;
	if (call->funcvariadic)
	{
		ArrayExpr  *array = linitial(call->args);

		if (!IsA(array, ArrayExpr) || array->multidims)
			return false;
		features = array->elements;
	}
	if (list_length(features) > CB_FEATURES)
		return false;
	features = without_negatives(features);
	foreach(cell, features)
	{
		Expr	   *feature = lfirst(cell);
		Expr	   *tested = UnderNullTest(feature);

		if (tested != NULL)
		{
			term->null_is_false |= UINT64CONST(1) << term->features;
			feature = tested;
		}
		if (!feature_of(feature, &term->feature[term->features++]))
			return false;
	}
	return true;
}

/* Return the column that a condition tests for being null. */
static bool
not_null(NullTest *test, ConditionTerm *term)
{
	term->strategy = 0;
	term->value = NULL;
	return test->nulltesttype == IS_NOT_NULL && !test->argisrow &&
		(column_of(test->arg, &term->column) || NameTerm(test->arg, &term->column));
}

/*
 * Return the strategy of an operator that the scan can evaluate: any
 * comparison of two integers, and whether texts, or uuids, are equal.
 */
static int
strategy_of(Oid operator)
{
	int			strategy = get_op_opfamily_strategy(operator, INTEGER_BTREE_FAM_OID);

	if (strategy == 0)
		strategy = get_op_opfamily_strategy(operator, TEXT_BTREE_FAM_OID);
	if (strategy == 0 && get_opcode(operator) == F_UUID_EQ)
		strategy = BTEqualStrategyNumber;
	return strategy;
}

static bool
is_value(Expr *expression)
{
	return IsA(expression, Const) || IsA(expression, Param);
}

/* Return the value under casts between types with the same bytes. */
static Expr *
value_of(Expr *expression)
{
	while (IsA(expression, RelabelType))
		expression = ((RelabelType *) expression)->arg;
	return expression;
}

/* Return the only element of a constant array, as a constant; or NULL. */
static Expr *
only_element(Expr *expression)
{
	Const	   *array = (Const *) value_of(expression);
	ArrayType  *elements;
	Oid			type;
	int16		length;
	bool		by_value;
	char		align;
	Datum	   *values;
	bool	   *isnull;
	int			count;

	if (!IsA(array, Const) || array->constisnull)
		return NULL;
	elements = DatumGetArrayTypeP(array->constvalue);
	if (ArrayGetNItems(ARR_NDIM(elements), ARR_DIMS(elements)) != 1)
		return NULL;
	type = ARR_ELEMTYPE(elements);
	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(elements, type, length, by_value, align, &values, &isnull, &count);
	if (isnull[0])
		return NULL;
	return (Expr *) makeConst(type, -1, array->constcollid, length, values[0], false, by_value);
}

/*
 * Return a comparison of two expressions; "a = ANY (array)" is one if the array has
 * one element.  NULL if the condition is of another kind.
 */
static OpExpr *
comparison_of(Expr *expression)
{
	ScalarArrayOpExpr *any = (ScalarArrayOpExpr *) expression;
	OpExpr	   *comparison;
	Expr	   *element;

	if (IsA(expression, OpExpr) && list_length(((OpExpr *) expression)->args) == 2)
		return (OpExpr *) expression;
	if (!IsA(expression, ScalarArrayOpExpr))
		return NULL;
	element = only_element(lsecond(any->args));
	if (element == NULL)
		return NULL;
	comparison = makeNode(OpExpr);
	comparison->opno = any->opno;
	comparison->inputcollid = any->inputcollid;
	comparison->args = list_make2(linitial(any->args), element);
	return comparison;
}

bool
ConditionOf(Expr *expression, ConditionTerm *term)
{
	OpExpr	   *comparison;
	Expr	   *left;
	Expr	   *right;

	memset(term, 0, sizeof(*term));
	if (IsA(expression, NullTest))
		return not_null((NullTest *) expression, term);
	comparison = comparison_of(expression);
	if (comparison == NULL)
		return false;

	left = linitial(comparison->args);
	right = value_of(lsecond(comparison->args));
	term->operator = comparison->opno;
	if (!is_value(right))
	{
		right = value_of(left);
		left = lsecond(comparison->args);
		term->operator = get_commutator(comparison->opno);
	}
	if (!OidIsValid(term->operator) || !is_value(right) || !SampleTerm(left, &term->column) ||
		!compares_bytes(term->column.type, comparison->inputcollid))
		return false;
	term->strategy = strategy_of(term->operator);
	term->collation = comparison->inputcollid;
	term->value = right;
	term->value_type = exprType((Node *) right);
	if (is_integer(term->column.type))
		return term->strategy != 0 && is_integer(term->value_type);
	if (term->column.type == UUIDOID)
		return term->strategy == BTEqualStrategyNumber && term->value_type == UUIDOID;
	return term->strategy == BTEqualStrategyNumber &&
		is_text(term->value_type);
}
