/*
 * collect.h
 *		The support functions of the aggregates cell_collect_phenotypes and
 *		cell_collect_intensities, by which a scan recognizes them in a query.
 */
#ifndef CELL_BINARY_COLLECT_H
#define CELL_BINARY_COLLECT_H

#include "compat.h"

extern PGDLLEXPORT Datum cell_collect_phenotypes_transfn(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum cell_collect_intensities_transfn(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum cell_collect_finalfn(PG_FUNCTION_ARGS);

#endif							/* CELL_BINARY_COLLECT_H */
