/*
 * payload.h
 *		Reading a payload that is a bytea argument.
 */
#ifndef CELL_BINARY_PAYLOAD_H
#define CELL_BINARY_PAYLOAD_H

#include "compat.h"

#include "core/layout.h"

/* Cells that are decoded at once, between two looks for interrupts. */
#define PAYLOAD_BATCH 1024

/*
 * Open the bytea argument payload_arg in the layout that the text argument
 * layout_arg names.  The header is checked against the length before a
 * compressed or out-of-line value is fetched whole.
 */
extern void PayloadOpen(CbReader *reader, FunctionCallInfo fcinfo,
						int payload_arg, int layout_arg);

/*
 * Decode up to PAYLOAD_BATCH further cells and return how many there were; 0
 * means that the payload is valid to its end.
 */
extern size_t PayloadRead(CbReader *reader, CbCell *batch);

#endif							/* CELL_BINARY_PAYLOAD_H */
