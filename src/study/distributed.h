/*
 * distributed.h
 *		Detection of tables whose rows Citus keeps in shards.
 */
#ifndef CELL_BINARY_DISTRIBUTED_H
#define CELL_BINARY_DISTRIBUTED_H

#include "compat.h"

/*
 * Whether Citus manages a table: a distributed table, a reference table or a
 * local table that Citus has in its catalog.
 */
extern bool IsDistributed(Oid table);

#endif							/* CELL_BINARY_DISTRIBUTED_H */
