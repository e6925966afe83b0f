/*
 * collect_scan.h
 *		The aggregates cell_collect_phenotypes and cell_collect_intensities,
 *		computed by a scan.
 */
#ifndef CELL_BINARY_COLLECT_SCAN_H
#define CELL_BINARY_COLLECT_SCAN_H

#include "compat.h"

#include "scan/scanned_aggregate.h"

extern const ScannedAggregate scanned_collect_phenotypes;
extern const ScannedAggregate scanned_collect_intensities;

#endif							/* CELL_BINARY_COLLECT_SCAN_H */
