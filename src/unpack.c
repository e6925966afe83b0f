/*
 * unpack.c
 *		cell_unpack: the cells of a payload as rows.
 */
#include "payload.h"

#include "funcapi.h"
#include "utils/tuplestore.h"

/*
 * cell_unpack(payload bytea, layout text)
 *		-> setof (cell_id bigint, x bigint, y bigint, phenotypes bigint)
 *
 * Rows come in the order of the payload.  cell_id is NULL where the layout
 * has none.  x and y are bigint, as layout spt has coordinates up to 2^32-1.
 */
PG_FUNCTION_INFO_V1(cell_unpack);
Datum
cell_unpack(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CbBatch		batch;
	CbReader	reader;
	Datum		values[4];
	bool		nulls[4] = {false};

	InitMaterializedSRF(fcinfo, 0);
	PayloadOpen(&reader, fcinfo, 0, 1);
	nulls[0] = !reader.layout->has_ids;

	while (PayloadRead(&reader, &batch))
		for (size_t i = 0; i < batch.count; i++)
		{
			values[0] = Int64GetDatum(batch.cell_id[i]);
			values[1] = Int64GetDatum((int64) batch.x[i]);
			values[2] = Int64GetDatum((int64) batch.y[i]);
			values[3] = Int64GetDatum((int64) batch.phenotypes[i]);
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	return (Datum) 0;
}
