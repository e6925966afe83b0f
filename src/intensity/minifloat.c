/*
 * minifloat.c
 *		cell_minifloat_encode and cell_minifloat_decode: numbers in one byte,
 *		in the format in which SMProfiler stores intensities.  The format is in
 *		minifloat.h.
 */
#include "compat.h"

#include <math.h>

#include "format/minifloat.h"

/*
 * cell_minifloat_encode(value double precision) -> smallint; strict
 *
 * Returns the code of a number.  Values below 0 have the code of 0, and values
 * above 1 the code of 1.  Errors: 22003 for NaN.
 */
PG_FUNCTION_INFO_V1(cell_minifloat_encode);
Datum
cell_minifloat_encode(PG_FUNCTION_ARGS)
{
	double		value = PG_GETARG_FLOAT8(0);

	if (isnan(value))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("NaN cannot be encoded in one byte")));
	PG_RETURN_INT16(cb_minifloat_encode(value));
}

/*
 * cell_minifloat_decode(code smallint) -> double precision; strict
 *
 * Returns the number of a code.  Errors: 22003 for a code outside 0 to 255.
 */
PG_FUNCTION_INFO_V1(cell_minifloat_decode);
Datum
cell_minifloat_decode(PG_FUNCTION_ARGS)
{
	int16		code = PG_GETARG_INT16(0);

	if (code < 0 || code > UINT8_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("code %d is out of range", code),
				 errdetail("A code must be from 0 to %d.", UINT8_MAX)));
	PG_RETURN_FLOAT8(cb_minifloat_decode((uint8_t) code));
}
