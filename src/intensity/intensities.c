/*
 * intensities.c
 *		Encoding the intensities of a cell, one byte each; and the transition
 *		function of the aggregate cell_pack_intensities, whose other support
 *		functions are in pack/pack.c.
 */
#include "intensity/intensities.h"

#include <math.h>

#include "access/tupmacs.h"
#include "arguments.h"
#include "catalog/pg_type.h"
#include "intensity/numbers.h"
#include "pack/cell_merge.h"
#include "pack/radix_sort.h"

StaticAssertDecl(ID_SIZE + CB_FEATURES <= RADIX_SORT_MAX_WIDTH,
				 "records of intensities can be sorted");

int
IntensityChannels(const ArrayType *array, int64 cell_id)
{
	int			channels = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("array of intensities must have one dimension"),
				 errdetail("The array of cell_id " INT64_FORMAT " has %d dimensions.", cell_id,
						   ARR_NDIM(array))));
	if (channels == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("array of intensities of cell_id " INT64_FORMAT " is empty", cell_id)));
	if (channels > CB_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
				 errmsg("cannot have more than %d intensities", CB_FEATURES),
				 errdetail("The array of cell_id " INT64_FORMAT " has %d elements.", cell_id,
						   channels)));
	return channels;
}

static bool
is_double(const ArrayType *array)
{
	Assert(ARR_ELEMTYPE(array) == FLOAT4OID || ARR_ELEMTYPE(array) == FLOAT8OID);
	return ARR_ELEMTYPE(array) == FLOAT8OID;
}

pg_noreturn static void
raise_nan(const ArrayType *array, int64 cell_id)
{
	int			element = 0;

	while (!isnan(is_double(array) ? ((const float8 *) ARR_DATA_PTR(array))[element] :
				  ((const float4 *) ARR_DATA_PTR(array))[element]))
		element++;
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("element %d of the intensities of cell_id " INT64_FORMAT " is NaN",
					element + 1, cell_id)));
}

void
CheckIntensities(const ArrayType *array, int64 cell_id)
{
	int			channels = ARR_DIMS(array)[0];

	if (array_contains_nulls(unconstify(ArrayType *, array)))
	{
		int			element = 0;

		while (!att_isnull(element, ARR_NULLBITMAP(array)))
			element++;
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("element %d of the intensities of cell_id %lld must not be null",
						element + 1, (long long) cell_id)));
	}
	if (unlikely(is_double(array) ? cb_doubles_have_nan(ARR_DATA_PTR(array), channels) :
				 cb_floats_have_nan(ARR_DATA_PTR(array), channels)))
		raise_nan(array, cell_id);
}

void
EncodeIntensities(const ArrayType *array, int64 cell_id, uint8 *codes)
{
	int			channels = ARR_DIMS(array)[0];

	CheckIntensities(array, cell_id);
	if (is_double(array))
		cb_doubles_encode(ARR_DATA_PTR(array), channels, codes);
	else
		cb_floats_encode(ARR_DATA_PTR(array), channels, codes);
}

/* The argument of the transition function that says how many channels a cell must have. */
#define ARG_CHANNELS 3

static void
check_channels(FunctionCallInfo fcinfo, int channels, uint32 cell_id)
{
	if (PG_ARGISNULL(ARG_CHANNELS))
		RaiseNull("channels", NULL, NULL);
	if (channels != PG_GETARG_INT32(ARG_CHANNELS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cell_id %u has %d intensities instead of %d", cell_id, channels,
						PG_GETARG_INT32(ARG_CHANNELS))));
}

/*
 * cell_pack_intensities_transfn(internal, cell_id bigint,
 *								 intensities real[] or double precision[]
 *								 [, channels integer])
 *		-> internal
 *
 * channels is the number of intensities of each cell; without this argument, the
 * first cell determines the number.
 *
 * Not strict, so that a NULL is an error.  Errors: 22004 for a NULL argument
 * or element, 22003 for a cell_id out of range or a NaN, 2202E for more than
 * one dimension, 54023 for more than 64 elements, 22023 for an empty array or
 * one of another length, 54000 if the payload would be too large.
 */
PG_FUNCTION_INFO_V1(cell_pack_intensities_transfn);
Datum
cell_pack_intensities_transfn(PG_FUNCTION_ARGS)
{
	CellSet    *set = PG_ARGISNULL(0) ? NULL : (CellSet *) PG_GETARG_POINTER(0);
	uint32		cell_id;
	ArrayType  *array;
	int			channels;

	if (PG_ARGISNULL(1))
		RaiseNullInRow("cell_id", psprintf("row " UINT64_FORMAT, (set ? set->count : 0) + 1));
	if (PG_ARGISNULL(2))
		RaiseNullInRow("intensities", psprintf("cell_id " INT64_FORMAT, PG_GETARG_INT64(1)));
	cell_id = GetCellId(fcinfo, 1);
	array = PG_GETARG_ARRAYTYPE_P(2);
	channels = IntensityChannels(array, cell_id);
	if (PG_NARGS() > ARG_CHANNELS)
		check_channels(fcinfo, channels, cell_id);

	if (unlikely(set == NULL))
	{
		MemoryContext aggcontext;

		if (!AggCheckCallContext(fcinfo, &aggcontext))
			elog(ERROR, "cell_pack_intensities_transfn called in non-aggregate context");
		set = CellSetCreateIntensities(aggcontext, channels);
	}
	else if (unlikely((uint32) channels != set->body))
		RaiseMixedChannels(set->body, channels);

	EncodeIntensities(array, cell_id, CellSetNextWithId(set, cell_id));
	PG_RETURN_POINTER(set);
}
