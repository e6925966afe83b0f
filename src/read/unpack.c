/*
 * unpack.c
 *		cell_unpack and cell_unpack_intensities: the cells of a payload as rows.
 */
#include "read/payload.h"

#include "access/htup_details.h"
#include "arguments.h"
#include "catalog/pg_type.h"
#include "format/minifloat.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/tuplestore.h"

/* The columns of the result of cell_unpack. */
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
 * change.  Errors: 22023 for a layout without coordinates.
 */
PG_FUNCTION_INFO_V1(cell_unpack);
Datum
cell_unpack(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const CbLayout *layout = GetLayoutArgument(fcinfo, 1);
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};
	int64		row[COLUMNS];
	const int64 *first;			/* of the columns that are not NULL */
	Size		size;
	CbBatch		batch;
	CbReader	reader;
	HeapTuple	tuple;

	if (layout->has_intensities)
		RaiseNoCoordinates(layout, "cell_unpack_intensities");
	InitMaterializedSRF(fcinfo, 0);
	PayloadOpen(&reader, PG_GETARG_DATUM(0), layout, 0);

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

/* The columns of the result of cell_unpack_intensities. */
enum
{
	INTENSITIES_CELL_ID,
	INTENSITIES,
	INTENSITIES_COLUMNS
};

/*
 * cell_unpack_intensities(payload bytea, channels integer)
 *		-> setof (cell_id bigint, intensities double precision[])
 *
 * Returns a row for each cell of a payload of layout intensity, in the order of
 * the payload.  Double precision holds the number of each code exactly.
 *
 * All rows have the same form here, too.
 */
PG_FUNCTION_INFO_V1(cell_unpack_intensities);
Datum
cell_unpack_intensities(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int32		channels = PG_GETARG_INT32(1);
	double		numbers[UINT8_MAX + 1];
	Datum		zeros[CB_FEATURES];
	Datum		values[INTENSITIES_COLUMNS];
	bool		nulls[INTENSITIES_COLUMNS] = {false};
	int64	   *cell_id;
	char	   *intensities;	/* not aligned if the array is short */
	CbBatch		batch;
	CbReader	reader;
	HeapTuple	tuple;

	InitMaterializedSRF(fcinfo, 0);
	PayloadOpen(&reader, PG_GETARG_DATUM(0), &cb_intensity, channels);

	for (int code = 0; code <= UINT8_MAX; code++)
		numbers[code] = cb_minifloat_decode((uint8_t) code);
	for (int i = 0; i < channels; i++)
		zeros[i] = Float8GetDatum(0);
	values[INTENSITIES_CELL_ID] = Int64GetDatum(0);
	values[INTENSITIES] = PointerGetDatum(construct_array(zeros, channels, FLOAT8OID,
														  sizeof(float8), FLOAT8PASSBYVAL,
														  TYPALIGN_DOUBLE));
	tuple = heap_form_tuple(result->setDesc, values, nulls);
	cell_id = (int64 *) ((char *) tuple->t_data + tuple->t_data->t_hoff);
	intensities = (char *) tuple->t_data + tuple->t_len - channels * sizeof(float8);

	while (PayloadRead(&reader, &batch))
		for (size_t i = 0; i < batch.count; i++)
		{
			const uint8 *codes = batch.intensities + i * batch.intensities_stride;

			*cell_id = batch.cell_id[i];
			for (int k = 0; k < channels; k++)
				memcpy(intensities + k * sizeof(float8), &numbers[codes[k]], sizeof(float8));
			tuplestore_puttuple(result->setResult, tuple);
		}
	return (Datum) 0;
}
