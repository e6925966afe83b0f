/*
 * feature_rows.c
 *		cell_masks and cell_intensities: what was collected of cells, as rows.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "core/byteorder.h"
#include "errors.h"
#include "feature_records.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

/* Cells between two resets of memory, which are looks for interrupts, too. */
#define CELLS_PER_RESET 1024

/* The set of a cell, as bigint. */
static Datum
phenotypes_of(const uint8 *cell, int values pg_attribute_unused(), bool *isnull)
{
	*isnull = false;
	return Int64GetDatum((int64) cb_get_le64(cell + sizeof(uint32)));
}

/* The values of a cell, as double precision[]; NULL if it has none. */
static Datum
intensities_of(const uint8 *cell, int values, bool *isnull)
{
	uint64		set = cb_get_le64(cell + sizeof(uint32));
	Datum		elements[FEATURES_MAX];
	bool		nulls[FEATURES_MAX];
	int			lower_bound = 1;

	*isnull = set == 0;
	if (*isnull)
		return (Datum) 0;
	cell += FEATURE_RESULT_CELL(0);
	for (int i = 0; i < values; i++)
	{
		uint64		bits = cb_get_le64(cell + i * sizeof(float8));
		float8		value;

		memcpy(&value, &bits, sizeof(value));
		elements[i] = Float8GetDatum(value);
		nulls[i] = !(set >> i & 1);
	}
	return PointerGetDatum(construct_md_array(elements, nulls, 1, &values, &lower_bound,
											  FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/*
 * A row for each cell, with its cell_id and what a function makes of it.
 * Errors: 22P03 for bytes that the aggregate does not make.
 */
static Datum
put_rows(FunctionCallInfo fcinfo, bool with_values, Datum (*get) (const uint8 *, int, bool *))
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea	   *collected = PG_GETARG_BYTEA_PP(0);
	const uint8 *cell = (uint8 *) VARDATA_ANY(collected);
	Size		size = VARSIZE_ANY_EXHDR(collected);
	uint32		values = size >= FEATURE_RESULT_HEADER ? cb_get_le32(cell) : 0;
	int64		last = -1;
	Size		width;
	MemoryContext caller;
	MemoryContext per_rows;

	if (values > FEATURES_MAX || (values > 0) != with_values)
		ReportCollectedValues(values, with_values);
	width = FEATURE_RESULT_CELL(values);
	if (size < FEATURE_RESULT_HEADER || (size - FEATURE_RESULT_HEADER) % width != 0)
		ReportCollectedSize(size, FEATURE_RESULT_HEADER, width);

	InitMaterializedSRF(fcinfo, 0);
	per_rows = AllocSetContextCreate(CurrentMemoryContext, "cell_binary rows", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(per_rows);
	cell += FEATURE_RESULT_HEADER;
	for (Size i = 0; i < (size - FEATURE_RESULT_HEADER) / width; i++, cell += width)
	{
		int64		cell_id = cb_get_le32(cell);
		Datum		row[2] = {Int64GetDatum(cell_id)};
		bool		nulls[2] = {false};

		if (i % CELLS_PER_RESET == 0)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(per_rows);
		}
		if (cell_id <= last)
			ReportCollectedOrder(cell_id, last);
		last = cell_id;
		row[1] = get(cell, values, &nulls[1]);
		tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(per_rows);
	return (Datum) 0;
}

/* cell_masks(collected bytea) -> setof (cell_id bigint, phenotypes bigint); strict */
PG_FUNCTION_INFO_V1(cell_masks);
Datum
cell_masks(PG_FUNCTION_ARGS)
{
	return put_rows(fcinfo, false, phenotypes_of);
}

/*
 * cell_intensities(collected bytea)
 *		-> setof (cell_id bigint, intensities double precision[]); strict
 */
PG_FUNCTION_INFO_V1(cell_intensities);
Datum
cell_intensities(PG_FUNCTION_ARGS)
{
	return put_rows(fcinfo, true, intensities_of);
}
