/*
 * query.h
 *		The queries of a study's source, as text.  They are complete, and every
 *		name in them is quoted and qualified; source.h runs them.
 */
#ifndef CELL_BINARY_QUERY_H
#define CELL_BINARY_QUERY_H

#include "compat.h"

#include "study/registry.h"

/* One sample, packed.  Parameters: the sample, the layout. */
extern char *PackQuery(const Study *study);

/* Every sample: its name and its payload.  Parameter: the layout. */
extern char *PackAllQuery(const Study *study);

/* The names of the samples, in the order of the column. */
extern char *SamplesQuery(const Study *study);

/* The names of the samples and their numbers of cells. */
extern char *SizesQuery(const Study *study);

/*
 * A row for each cell: the sample's name, cell_id, intensities, and then the
 * phenotypes or the features, booleans or bigints.
 */
extern char *IntensitiesQuery(const Study *study);

#endif							/* CELL_BINARY_QUERY_H */
