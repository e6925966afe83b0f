/*
 * intensities.h
 *		The intensities of a cell: from an array of numbers, one for each
 *		channel, to a byte each.
 */
#ifndef CELL_BINARY_INTENSITIES_H
#define CELL_BINARY_INTENSITIES_H

#include "compat.h"

#include "format/cell.h"
#include "utils/array.h"

/*
 * The number of channels of an array; an error if it has several dimensions,
 * or not from 1 to CB_FEATURES elements.
 */
extern int	IntensityChannels(const ArrayType *array, int64 cell_id);

/*
 * Encode the elements, real or double precision; an error if one is NULL or
 * NaN.
 */
extern void EncodeIntensities(const ArrayType *array, int64 cell_id, uint8 *codes);

#endif							/* CELL_BINARY_INTENSITIES_H */
