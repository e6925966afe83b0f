/*
 * triggers.h
 *		The triggers by which changes of a study's source are noticed.
 */
#ifndef CELL_BINARY_TRIGGERS_H
#define CELL_BINARY_TRIGGERS_H

#include "compat.h"

#include "changes/catalog_state.h"
#include "study/registry.h"
#include "utils/rel.h"

/* The kinds of triggers that a table needs, see triggers.c. */
#define TRIGGER_KINDS 3

/* The functions of a study's triggers. */
typedef struct TriggerFunctions
{
	Oid			trigger;		/* cell_source_changed() */
	Oid			sample_type;	/* text for character varying, and no domain */
	Oid			one_row;		/* cell_first_touch(sample) */
	Oid			two_rows;		/* cell_first_touch(old sample, new sample) */
	/* conditions that were found right, as partitions have the same ones */
	char	   *known[TRIGGER_KINDS];
	AttrNumber	known_sample[TRIGGER_KINDS];
} TriggerFunctions;

extern TriggerFunctions TriggerFunctionsOf(const Study *study);

/*
 * Whether a table has all triggers of a study, enabled as they must be.  They
 * are added to the view, which so tells if one was disabled for a while.
 */
extern bool TriggersComplete(Relation table, const Study *study, TriggerFunctions *functions,
							 CatalogState *state);

/* Make those that the study's source, its partitions and children lack. */
extern void TriggersCreate(const Study *study);

/* Drop all of them, also of tables that are no part of the source any more. */
extern void TriggersDrop(const Study *study);

#endif							/* CELL_BINARY_TRIGGERS_H */
