/*
 * phenotypes.c
 *		Computing phenotypes from booleans: from one row with a column for each
 *		feature, or from one row for each feature.
 */
#include "arguments.h"

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

pg_noreturn static void
refuse_null(int feature)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("feature %d must not be null", feature),
			 errhint("Use coalesce() to decide whether a cell with an unknown value counts as "
					 "positive.")));
}

/* Combine the elements of an array. */
static uint64
phenotypes_of_array(ArrayType *array)
{
	const bool *positives = (const bool *) ARR_DATA_PTR(array);
	int			features = CountFeatures(array);
	uint64		phenotypes = 0;

	if (array_contains_nulls(array))
	{
		int			null_feature = 0;

		while (!att_isnull(null_feature, ARR_NULLBITMAP(array)))
			null_feature++;
		refuse_null(null_feature);
	}
	for (int i = 0; i < features; i++)
		phenotypes |= (uint64) positives[i] << i;
	return phenotypes;
}

/* Raise 42804 unless an argument has this type, or is a null without a type. */
static void
check_type(FunctionCallInfo fcinfo, int arg, Oid expected)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, arg);

	if (!OidIsValid(type) || getBaseType(type) == expected ||
		(type == UNKNOWNOID && PG_ARGISNULL(arg)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("argument %d of cell_phenotypes is of type %s, but must be of type %s",
					arg + 1, format_type_be(type), format_type_be(expected)),
			 errhint("Cast the argument, or use cell_positive() for an integer that is 0 or 1.")));
}

/*
 * Check the arguments at the first of many calls.  Errors: 54023 for too many,
 * 42804 for a wrong type.
 */
static void
check_arguments(FunctionCallInfo fcinfo, bool is_array)
{
	if (!is_array && PG_NARGS() > CB_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
				 errmsg("cannot have more than %d features", CB_FEATURES),
				 errdetail("The call has %d arguments.", PG_NARGS())));
	for (int i = 0; i < PG_NARGS(); i++)
		check_type(fcinfo, i, is_array ? BOOLARRAYOID : BOOLOID);
	/* Any address says that the arguments have been checked. */
	fcinfo->flinfo->fn_extra = fcinfo->flinfo;
}

/*
 * cell_phenotypes(VARIADIC "any") -> bigint
 *
 * Returns the phenotypes whose bit 0 is the first argument.  The arguments are
 * booleans, or an array of them after the keyword VARIADIC.  An empty array
 * gives 0, and a NULL array gives NULL.  Errors: 22004 for a NULL feature,
 * 54023 for more than 64 features, 42804 for an argument of another type,
 * 2202E for an array of more than one dimension.
 */
PG_FUNCTION_INFO_V1(cell_phenotypes);
Datum
cell_phenotypes(PG_FUNCTION_ARGS)
{
	bool		is_array = get_fn_expr_variadic(fcinfo->flinfo);
	uint64		phenotypes = 0;

	if (unlikely(fcinfo->flinfo->fn_extra == NULL))
		check_arguments(fcinfo, is_array);
	if (is_array)
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_INT64((int64) phenotypes_of_array(PG_GETARG_ARRAYTYPE_P(0)));
	}
	for (int i = 0; i < PG_NARGS(); i++)
	{
		if (unlikely(PG_ARGISNULL(i)))
			refuse_null(i);
		phenotypes |= (uint64) PG_GETARG_BOOL(i) << i;
	}
	PG_RETURN_INT64((int64) phenotypes);
}

/*
 * cell_phenotypes_transfn(phenotypes bigint, feature integer, positive boolean)
 *		-> bigint
 *
 * Sets bit feature if positive.  Not strict, so that a NULL feature or
 * positive is an error; phenotypes are NULL before the first row.  Errors: 22004
 * for a NULL, 22023 for a feature index out of range.
 */
PG_FUNCTION_INFO_V1(cell_phenotypes_transfn);
Datum
cell_phenotypes_transfn(PG_FUNCTION_ARGS)
{
	uint64		phenotypes = PG_ARGISNULL(0) ? 0 : (uint64) PG_GETARG_INT64(0);
	int32		feature;

	if (PG_ARGISNULL(1))
		RaiseNullInRow("feature", NULL);
	feature = PG_GETARG_INT32(1);
	if (feature < 0 || feature >= CB_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feature index %d is out of range", feature),
				 errdetail("A feature index must be from 0 to %d.", CB_FEATURES - 1)));
	if (PG_ARGISNULL(2))
		RaiseNullInRow("positive", psprintf("feature %d", feature));

	phenotypes |= (uint64) PG_GETARG_BOOL(2) << feature;
	PG_RETURN_INT64((int64) phenotypes);
}

/*
 * cell_positive(value bigint) -> boolean; strict
 *
 * Returns a feature from an integer column.  Errors: 22003 unless the value is
 * 0 or 1.
 */
PG_FUNCTION_INFO_V1(cell_positive);
Datum
cell_positive(PG_FUNCTION_ARGS)
{
	int64		value = PG_GETARG_INT64(0);

	PG_RETURN_BOOL(CheckPositive(value) == 1);
}
