/*
 * study.h
 *		A study and its source: looking up the relation and the columns, and
 *		checking what a role may do with them.  The row itself is in registry.h.
 */
#ifndef CELL_BINARY_STUDY_H
#define CELL_BINARY_STUDY_H

#include "compat.h"

#include "study/registry.h"

/*
 * The study of that name, as a snapshot sees it, with its source locked and
 * resolved.  Errors: 42704 if there is none, and those of what follows.
 */
extern Study *StudyNamed(Oid schema, const char *name, Snapshot snapshot);

/*
 * Keep the source from being dropped, renamed or altered until the transaction
 * ends.  Errors: 42P01 if it is gone, 42501 if the caller cannot read any of it,
 * because such a role must not lock it either.
 */
extern void StudyLockSource(Study *study);

/*
 * Look up the source and the columns.  Errors: 55000 if the row of the registry
 * is not valid, 42P01, 42809, 42703, 42804 and 0A000 if the source or a column
 * is missing or does not fit.
 */
extern void StudyResolve(Study *study);

/*
 * The same for the column of intensities, which serving payloads does not need.
 * Errors: also 55000 if the study has none.
 */
extern void StudyResolveIntensities(Study *study);

/*
 * Raise 42501 unless the caller may read all columns of the study.  The executor
 * would find the same for a query of the source, but planning a query can run
 * code of the source's owner.
 */
extern void StudyCheckReadable(const Study *study);

/*
 * Raise 42501 unless the caller registered the study, or owns its source or the
 * extension.
 */
extern void StudyCheckOwner(const Study *study);

/* Whether triggers can notice changes of the source. */
extern bool StudyHasTriggers(const Study *study);

/* Raise 42P01: the source was dropped. */
pg_noreturn extern void RaiseSourceDropped(const Study *study);

#endif							/* CELL_BINARY_STUDY_H */
