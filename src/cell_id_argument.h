/*
 * cell_id_argument.h
 *		The SQL argument "cell_id bigint".
 */
#ifndef CELL_BINARY_CELL_ID_ARGUMENT_H
#define CELL_BINARY_CELL_ID_ARGUMENT_H

#include "compat.h"

#include "errors.h"

/* A cell_id, refused outside uint32. */
static inline uint32
CheckCellId(int64 cell_id)
{
	if (unlikely(cell_id < 0 || cell_id > PG_UINT32_MAX))
		ReportCellId(cell_id);
	return (uint32) cell_id;
}

/* The cell_id that an argument is. */
static inline uint32
GetCellId(FunctionCallInfo fcinfo, int arg)
{
	return CheckCellId(PG_GETARG_INT64(arg));
}

#endif							/* CELL_BINARY_CELL_ID_ARGUMENT_H */
