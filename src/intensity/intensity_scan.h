/*
 * intensity_scan.h
 *		The aggregate cell_pack_intensities with a given number of channels,
 *		computed by a scan.
 */
#ifndef CELL_BINARY_INTENSITY_SCAN_H
#define CELL_BINARY_INTENSITY_SCAN_H

#include "compat.h"

#include "scan/scanned_aggregate.h"

extern const ScannedAggregate scanned_intensities;

#endif							/* CELL_BINARY_INTENSITY_SCAN_H */
