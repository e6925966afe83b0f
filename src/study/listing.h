/*
 * listing.h
 *		Listing the samples of a study.
 */
#ifndef CELL_BINARY_LISTING_H
#define CELL_BINARY_LISTING_H

#include "compat.h"

#include "nodes/execnodes.h"
#include "study/source.h"

/*
 * Add a row with the name of each sample to a result of one column, in the order
 * of the sample column.
 */
extern void StudyPutSamples(ReturnSetInfo *result, const Study *study, SnapshotChoice choice);

#endif							/* CELL_BINARY_LISTING_H */
