/*
 * triggers.h
 *		Making and dropping the triggers that notice the changes of a study's
 *		source; trigger_kind.h says which these are.
 */
#ifndef CELL_BINARY_TRIGGERS_H
#define CELL_BINARY_TRIGGERS_H

#include "compat.h"

#include "study/registry.h"

/* Make the triggers that the study's source, its partitions and children lack. */
extern void TriggersCreate(const Study *study);

/* Drop all of them, also those of tables that are no longer part of the source. */
extern void TriggersDrop(const Study *study);

#endif							/* CELL_BINARY_TRIGGERS_H */
