/*
 * pack.h
 *		The support functions of the aggregate cell_pack, by which a scan
 *		recognizes it in a query.
 */
#ifndef CELL_BINARY_PACK_H
#define CELL_BINARY_PACK_H

#include "compat.h"

extern PGDLLEXPORT Datum cell_pack_transfn_integer(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum cell_pack_transfn_double(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum cell_pack_layout_transfn_integer(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum cell_pack_layout_transfn_double(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum cell_pack_finalfn(PG_FUNCTION_ARGS);

#endif							/* CELL_BINARY_PACK_H */
