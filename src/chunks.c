/*
 * chunks.c
 *		The number of chunks of a payload, for cell_chunks and
 *		cell_data_chunks, which are SQL.
 */
#include "compat.h"

#include "study_errors.h"

/*
 * cell_chunk_count(bytes bigint, chunk_bytes integer) -> integer; strict
 *
 * Errors: 22023 if a chunk would have no bytes.
 */
PG_FUNCTION_INFO_V1(cell_chunk_count);
Datum
cell_chunk_count(PG_FUNCTION_ARGS)
{
	int64		bytes = PG_GETARG_INT64(0);
	int32		chunk_bytes = PG_GETARG_INT32(1);

	if (chunk_bytes < 1)
		ReportChunkSize(chunk_bytes);
	PG_RETURN_INT32((int32) ((bytes + chunk_bytes - 1) / chunk_bytes));
}
