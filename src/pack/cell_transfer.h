/*
 * cell_transfer.h
 *		Converting a set of cells to bytes for another process of the same
 *		server, and back.
 */
#ifndef CELL_BINARY_CELL_TRANSFER_H
#define CELL_BINARY_CELL_TRANSFER_H

#include "pack/cell_set.h"

/*
 * Return the set as bytes.  They are in the set's own buffer, so no cells can
 * be added afterwards.  A second call returns the same bytes.
 */
extern bytea *CellSetSerialize(CellSet *set);

/* Raise 54000: a parallel worker has more cells than one value can hold. */
pg_noreturn extern void RaisePartialTooLarge(uint64 cells, uint64 max_cells);

/*
 * Return a set that can only be merged into another one.  It is allocated in
 * the current memory context.  Its records point into bytes, so it is valid
 * only as long as bytes is.
 */
extern CellSet *CellSetDeserialize(const bytea *bytes);

#endif							/* CELL_BINARY_CELL_TRANSFER_H */
