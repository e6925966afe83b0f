/*
 * fault.h
 *		Raising, as errors, the faults that src/format finds.  The faults of a
 *		shapefile are raised in smprofiler/outline.c.
 */
#ifndef CELL_BINARY_FAULT_H
#define CELL_BINARY_FAULT_H

#include "compat.h"

#include "format/layout.h"

/*
 * Raise the error for a fault: 21000 for a repeated cell_id, 22003 for a
 * coordinate that the layout cannot store, 22P03 for bytes that are not a
 * payload of the layout.
 */
pg_noreturn extern void RaiseFault(const CbLayout *layout, const CbFault *fault);

/* Raise 21000: two rows of a payload have the same cell_id. */
pg_noreturn extern void RaiseRepeatedId(uint32 cell_id);

#endif							/* CELL_BINARY_FAULT_H */
