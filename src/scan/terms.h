/*
 * terms.h
 *		The expressions that a scan can evaluate from the bytes of a tuple.  Any
 *		other expression needs the executor.
 *
 * A term is made from the expression of a query, both to plan a scan and to run
 * it.  The functions return false for an expression that is not such a term.
 */
#ifndef CELL_BINARY_TERMS_H
#define CELL_BINARY_TERMS_H

#include "compat.h"

#include "format/cell.h"
#include "nodes/primnodes.h"

/* A stored column, whose value may be cast to a type with at least its values. */
typedef struct ColumnTerm
{
	AttrNumber	number;			/* from 1; 0 for no column */
	Oid			type;			/* of the stored value, never a domain */
} ColumnTerm;

/* A column of an integer type, cast to any of them. */
extern bool IntegerTerm(Expr *expression, ColumnTerm *term);

/* A column of an integer or floating-point type, cast to double precision. */
extern bool DoubleTerm(Expr *expression, ColumnTerm *term);

/* A column of type numeric, cast to double precision. */
extern bool NumericTerm(Expr *expression, ColumnTerm *term);

/* A column of type boolean. */
extern bool BooleanTerm(Expr *expression, ColumnTerm *term);

/* A column of type text or character varying. */
extern bool TextTerm(Expr *expression, ColumnTerm *term);

/* A column of type real[] or double precision[]. */
extern bool NumbersTerm(Expr *expression, ColumnTerm *term);

/* Return whether the values of an expression are equal only if their bytes are. */
extern bool ComparesBytes(Expr *expression);

/*
 * A column to which a value can be compared by the bytes of the column's
 * values: of type text, character varying, uuid or an integer type, and of a
 * deterministic collation.
 */
extern bool SampleTerm(Expr *expression, ColumnTerm *term);

/*
 * Such a column, by which cells can be grouped.  It must not be cast to another
 * type, such as a longer integer or character, whose values have other bytes or
 * are equal although their bytes differ.
 */
extern bool GroupTerm(Expr *expression, ColumnTerm *term);

/* A column of one of these types, cast to text. */
extern bool NameTerm(Expr *expression, ColumnTerm *term);

/*
 * Return the expression under "IS TRUE" or coalesce(..., false), which make null
 * count as false, or NULL if there is neither.
 */
extern Expr *UnderNullTest(Expr *expression);

/*
 * The phenotypes of a cell: a column of type bigint, or a call of
 * cell_phenotypes with a column for each feature, of type boolean or, in
 * cell_positive, an integer type.
 */
typedef struct PhenotypesTerm
{
	ColumnTerm	phenotypes;		/* number is 0 if there are features */
	int			features;
	uint64		null_is_false;	/* features for which null counts as false */
	ColumnTerm	feature[CB_FEATURES];
} PhenotypesTerm;

extern bool PhenotypesOf(Expr *expression, PhenotypesTerm *term);

/*
 * A condition on one column: column IS NOT NULL, or a comparison of the column
 * with a constant or parameter.
 */
typedef struct ConditionTerm
{
	ColumnTerm	column;
	int			strategy;		/* of a B-tree, such as BTEqualStrategyNumber; 0
								 * for IS NOT NULL */
	Oid			operator;
	Oid			collation;
	Expr	   *value;			/* a Const or Param */
	Oid			value_type;
} ConditionTerm;

extern bool ConditionOf(Expr *expression, ConditionTerm *term);

/* Return the SQL function's C code if it is a C function of any library, or NULL. */
extern PGFunction CodeOf(Oid function);

/* Return the number of the last column of terms and of a column. */
static inline int
LastColumn(int last, const ColumnTerm *term)
{
	return Max(last, term->number);
}

#endif							/* CELL_BINARY_TERMS_H */
