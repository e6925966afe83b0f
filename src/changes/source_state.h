/*
 * source_state.h
 *		The state of a study's source: everything except changes of rows that
 *		decides whether a stored payload is still right.  Changes of rows are in
 *		change_log.h.
 *
 * The state is a hash of catalog rows (catalog_state.h) and some flags.  It is
 * used in three ways.  A payload is served only if its stored hash is that of
 * the source now; it is stored only if the hash was the same before and after
 * the packing; and a source whose changes could go unrecorded is never served
 * from the store.
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
	bool		written;		/* the transaction holds ROW EXCLUSIVE or more */
} SourceState;

/*
 * Check the caller's privileges on the query of an open source and lock what
 * it reads (SourceCheckKept), then read the state of these relations.
 *
 * The state is read after the snapshot is renewed.  In the other order, a
 * change between the two would be visible to the snapshot but missing from the
 * state.
 */
extern SourceState SourceInspect(Source *source, SnapshotChoice choice);

#endif							/* CELL_BINARY_SOURCE_STATE_H */
