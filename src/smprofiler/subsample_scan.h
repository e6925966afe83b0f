/*
 * subsample_scan.h
 *		Reading the cells of a study for a subsample by a scan.
 */
#ifndef CELL_BINARY_SUBSAMPLE_SCAN_H
#define CELL_BINARY_SUBSAMPLE_SCAN_H

#include "compat.h"

#include "scan/scanned_aggregate.h"
#include "smprofiler/subsample_cells.h"

extern const ScannedAggregate scanned_subsample_count;
extern const ScannedAggregate scanned_subsample_cells;

/*
 * Read all cells for a pass.  Returns false if a scan cannot read the source,
 * or has met a value that it cannot read or that is an error: then nothing of
 * the pass is valid, and the executor must make it.
 */
extern bool SubsampleScan(Subsample *subsample);

#endif							/* CELL_BINARY_SUBSAMPLE_SCAN_H */
