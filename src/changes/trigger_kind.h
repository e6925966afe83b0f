/*
 * trigger_kind.h
 *		Which triggers notice the changes of a study's source, and whether a table
 *		has them.  triggers.h makes and drops them.
 */
#ifndef CELL_BINARY_TRIGGER_KIND_H
#define CELL_BINARY_TRIGGER_KIND_H

#include "compat.h"

#include "access/genam.h"
#include "changes/catalog_state.h"
#include "commands/trigger.h"
#include "study/registry.h"
#include "utils/rel.h"

/* The triggers that each table of a source needs: for INSERT, UPDATE, DELETE. */
#define TRIGGER_KINDS 3
#define ALL_KINDS ((1 << TRIGGER_KINDS) - 1)

typedef struct TriggerKind
{
	const char *name;
	int16		event;
	bool		sees_old;		/* the condition looks at the row before, */
	bool		sees_new;		/* and at the row after the change */
} TriggerKind;

extern const TriggerKind trigger_kinds[TRIGGER_KINDS];

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

/* A scan of the triggers of a table; the caller ends it. */
extern SysScanDesc ScanTriggers(Relation triggers, Oid table);

/* Whether a trigger is one of a study. */
extern bool IsTriggerOf(Relation triggers, HeapTuple tuple, const TriggerFunctions *functions,
						const Study *study);

/* Whether a trigger is left of a study that is not registered any more. */
extern bool IsLeftOverTrigger(Relation triggers, HeapTuple tuple,
							  const TriggerFunctions *functions, Oid schema);

/*
 * The kind of a study's trigger, as an index; -1 for other triggers, and for a
 * trigger that a role made which does not fire for every row that it must.
 */
extern int	KindOfTrigger(Relation triggers, HeapTuple tuple, TriggerFunctions *functions,
						  const Study *study, AttrNumber sample);

#endif							/* CELL_BINARY_TRIGGER_KIND_H */
