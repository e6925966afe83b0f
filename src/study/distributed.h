/*
 * distributed.h
 *		Whether the rows of a table are on other servers.
 */
#ifndef CELL_BINARY_DISTRIBUTED_H
#define CELL_BINARY_DISTRIBUTED_H

#include "compat.h"

/*
 * Whether Citus keeps the rows of a table in shards: a distributed, a reference
 * or a local table that it manages.
 */
extern bool IsDistributed(Oid table);

#endif							/* CELL_BINARY_DISTRIBUTED_H */
