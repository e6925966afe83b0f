/*
 * summary.c
 *		cell_info and cell_count: figures of a payload.  The cells as rows are
 *		in unpack.c.
 */
#include "read/payload.h"

#include "access/htup_details.h"
#include "arguments.h"
#include "funcapi.h"
#include "miscadmin.h"

/*
 * cell_info(payload bytea, layout text, channels integer)
 *		-> (cells bigint, bytes bigint, min_x, max_x, min_y, max_y bigint)
 *
 * Returns the number of cells, the bytes and the extent, which is NULL if
 * there are no cells or no coordinates.  Validates the whole payload.
 */
PG_FUNCTION_INFO_V1(cell_info);
Datum
cell_info(PG_FUNCTION_ARGS)
{
	CbBatch		batch;
	CbReader	reader;
	TupleDesc	descriptor;
	Datum		values[6];
	bool		nulls[6] = {false};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	PayloadOpen(&reader, PG_GETARG_DATUM(0), GetLayoutArgument(fcinfo, 1), PG_GETARG_INT32(2));
	while (PayloadRead(&reader, &batch))
		;

	values[0] = Int64GetDatum(reader.cells);
	values[1] = Int64GetDatum(reader.size);
	if (reader.cells > 0 && !reader.layout->has_intensities)
	{
		values[2] = Int64GetDatum((int64) reader.extent.min_x);
		values[3] = Int64GetDatum((int64) reader.extent.max_x);
		values[4] = Int64GetDatum((int64) reader.extent.min_y);
		values[5] = Int64GetDatum((int64) reader.extent.max_y);
	}
	else
		memset(nulls + 2, true, 4 * sizeof(bool));

	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

/*
 * cell_count(payload bytea, all_of bigint, none_of bigint, layout text,
 *			  channels integer) -> bigint
 *
 * Returns the number of cells that are positive for every feature in all_of
 * and for no feature in none_of.  Reads the header and the phenotypes, and
 * validates nothing else.  Errors: 22023 if a feature is asked for in a layout
 * without phenotypes.
 */
PG_FUNCTION_INFO_V1(cell_count);
Datum
cell_count(PG_FUNCTION_ARGS)
{
	const uint64 cells_per_check = 1024 * CB_BATCH;
	CbReader	reader;
	uint64		found = 0;

	PayloadOpen(&reader, PG_GETARG_DATUM(0), GetLayoutArgument(fcinfo, 3), PG_GETARG_INT32(4));
	if (reader.layout->has_intensities && (PG_GETARG_INT64(1) | PG_GETARG_INT64(2)) != 0)
		RaiseNoCoordinates(reader.layout, "cell_unpack_intensities");
	for (uint64 first = 0; first < reader.cells; first += cells_per_check)
	{
		CHECK_FOR_INTERRUPTS();
		found += cb_reader_count(&reader, first, Min(cells_per_check, reader.cells - first),
								 (uint64) PG_GETARG_INT64(1), (uint64) PG_GETARG_INT64(2));
	}
	PG_RETURN_INT64((int64) found);
}
