/*
 * pack_scan.h
 *		The aggregate cell_pack, computed by a scan.
 */
#ifndef CELL_BINARY_PACK_SCAN_H
#define CELL_BINARY_PACK_SCAN_H

#include "compat.h"

#include "scan/scanned_aggregate.h"

/* The forms of cell_pack with integer and with double precision coordinates. */
extern const ScannedAggregate scanned_pack_integer;
extern const ScannedAggregate scanned_pack_double;

#endif							/* CELL_BINARY_PACK_SCAN_H */
