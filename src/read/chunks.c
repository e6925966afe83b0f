/*
 * chunks.c
 *		The number of chunks of a payload, for cell_chunks and
 *		cell_data_chunks, which are written in SQL.
 */
#include "arguments.h"

/*
 * cell_chunk_count(bytes bigint, chunk_bytes integer) -> integer; not strict
 *
 * Returns 0 if bytes is NULL, as it is for a NULL payload.  Errors: 22004 if
 * chunk_bytes is NULL, 22023 if a chunk would have no bytes, 22003 if an
 * integer cannot hold the number of chunks.
 */
PG_FUNCTION_INFO_V1(cell_chunk_count);
Datum
cell_chunk_count(PG_FUNCTION_ARGS)
{
	int64		bytes;
	int64		chunks;
	int32		chunk_bytes;

	if (PG_ARGISNULL(1))
		RaiseNull("chunk_bytes", NULL, NULL);
	chunk_bytes = PG_GETARG_INT32(1);
	if (chunk_bytes < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("chunk size %d is out of range", chunk_bytes),
				 errdetail("A chunk must have at least one byte.")));
	if (PG_ARGISNULL(0))
		PG_RETURN_INT32(0);
	bytes = PG_GETARG_INT64(0);
	chunks = bytes / chunk_bytes + (bytes % chunk_bytes != 0);
	if (bytes < 0 || chunks > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of chunks is out of range for %lld bytes in chunks of %d",
						(long long) bytes, chunk_bytes),
				 errdetail("It must be between 0 and %d.", PG_INT32_MAX)));
	PG_RETURN_INT32((int32) chunks);
}
