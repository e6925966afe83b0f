/*
 * catalog_state.h
 *		A hash of what the catalogs say about the tables that a query reads, and
 *		the reason, if any, why a change of these tables could go unrecorded.
 *		source_state.h goes through the tables.
 *
 * A stored payload keeps the hash from when it was packed.  It is served only
 * while the hash of the source is the same, so a change that fires no row
 * trigger (TRUNCATE, ALTER TABLE, attaching a partition, disabling a trigger)
 * makes it unusable.
 */
#ifndef CELL_BINARY_CATALOG_STATE_H
#define CELL_BINARY_CATALOG_STATE_H

#include "compat.h"

#include "access/htup.h"
#include "utils/rel.h"

/* Why a change of a source could go unrecorded. */
typedef enum Untracked
{
	TRACKED,					/* every change is recorded */
	UNTRACKED_TRIGGERS,			/* a table lacks triggers, or they do not fire */
	UNTRACKED_FOREIGN,			/* other servers change a foreign table */
	UNTRACKED_DISTRIBUTED,		/* Citus changes the shards of a table */
	UNTRACKED_VIRTUAL,			/* a column is computed when it is read */
	UNTRACKED_GRANDCHILD		/* a child of a child can be added or removed
								 * while a writer changes it */
} Untracked;

/* The detail of an error that names the reason and the table; NULL for TRACKED. */
extern const char *UntrackedDetail(Untracked untracked, Oid table);

/*
 * The hash covers everything except the rows that decides what a query reads:
 * its tables, their files and columns, their parents, and the triggers that
 * record their changes.
 */
typedef struct CatalogState
{
	int64		hash;
	bool		newer;			/* a catalog row is newer than the active snapshot,
								 * which may not see the table's rows as the
								 * catalogs describe them */
	Untracked	untracked;		/* the first reason that was found */
	Oid			untracked_table;
} CatalogState;

/* Add bytes to the hash. */
extern void CatalogStateAdd(CatalogState *state, const void *bytes, Size size);

/*
 * Add a relation, by its OID and its file, and note whether its row of pg_class
 * is newer than the snapshot.  An ALTER TABLE that rewrites the table, such as
 * SET UNLOGGED, writes rows that the snapshot does not see.
 */
extern void CatalogStateAddRelation(CatalogState *state, Relation relation);

/*
 * Add a row of a catalog, by the id of the transaction that wrote it, and note
 * whether it is newer than the snapshot.  With that id, the hash also changes
 * when a row is changed and changed back.
 */
extern void CatalogStateAddRow(CatalogState *state, HeapTuple row);

/* Note why changes of a table could go unrecorded; the first reason is kept. */
extern void CatalogStateNoteUntracked(CatalogState *state, Untracked untracked, Oid table);

#endif							/* CELL_BINARY_CATALOG_STATE_H */
