/*
 * foreign.h
 *		Where the rows of a query are: on this server, or on another one that can
 *		pack them.
 */
#ifndef CELL_BINARY_FOREIGN_H
#define CELL_BINARY_FOREIGN_H

#include "compat.h"

#include "nodes/pg_list.h"

typedef struct RowPlaces
{
	bool		partitioned;	/* a partitioned table is among the relations */
	const char *key;			/* the only column by which all of them are
								 * partitioned, or NULL */
	bool		local;			/* a table of this server is */
	bool		foreign;		/* a foreign table is */
	bool		packing;		/* and the servers of all foreign tables can pack */
} RowPlaces;

/* Return where the rows of relations are. */
extern RowPlaces RowPlacesOf(const List *relations);

#endif							/* CELL_BINARY_FOREIGN_H */
