/*
 * payload.h
 *		Opening and reading a payload in a bytea argument.
 */
#ifndef CELL_BINARY_PAYLOAD_H
#define CELL_BINARY_PAYLOAD_H

#include "compat.h"

#include "format/layout.h"

/*
 * Open a payload.  The header is checked against the length before a compressed
 * or out-of-line value is fetched as a whole.  Errors: 22023 unless channels is
 * from 1 to CB_FEATURES in a layout of intensities, and 0 in any other; 22P03
 * for an invalid payload.
 */
extern void PayloadOpen(CbReader *reader, Datum payload, const CbLayout *layout,
						int32 channels);

/*
 * Return the number of cells in a payload that this extension packed; channels
 * is ignored unless it is of a layout of intensities.
 */
extern int64 PayloadCells(const CbLayout *layout, int channels, const bytea *payload);

/*
 * Decode the next cells.  Returns false when all cells were read and the
 * payload is valid.
 */
extern bool PayloadRead(CbReader *reader, CbBatch *batch);

#endif							/* CELL_BINARY_PAYLOAD_H */
