/*
 * kept_plans.h
 *		Plans of queries that this session keeps, by their texts.
 *
 * PostgreSQL's plan cache plans a kept query again when something that it
 * depends on has changed: a relation, a function, the role if row-level security
 * applies.  A kept plan is generic: it is for any values of the parameters.
 */
#ifndef CELL_BINARY_KEPT_PLANS_H
#define CELL_BINARY_KEPT_PLANS_H

#include "compat.h"

#include "executor/spi.h"

typedef struct KeptPlan
{
	char	   *text;			/* NULL in a free place */
	uint32		hash;
	SPIPlanPtr	plan;
	int			users;			/* calls that are planning or checking it */
	uint64		used_at;		/* larger for a later use */
} KeptPlan;

/*
 * Prepare a query in the SPI connection, and stay in the memory context, which
 * SPI_prepare_cursor leaves.
 */
extern SPIPlanPtr PrepareQuery(const char *text, int parameters, Oid *types, int options);

/*
 * Return the kept plan of a query, prepared if it is new; NULL if all places are
 * in use, or if the text is too long to be kept.  It stays until KeptPlanRelease.
 * The caller is connected to SPI.
 */
extern KeptPlan *KeptPlanOf(const char *text, int parameters, Oid *types);
extern void KeptPlanRelease(KeptPlan *kept);

#endif							/* CELL_BINARY_KEPT_PLANS_H */
