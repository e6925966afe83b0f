/*
 * source_state.h
 *		The state of a study's source: whether a payload that was packed before
 *		can still be right, other than by changes of rows, which change_log.h has.
 */
#ifndef CELL_BINARY_SOURCE_STATE_H
#define CELL_BINARY_SOURCE_STATE_H

#include "compat.h"

#include "changes/catalog_state.h"
#include "study/source.h"

typedef struct SourceState
{
	CatalogState catalogs;
	bool		restricted;		/* row-level security applies to the caller */
	bool		written;		/* the transaction holds a lock for writing on it */
} SourceState;

/*
 * Check the caller's rights on the query of an open source (SourceCheck), then
 * read the state of what the query reads, which is locked.
 *
 * The state is read after the snapshot is renewed: a change between the two would
 * escape otherwise.
 */
extern SourceState SourceInspect(Source *source, SnapshotChoice choice);

#endif							/* CELL_BINARY_SOURCE_STATE_H */
