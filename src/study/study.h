/*
 * study.h
 *		Looking up a study's source and its columns, and checking the privileges
 *		of the caller on them.  registry.h reads and writes the study's row.
 */
#ifndef CELL_BINARY_STUDY_H
#define CELL_BINARY_STUDY_H

#include "compat.h"

#include "catalog/pg_class.h"
#include "study/registry.h"

/*
 * The study with a name, as a snapshot sees it, after StudyLockSource and
 * StudyResolve.  Errors: 42704 if there is no such study, and those of the two
 * functions.
 */
extern Study *StudyNamed(Oid schema, const char *name, Snapshot snapshot);

/*
 * Lock the source in ACCESS SHARE mode until the transaction ends, so that no
 * other transaction drops or renames it, or changes its columns.  Errors:
 * 42P01 if the source was dropped; 42501 if the caller has SELECT on no column
 * of it, because a role that cannot read a relation must not be able to lock
 * it.
 */
extern void StudyLockSource(Study *study);

/*
 * Look up the source and its columns.  Errors: 55000 if the row of the
 * registry is invalid; 42P01 if the source was dropped; 42809 if the relation
 * cannot be a source; 42703 if a column does not exist; 42804 if a column has
 * the wrong type; 0A000 if the collation of the sample column is
 * nondeterministic.
 */
extern void StudyResolve(Study *study);

/*
 * Look up the column of intensities, which only some payloads need.  Errors:
 * 42704 if the study has no intensities, 42703 and 42804 as above.
 */
extern void StudyResolveIntensities(Study *study);

/*
 * Whether the study's payloads are rows of another relation.  Call
 * StudyResolvePayloads before a query on it.
 */
static inline bool
StudyHasPayloads(const Study *study)
{
	return OidIsValid(study->payloads);
}

/*
 * Look up the relation of payloads and its columns.  Errors: 42P01 if it was dropped;
 * 42501 if the caller has SELECT on no column of it; 42809 if it is not such a
 * relation; 42703 and 42804 as above.
 */
extern void StudyResolvePayloads(const Study *study);

/* Return whether the study has this column, and the caller has SELECT on it. */
extern bool StudyMayReadIntensities(const Study *study);

/*
 * Raise 42501 unless the caller has SELECT on all columns of the study.
 * Planning a query on the source would check the same, but planning can run
 * code of the source's owner.
 */
extern void StudyCheckReadable(const Study *study);

/*
 * Raise 42501 unless the caller registered the study, or owns its source or
 * the extension.
 */
extern void StudyCheckOwner(const Study *study);

/* Whether the source can have triggers that record its changes. */
static inline bool
StudyHasTriggers(const Study *study)
{
	return study->source_kind == RELKIND_RELATION ||
		study->source_kind == RELKIND_PARTITIONED_TABLE;
}

/* Raise 42P01: the source or the relation of payloads, which has this OID, was dropped. */
pg_noreturn extern void RaiseRelationDropped(const Study *study, Oid relation);

#endif							/* CELL_BINARY_STUDY_H */
