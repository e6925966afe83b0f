/*
 * catalog_state.h
 *		What the catalogs say of the tables that a query reads, as one hash; and
 *		whether a change of these tables can escape notice.  source_state.h walks
 *		the tables.
 */
#ifndef CELL_BINARY_CATALOG_STATE_H
#define CELL_BINARY_CATALOG_STATE_H

#include "compat.h"

#include "access/htup.h"

/* Why a change of a source can escape notice. */
typedef enum Untracked
{
	TRACKED,					/* it cannot */
	UNTRACKED_TRIGGERS,			/* a table lacks triggers, or they do not fire */
	UNTRACKED_FOREIGN,			/* other servers change a foreign table */
	UNTRACKED_DISTRIBUTED,		/* Citus changes the shards of a table */
	UNTRACKED_VIRTUAL,			/* a column is computed when it is read */
	UNTRACKED_GRANDCHILD		/* a child of a child can come and go while a
								 * writer changes it */
} Untracked;

/* The detail of an error that says so, of the table for which it is so. */
extern const char *UntrackedDetail(Untracked untracked, Oid table);

/*
 * The hash covers all that decides which rows a query sees, other than changes
 * of rows: which tables it reads, in which files they are, what columns they
 * have, what they are parts of, and which triggers watch them.
 */
typedef struct CatalogState
{
	int64		hash;
	bool		newer;			/* the snapshot does not see a row of a catalog: it
								 * may see the rows of a table as they were before */
	Untracked	untracked;		/* the first reason that was found */
	Oid			untracked_table;
} CatalogState;

/* Add bytes to the hash. */
extern void CatalogStateAdd(CatalogState *state, const void *bytes, Size size);

/*
 * Add a row of a catalog.  Its transaction distinguishes it from another row
 * with the same contents.
 */
extern void CatalogStateAddRow(CatalogState *state, HeapTuple row);

/* Note whether a row of a catalog is newer than the active snapshot. */
extern void CatalogStateNoteAge(CatalogState *state, HeapTuple row);

/* Note why changes of a table can escape notice, unless a reason is known. */
extern void CatalogStateNoteUntracked(CatalogState *state, Untracked untracked, Oid table);

#endif							/* CELL_BINARY_CATALOG_STATE_H */
