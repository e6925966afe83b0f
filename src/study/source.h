/*
 * source.h
 *		The source of a study as a caller may read it: queries, rights, state.
 *
 * All of it happens inside SPI, between SourceOpen and SourceClose.
 */
#ifndef CELL_BINARY_SOURCE_H
#define CELL_BINARY_SOURCE_H

#include "compat.h"

#include "executor/spi.h"
#include "study/study.h"

/* What a study's source is asked for. */
typedef enum SourceQuery
{
	SOURCE_PACK,				/* one sample, packed */
	SOURCE_PACK_ALL,			/* every sample, packed */
	SOURCE_SAMPLES,				/* the names of the samples */
	SOURCE_SIZES,				/* and how many cells they have */
	SOURCE_INTENSITIES			/* intensities and features of each cell */
} SourceQuery;

typedef struct Source
{
	const Study *study;
	SPIPlanPtr	plan;
	ParamListInfo parameters;
	int			settings;		/* the nesting level of those in force */
} Source;

/* Why changes of a source are not all noticed. */
typedef enum Untracked
{
	TRACKED,					/* they are */
	UNTRACKED_TRIGGERS,			/* a table lacks triggers, or they do not fire */
	UNTRACKED_FOREIGN,			/* a foreign table is changed by other servers */
	UNTRACKED_DISTRIBUTED,		/* Citus changes its shards */
	UNTRACKED_VIRTUAL,			/* values are made when they are read */
	UNTRACKED_GRANDCHILD		/* a child of a child can come and go while
								 * somebody writes to it */
} Untracked;

/* The detail of an error that says so, of the table for which it is so. */
extern const char *UntrackedDetail(Untracked untracked, Oid table);

/*
 * What the planner says of a query of the source.
 *
 * The state is a hash of all that decides what rows a query sees besides their
 * changes: which tables it reads, in which files they are, what columns they
 * have, what they are parts of, and which triggers watch them.
 */
typedef struct SourceView
{
	bool		restricted;		/* row level security applies to the caller */
	Untracked	untracked;		/* why not every change is noticed */
	Oid			untracked_table;
	bool		newer;			/* the snapshot does not see how: the rows that
								 * it sees may be those of before */
	bool		written;		/* the transaction has locked it for writing */
	int64		state;
} SourceView;

/*
 * Prepare a query of a study's source, with its parameters: for SOURCE_PACK the
 * sample's value and the layout, for SOURCE_PACK_ALL the layout.
 *
 * Until SourceClose, search_path is fixed: functions of a view must not see
 * other tables for one caller than for another.  And no messages below an error
 * go to the client: one that takes none would keep others waiting, who want the
 * payload that is packed for him.
 */
extern void SourceOpen(Source *source, const Study *study, SourceQuery query,
					   Datum sample, const char *layout);
extern void SourceClose(Source *source);

/* Whether the active snapshot stays, or becomes one that sees what is committed by now. */
typedef enum SnapshotChoice
{
	KEEP_SNAPSHOT,
	RENEW_SNAPSHOT
} SnapshotChoice;

/*
 * An error unless the caller may run the query: relations, columns and functions
 * are what he needs rights on.  Then what it would read, which is locked.
 *
 * The snapshot is renewed once the locks are held, because the transaction that
 * held them before may have changed the rows; and before the state is read,
 * because a change between the two would escape.
 */
extern SourceView SourceInspect(Source *source, SnapshotChoice choice);

/* Add to a view a row of a catalog on which it depends. */
extern void SourceAddCatalogRow(SourceView *view, HeapTuple row);

/*
 * Make the active snapshot one that sees what was committed until now; not in a
 * transaction that has one for all statements.
 */
extern void SourceRenewSnapshot(void);

/*
 * Run the query by the active snapshot, and call a function for each row; what
 * the row points to is gone after that.
 */
typedef void (*SourceRow) (TupleTableSlot *row, void *argument);
extern void SourceRun(Source *source, SourceRow function, void *argument);

#endif							/* CELL_BINARY_SOURCE_H */
