/*
 * fault.h
 *		The faults that src/format finds, raised as errors.  The faults of a
 *		shapefile are in smprofiler/outline.c.
 */
#ifndef CELL_BINARY_FAULT_H
#define CELL_BINARY_FAULT_H

#include "compat.h"

#include "format/layout.h"

/*
 * Raise the error for a fault: 21000 for a repeated cell_id, 22003 for a
 * coordinate that the layout cannot store, 22P03 for bytes that are no payload
 * of the layout.
 */
pg_noreturn extern void RaiseFault(const CbLayout *layout, const CbFault *fault);

/* The first of these: two rows of a payload have the same cell_id. */
pg_noreturn extern void RaiseRepeatedId(uint32 cell_id);

#endif							/* CELL_BINARY_FAULT_H */
