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
#include "nodes/pg_list.h"
#include "study/registry.h"

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
	List	   *relations;		/* OIDs of what the query reads, see SourceCheck */
	bool		restricted;		/* row-level security applies to the caller */
} Source;

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
 * Raise the error that the executor would raise for a caller who lacks a
 * privilege on a relation, column or function of the query.  Then the relations
 * that the query reads are known, and locked.
 *
 * The snapshot is renewed once the locks are held, because the transaction that
 * held them before may have changed the rows.
 */
extern void SourceCheck(Source *source, SnapshotChoice choice);

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
