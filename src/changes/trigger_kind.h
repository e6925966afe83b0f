/*
 * trigger_kind.h
 *		Recognizing the triggers that record the changes of a study's source, and
 *		checking whether a table has them.  triggers.h creates and drops them.
 */
#ifndef CELL_BINARY_TRIGGER_KIND_H
#define CELL_BINARY_TRIGGER_KIND_H

#include "compat.h"

#include "access/genam.h"
#include "changes/catalog_state.h"
#include "commands/trigger.h"
#include "study/registry.h"
#include "utils/rel.h"

/* Each table of a source needs three triggers: for INSERT, UPDATE and DELETE. */
#define TRIGGER_KINDS 3
#define ALL_KINDS ((1 << TRIGGER_KINDS) - 1)

typedef struct TriggerKind
{
	const char *name;
	int16		event;
	bool		sees_old;		/* the condition reads the old row */
	bool		sees_new;		/* the condition reads the new row */
} TriggerKind;

extern const TriggerKind trigger_kinds[TRIGGER_KINDS];

/* The functions of a study's triggers. */
typedef struct TriggerFunctions
{
	Oid			trigger;		/* cell_source_changed() */
	Oid			sample_type;	/* text for character varying, and no domain */
	Oid			one_row;		/* cell_first_touch(sample) */
	Oid			two_rows;		/* cell_first_touch(old sample, new sample) */
	/* conditions found to be right: partitions repeat those of their parents */
	char	   *known[TRIGGER_KINDS];
	AttrNumber	known_sample[TRIGGER_KINDS];
} TriggerFunctions;

extern TriggerFunctions TriggerFunctionsOf(const Study *study);

/*
 * Whether a table has all triggers of a study, enabled as they must be.  The
 * triggers are added to the state, so its hash changes even if one was
 * disabled and enabled again.
 */
extern bool TriggersComplete(Relation table, const Study *study, TriggerFunctions *functions,
							 CatalogState *state);

/* A scan of the triggers of a table; the caller ends it. */
extern SysScanDesc ScanTriggers(Relation triggers, Oid table);

/* Whether a trigger calls cell_source_changed for a study. */
extern bool IsTriggerOf(Relation triggers, HeapTuple tuple, const TriggerFunctions *functions,
						const Study *study);

/* Whether a trigger calls cell_source_changed for a study that does not exist. */
extern bool IsLeftOverTrigger(Relation triggers, HeapTuple tuple,
							  const TriggerFunctions *functions, Oid schema);

/*
 * The index in trigger_kinds of a study's trigger.  -1 for other triggers, and
 * for a trigger of the study that would not fire for every row as it must,
 * which a role with the TRIGGER privilege can create.
 */
extern int	KindOfTrigger(Relation triggers, HeapTuple tuple, TriggerFunctions *functions,
						  const Study *study, AttrNumber sample);

#endif							/* CELL_BINARY_TRIGGER_KIND_H */
