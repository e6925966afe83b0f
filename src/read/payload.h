/*
 * payload.h
 *		Reading a payload that is a bytea argument.
 */
#ifndef CELL_BINARY_PAYLOAD_H
#define CELL_BINARY_PAYLOAD_H

#include "compat.h"

#include "format/layout.h"

/*
 * Open the bytea argument payload_arg in the layout that the text argument
 * layout_arg names.  The header is checked against the length before a
 * compressed or out-of-line value is fetched whole.
 */
extern void PayloadOpen(CbReader *reader, FunctionCallInfo fcinfo,
						int payload_arg, int layout_arg);

/* The number of cells in a payload that this extension packed. */
extern int64 PayloadCells(const CbLayout *layout, const bytea *payload);

/* Decode the next cells; false means that the payload is valid to its end. */
extern bool PayloadRead(CbReader *reader, CbBatch *batch);

#endif							/* CELL_BINARY_PAYLOAD_H */
