/*
 * phenotypes.c
 *		Computing phenotypes from booleans: from one row with a column for each
 *		feature, or from one row for each feature.
 */
#include "arguments.h"

#include "access/tupmacs.h"

/*
 * cell_phenotypes(VARIADIC boolean[]) -> bigint
 *
 * Returns the phenotypes whose bit 0 is the first argument.  An empty array
 * gives 0.  Errors: 22004 for a NULL element, 54023 for more than 64 elements,
 * 2202E for more than one dimension.
 */
PG_FUNCTION_INFO_V1(cell_phenotypes);
Datum
cell_phenotypes(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	const bool *positives = (const bool *) ARR_DATA_PTR(array);
	int			features = CountFeatures(array);
	uint64		phenotypes = 0;

	if (array_contains_nulls(array))
	{
		int			null_feature = 0;

		while (!att_isnull(null_feature, ARR_NULLBITMAP(array)))
			null_feature++;
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("feature %d must not be null", null_feature),
				 errhint("Use coalesce() to decide whether a cell with an unknown value counts as "
						 "positive.")));
	}

	for (int i = 0; i < features; i++)
		phenotypes |= (uint64) positives[i] << i;
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
