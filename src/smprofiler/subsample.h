/*
 * subsample.h
 *		The payload of a study: a subsample of its cells with their intensities.
 */
#ifndef CELL_BINARY_SUBSAMPLE_H
#define CELL_BINARY_SUBSAMPLE_H

#include "compat.h"

#include "study/registry.h"

/* The byte between the two parts of the payload, which no JSON has: a file separator. */
#define SUBSAMPLE_SEPARATOR 28

/* Return the length of the first part, the metadata. */
extern Size SubsampleMetadataLength(const bytea *payload);

/*
 * Pack a subsample, of the size and with the seed of the study's registration,
 * with the active snapshot.  The study's intensities must be resolved.  Returns
 * the payload, in the current memory context, and the number of its cells; NULL
 * if the study has no cells.  Errors: those of cell_subsample.
 */
extern bytea *SubsamplePack(const Study *study, int64 *cells);

#endif							/* CELL_BINARY_SUBSAMPLE_H */
