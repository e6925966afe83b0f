/*
 * subsample_scan.h
 *		Reading the cells of a study for a subsample by a scan.
 */
#ifndef CELL_BINARY_SUBSAMPLE_SCAN_H
#define CELL_BINARY_SUBSAMPLE_SCAN_H

#include "compat.h"

#include "scan/scanned_aggregate.h"
#include "smprofiler/subsample_cells.h"

extern const ScannedAggregate scanned_subsample_cells;

/*
 * Read all cells.  Returns false if a scan cannot read the source, or has met a
 * value that it cannot read or that is an error: then the executor must read
 * them.
 */
extern bool SubsampleScan(Subsample *subsample);

#endif							/* CELL_BINARY_SUBSAMPLE_SCAN_H */
