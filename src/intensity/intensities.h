/*
 * intensities.h
 *		The intensities of a cell: from an array of numbers, one for each
 *		channel, to one byte each.
 */
#ifndef CELL_BINARY_INTENSITIES_H
#define CELL_BINARY_INTENSITIES_H

#include "compat.h"

#include "format/cell.h"
#include "utils/array.h"

/*
 * Return the number of channels of an array.  Errors: 2202E for more than one
 * dimension, 22023 for no element, 54023 for more than CB_FEATURES elements.
 */
extern int	IntensityChannels(const ArrayType *array, int64 cell_id);

/*
 * Check the elements, which are real or double precision.  Errors: 22004 for a
 * NULL element, 22003 for a NaN.
 */
extern void CheckIntensities(const ArrayType *array, int64 cell_id);

/* Check and encode the elements. */
extern void EncodeIntensities(const ArrayType *array, int64 cell_id, uint8 *codes);

/* The transition function of cell_pack_intensities, by which a scan recognizes it. */
extern PGDLLEXPORT Datum cell_pack_intensities_transfn(PG_FUNCTION_ARGS);

#endif							/* CELL_BINARY_INTENSITIES_H */
