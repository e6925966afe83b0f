/*
 * payload.h
 *		Opening and reading a payload in a bytea argument.
 */
#ifndef CELL_BINARY_PAYLOAD_H
#define CELL_BINARY_PAYLOAD_H

#include "compat.h"

#include "format/layout.h"

/*
 * Open the bytea argument payload_arg in the layout that the text argument
 * layout_arg names.  The header is checked against the length before a
 * compressed or out-of-line value is fetched as a whole.  Errors: 22023 for an
 * unknown layout, 22P03 for an invalid payload.
 */
extern void PayloadOpen(CbReader *reader, FunctionCallInfo fcinfo,
						int payload_arg, int layout_arg);

/* Return the number of cells in a payload that this extension packed. */
extern int64 PayloadCells(const CbLayout *layout, const bytea *payload);

/*
 * Decode the next cells.  Returns false when all cells were read and the
 * payload is valid.
 */
extern bool PayloadRead(CbReader *reader, CbBatch *batch);

#endif							/* CELL_BINARY_PAYLOAD_H */
