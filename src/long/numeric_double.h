/*
 * numeric_double.h
 *		Converting a stored numeric to double precision.
 */
#ifndef CELL_BINARY_NUMERIC_DOUBLE_H
#define CELL_BINARY_NUMERIC_DOUBLE_H

#include "compat.h"

/*
 * Convert a stored value of type numeric, at any address, as numeric_float8
 * does, and with its errors.
 */
extern double NumericToDouble(const uint8 *value);

#endif							/* CELL_BINARY_NUMERIC_DOUBLE_H */
