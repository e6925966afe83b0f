/*
 * track.h
 *		The triggers by which changes of a study's source are noticed.
 */
#ifndef CELL_BINARY_TRACK_H
#define CELL_BINARY_TRACK_H

#include "compat.h"

#include "source.h"
#include "study.h"
#include "utils/rel.h"

/*
 * Whether a table has all triggers of a study, enabled as they must be.  They
 * are added to the view, which so tells if one was disabled for a while.
 */
extern bool TriggersComplete(Relation table, const Study *study, SourceView *view);

/* Make those that the study's source, its partitions and children lack. */
extern void TriggersCreate(const Study *study);

/* Drop all of them, also of tables that are no part of the source any more. */
extern void TriggersDrop(const Study *study);

#endif							/* CELL_BINARY_TRACK_H */
