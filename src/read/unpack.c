/*
 * unpack.c
 *		cell_unpack: the cells of a payload as rows.
 */
#include "read/payload.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/tuplestore.h"

/* The columns of the result. */
enum
{
	CELL_ID,
	X,
	Y,
	PHENOTYPES,
	COLUMNS
};

/*
 * cell_unpack(payload bytea, layout text)
 *		-> setof (cell_id bigint, x bigint, y bigint, phenotypes bigint)
 *
 * Returns a row for each cell, in the order of the payload.  cell_id is NULL
 * if the layout has no ids.  x and y are bigint because layout spt has
 * coordinates up to 2^32-1.
 *
 * All rows have the same form, so one tuple is formed, and only its values
 * change.
 */
PG_FUNCTION_INFO_V1(cell_unpack);
Datum
cell_unpack(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};
	int64		row[COLUMNS];
	const int64 *first;			/* of the columns that are not NULL */
	Size		size;
	CbBatch		batch;
	CbReader	reader;
	HeapTuple	tuple;

	InitMaterializedSRF(fcinfo, 0);
	PayloadOpen(&reader, fcinfo, 0, 1);

	for (int i = 0; i < COLUMNS; i++)
		values[i] = Int64GetDatum(0);
	nulls[CELL_ID] = !reader.layout->has_ids;
	first = &row[nulls[CELL_ID] ? X : CELL_ID];
	size = (row + COLUMNS - first) * sizeof(*row);
	tuple = heap_form_tuple(result->setDesc, values, nulls);
	if (tuple->t_len != tuple->t_data->t_hoff + size)
		elog(ERROR, "unexpected tuple of %u bytes", tuple->t_len);

	while (PayloadRead(&reader, &batch))
		for (size_t i = 0; i < batch.count; i++)
		{
			row[CELL_ID] = batch.cell_id[i];
			row[X] = (int64) batch.x[i];
			row[Y] = (int64) batch.y[i];
			row[PHENOTYPES] = (int64) batch.phenotypes[i];
			memcpy((char *) tuple->t_data + tuple->t_data->t_hoff, first, size);
			tuplestore_puttuple(result->setResult, tuple);
		}
	return (Datum) 0;
}
