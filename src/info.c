/*
 * info.c
 *		What can be said of a payload without giving its cells: cell_info,
 *		cell_count and cell_empty.
 */
#include "payload.h"

#include "access/htup_details.h"
#include "errors.h"
#include "funcapi.h"
#include "layout_argument.h"

/*
 * cell_info(payload bytea, layout text)
 *		-> (cells bigint, bytes bigint, min_x, max_x, min_y, max_y bigint)
 *
 * The extent is NULL when there are no cells.  The whole payload is
 * validated.
 */
PG_FUNCTION_INFO_V1(cell_info);
Datum
cell_info(PG_FUNCTION_ARGS)
{
	CbCell		batch[PAYLOAD_BATCH];
	CbReader	reader;
	TupleDesc	descriptor;
	Datum		values[6];
	bool		nulls[6] = {false};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	PayloadOpen(&reader, fcinfo, 0, 1);
	while (PayloadRead(&reader, batch) > 0)
		;

	values[0] = Int64GetDatum(reader.cells);
	values[1] = Int64GetDatum(reader.size);
	if (reader.cells > 0)
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
 * cell_count(payload bytea, all_of bigint, none_of bigint, layout text) -> bigint
 *
 * Cells that are positive for every feature in all_of and for none in
 * none_of.
 */
PG_FUNCTION_INFO_V1(cell_count);
Datum
cell_count(PG_FUNCTION_ARGS)
{
	uint64		all_of = (uint64) PG_GETARG_INT64(1);
	uint64		tested = all_of | (uint64) PG_GETARG_INT64(2);
	bool		contradiction = (all_of & (uint64) PG_GETARG_INT64(2)) != 0;
	CbCell		batch[PAYLOAD_BATCH];
	CbReader	reader;
	int64		found = 0;
	size_t		count;

	PayloadOpen(&reader, fcinfo, 0, 3);
	while ((count = PayloadRead(&reader, batch)) > 0)
		for (size_t i = 0; i < count; i++)
			found += (batch[i].phenotypes & tested) == all_of;

	PG_RETURN_INT64(contradiction ? 0 : found);
}

/* cell_empty(layout text) -> bytea: the payload of a slide without cells */
PG_FUNCTION_INFO_V1(cell_empty);
Datum
cell_empty(PG_FUNCTION_ARGS)
{
	const CbLayout *layout = GetLayoutArgument(fcinfo, 0);
	CbWriter	writer;
	bytea	   *payload;
	Size		size;

	cb_writer_init(&writer, layout);
	size = VARHDRSZ + cb_writer_size(&writer);
	payload = palloc(size);
	SET_VARSIZE(payload, size);
	cb_writer_begin(&writer, (uint8_t *) VARDATA(payload));
	PG_RETURN_BYTEA_P(payload);
}
