/*
 * phenotypes.h
 *		The SQL functions in phenotypes.c that a scan recognizes in a query.
 */
#ifndef CELL_BINARY_PHENOTYPES_H
#define CELL_BINARY_PHENOTYPES_H

#include "compat.h"

extern PGDLLEXPORT Datum cell_phenotypes(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum cell_positive(PG_FUNCTION_ARGS);

#endif							/* CELL_BINARY_PHENOTYPES_H */
