/*
 * scanned_aggregate.h
 *		What a scan must know of an aggregate that it can compute.
 */
#ifndef CELL_BINARY_SCANNED_AGGREGATE_H
#define CELL_BINARY_SCANNED_AGGREGATE_H

#include "compat.h"

#include "scan/table_scan.h"

/* What one execution computes. */
typedef struct ScanTask
{
	bool		grouped;		/* a result for each sample, and not one */
	bool		constant_is_null;
	Datum		constant;		/* the last argument, if it is not a column */
	Oid			constant_type;
	bool		with_constant;
	void	   *first_table;	/* what open_table returned for a table */
	MemoryContext context;		/* for the state and the results */
} ScanTask;

/* A result; payload is 0 for an aggregate over no rows. */
typedef struct ScanResult
{
	ValueBytes	sample;
	Datum		payload;
} ScanResult;

typedef struct ScannedAggregate
{
	const char *name;			/* for EXPLAIN */

	/*
	 * The C code of the aggregate's support functions, by which it is recognized.  A
	 * form with a cell_layout has a transition function of its own, or there is none.
	 */
	PGFunction	transition;
	PGFunction	layout_transition;
	PGFunction	final;

	/* How many arguments are read from columns; one more may be a constant. */
	int			(*columns) (int arguments);

	/*
	 * Recognize the arguments for a table, and set the number of the last column
	 * that is read.  If the scan can read them all, *why is NULL afterwards;
	 * otherwise it says which one it cannot read.
	 */
	void	   *(*open_table) (const TablePlan *plan, int *last_column, const char **why);

	/* Begin without rows.  Returns NULL if the executor must run the query. */
	void	   *(*begin) (const ScanTask *task);

	/*
	 * Add the rows on the current page.  Returns false if the executor must run
	 * the query.
	 */
	bool		(*add_page) (void *state, void *table, TableScan *scan);

	/* Return the next result, or false after the last one. */
	bool		(*next) (void *state, ScanResult *result);

	/* Release what is not memory; an error releases it, too. */
	void		(*end) (void *state);

	/*
	 * Only a scan can compute the aggregate.  If the scan leaves the query, there
	 * is no result; the extension then runs another query.
	 */
	bool		only_scan;
} ScannedAggregate;

#endif							/* CELL_BINARY_SCANNED_AGGREGATE_H */
