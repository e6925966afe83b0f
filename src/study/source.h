/*
 * source.h
 *		Preparing, checking and running the queries on a study's source.  The
 *		texts of the queries are in query.h; whether a stored payload still
 *		matches the source is decided in changes/source_state.h.
 *
 * SourceOpen connects to SPI and SourceClose disconnects.  The other functions
 * are called between the two.
 */
#ifndef CELL_BINARY_SOURCE_H
#define CELL_BINARY_SOURCE_H

#include "compat.h"

#include "executor/spi.h"
#include "nodes/pg_list.h"
#include "study/query.h"

typedef struct Source
{
	const Study *study;
	SourceQuery query;
	Oid			relation;		/* that the query reads: the source, or the
								 * relation of payloads */
	const CbLayout *layout;
	char	   *text;			/* of the query */
	char	   *run_text;		/* of another form of the query, which SourceRun
								 * runs; or NULL */
	SPIPlanPtr	plan;			/* a custom plan of text; NULL before it is
								 * needed */
	ParamListInfo parameters;
	int			settings;		/* GUC nesting level of the changed settings */
	List	   *relations;		/* OIDs of the relations that the query reads;
								 * set by SourceCheck or SourceCheckKept, gone at
								 * SourceClose */
	bool		restricted;		/* row-level security applies to the caller */
	const struct CustomScanMethods *custom; /* of the plan's top node, or NULL; set
											 * by SourceCheck */
} Source;

/*
 * Open a query on a study's source, or on its relation of payloads.
 *
 * Until SourceClose, some settings are fixed.  search_path is fixed because
 * the functions of a view must see the same tables for every caller.
 * client_min_messages is "error" because a client that does not read its
 * messages would block the packing, and with it all sessions that wait for the
 * payload.
 */
extern void SourceOpen(Source *source, const Study *study, SourceQuery query,
					   SourceArguments arguments);
extern void SourceClose(Source *source);

/* Whether SourceCheck keeps the active snapshot or calls SourceRenewSnapshot. */
typedef enum SnapshotChoice
{
	KEEP_SNAPSHOT,
	RENEW_SNAPSHOT
} SnapshotChoice;

/*
 * Plan the query, and raise the executor's error if the caller lacks a
 * privilege on a relation, column or function of the query.  On return, the
 * relations that the query reads are listed in source->relations and are
 * locked.
 *
 * The snapshot is renewed after the locks are taken, because a transaction for
 * which this call waited may have changed the rows.
 *
 * If the query reads foreign tables, SourceRun will run a form of it that packs the
 * cells where they are.
 */
extern void SourceCheck(Source *source, SnapshotChoice choice);

/*
 * The same, by a plan that the session keeps, which takes much less time.  It
 * lists at least the relations that the query reads.  source->custom stays NULL.
 */
extern void SourceCheckKept(Source *source, SnapshotChoice choice);

/*
 * Replace the active snapshot by one that sees everything committed until now.
 * Does nothing in a transaction that uses one snapshot throughout (REPEATABLE
 * READ or SERIALIZABLE).
 */
extern void SourceRenewSnapshot(void);

/*
 * Run the query with the active snapshot, and call a function for each row.
 * The row's values are valid only during that call.
 */
typedef void (*SourceRow) (TupleTableSlot *row, void *argument);
extern void SourceRun(Source *source, SourceRow function, void *argument);

#endif							/* CELL_BINARY_SOURCE_H */
