/*
 * scan_node.h
 *		The plan node that runs a scan.
 */
#ifndef CELL_BINARY_SCAN_NODE_H
#define CELL_BINARY_SCAN_NODE_H

#include "compat.h"

#include "nodes/extensible.h"

extern const CustomScanMethods scan_node_methods;

#endif							/* CELL_BINARY_SCAN_NODE_H */
