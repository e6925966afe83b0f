/*
 * subsample_read.h
 *		Reading the cells of a study for a subsample through the executor, row by
 *		row.
 */
#ifndef CELL_BINARY_SUBSAMPLE_READ_H
#define CELL_BINARY_SUBSAMPLE_READ_H

#include "compat.h"

#include "smprofiler/subsample_cells.h"

/*
 * Read all cells.  Errors: 22004, 22003, 22023, 2202E and 54023 for
 * a cell's columns, whose context names the cell.
 */
extern void SubsampleRead(Subsample *subsample);

#endif							/* CELL_BINARY_SUBSAMPLE_READ_H */
