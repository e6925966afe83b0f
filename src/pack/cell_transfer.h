/*
 * cell_transfer.h
 *		A set of cells as bytes, for another process of the same server.
 */
#ifndef CELL_BINARY_CELL_TRANSFER_H
#define CELL_BINARY_CELL_TRANSFER_H

#include "pack/cell_set.h"

/*
 * The bytes: they are the set's own buffer, so that cells cannot be added any
 * more; asked for again, they are the same.
 */
extern bytea *CellSetSerialize(CellSet *set);

/* Raise 54000: a parallel worker has more cells than one value can hold. */
pg_noreturn extern void RaisePartialTooLarge(uint64 cells, uint64 max_cells);

/*
 * The set that comes back is to be merged into another one.  It lives in the
 * current context, and its records are those in the bytes: both only as long
 * as the bytes do.
 */
extern CellSet *CellSetDeserialize(const bytea *bytes);

#endif							/* CELL_BINARY_CELL_TRANSFER_H */
