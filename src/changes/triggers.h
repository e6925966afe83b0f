/*
 * triggers.h
 *		Creating and dropping the triggers that record the changes of a study's
 *		source.  trigger_kind.h says which triggers these are.
 */
#ifndef CELL_BINARY_TRIGGERS_H
#define CELL_BINARY_TRIGGERS_H

#include "compat.h"

#include "study/registry.h"

/*
 * Create the triggers that the study's source, its partitions and its children
 * lack, set those that exist to ENABLE ALWAYS, and drop those that are wrong
 * or left over.  Locks these tables in SHARE ROW EXCLUSIVE mode, or ACCESS
 * EXCLUSIVE to drop a trigger.  A child that the caller does not own is
 * skipped; a NOTICE says so if it lacks the triggers.
 */
extern void TriggersCreate(const Study *study);

/*
 * Drop all triggers of the study, including those on tables that are no longer
 * part of the source.  Locks the tables in ACCESS EXCLUSIVE mode.  A table
 * that the caller does not own is skipped, with a NOTICE if it is part of the
 * source or has the same owner.
 */
extern void TriggersDrop(const Study *study);

#endif							/* CELL_BINARY_TRIGGERS_H */
