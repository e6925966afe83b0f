/*
 * collected.c
 *		cell_collected_phenotypes and cell_collected_intensities: one cell of
 *		the result of the aggregates in collect.c.
 *
 * A query calls them for each row, so they do not validate the value as a
 * whole.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "format/byteorder.h"
#include "long/feature_records.h"
#include "utils/array.h"

/* The value of the argument collected. */
typedef struct Collected
{
	uint32		values;			/* per cell */
	Size		width;			/* of a cell, in bytes */
	uint64		count;
	const uint8 *cells;
} Collected;

/*
 * Raise 22P03: the bytes are not the result of the aggregate, for the reason
 * in detail.
 */
pg_noreturn static void
raise_invalid(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid collection of the features of cells"),
			 errdetail_internal("%s", detail),
			 errhint("Pass the result of cell_collect_phenotypes to cell_collected_phenotypes, or "
					 "the result of cell_collect_intensities to cell_collected_intensities.")));
}

/*
 * Read the header of the argument collected.  Errors: 22P03 unless the value
 * has the form of the aggregate's result.
 */
static inline Collected
open_collected(FunctionCallInfo fcinfo, const bool with_values)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	const uint8 *start = (uint8 *) VARDATA_ANY(bytes);
	Size		size = VARSIZE_ANY_EXHDR(bytes);
	Collected	collected;

	collected.values = likely(size >= FEATURE_RESULT_HEADER) ? cb_get_le32(start) : 0;
	if (unlikely(collected.values > CB_FEATURES || (collected.values > 0) != with_values))
		raise_invalid(psprintf("The number of values for a cell is %u, but it must be %s.",
							   collected.values, with_values ?
								   psprintf("from 1 to %d", CB_FEATURES) : "0"));
	collected.width = FEATURE_RESULT_CELL(collected.values);
	if (unlikely(size < FEATURE_RESULT_HEADER ||
				 (size - FEATURE_RESULT_HEADER) % collected.width != 0))
		raise_invalid(psprintf("The size is %zu bytes, but it must be %zu plus a multiple of %zu.",
							   size, FEATURE_RESULT_HEADER, collected.width));
	collected.count = (size - FEATURE_RESULT_HEADER) / collected.width;
	collected.cells = start + FEATURE_RESULT_HEADER;
	return collected;
}

/*
 * Return the cell with this id, or NULL.  If ids have no gaps, the first place
 * examined has the cell; otherwise this is a binary search.
 */
static inline const uint8 *
find_cell(const Collected *collected, int64 cell_id)
{
	uint64		low = 0;
	uint64		high = collected->count;
	uint64		place = high > 0 ? (uint64) cell_id - cb_get_le32(collected->cells) : 0;

	if (place >= high)
		place = high / 2;
	while (low < high)
	{
		const uint8 *cell = collected->cells + place * collected->width;
		int64		found = cb_get_le32(cell);

		if (found == cell_id)
			return cell;
		if (found < cell_id)
			low = place + 1;
		else
			high = place;
		place = low + (high - low) / 2;
	}
	return NULL;
}

/*
 * cell_collected_phenotypes(collected bytea, cell_id bigint) -> bigint; strict
 *
 * Returns the phenotypes of a cell, or NULL for an unknown cell_id.  Errors:
 * 22P03.
 */
PG_FUNCTION_INFO_V1(cell_collected_phenotypes);
Datum
cell_collected_phenotypes(PG_FUNCTION_ARGS)
{
	Collected	collected = open_collected(fcinfo, false);
	const uint8 *cell = find_cell(&collected, PG_GETARG_INT64(1));

	if (cell == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) cb_get_le64(cell + sizeof(uint32)));
}

/*
 * cell_collected_intensities(collected bytea, cell_id bigint)
 *		-> double precision[]; strict
 *
 * Returns the intensities of a cell, or NULL if the cell is unknown or has
 * none.  Errors: 22P03.
 */
PG_FUNCTION_INFO_V1(cell_collected_intensities);
Datum
cell_collected_intensities(PG_FUNCTION_ARGS)
{
	Collected	collected = open_collected(fcinfo, true);
	const uint8 *cell = find_cell(&collected, PG_GETARG_INT64(1));
	int			count = collected.values;
	int			lower_bound = 1;
	Datum		elements[CB_FEATURES];
	bool		nulls[CB_FEATURES];
	uint64		set;
	ArrayType  *array;

	if (cell == NULL)
		PG_RETURN_NULL();
	set = cb_get_le64(cell + sizeof(uint32));
	if (set == 0)
		PG_RETURN_NULL();

	cell += FEATURE_RESULT_CELL(0);
	for (int i = 0; i < count; i++)
	{
		uint64		bits = cb_get_le64(cell + i * sizeof(float8));
		float8		value;

		memcpy(&value, &bits, sizeof(value));
		elements[i] = Float8GetDatum(value);
		nulls[i] = !(set >> i & 1);
	}
	array = construct_md_array(elements, nulls, 1, &count, &lower_bound,
							   FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	PG_RETURN_ARRAYTYPE_P(array);
}
