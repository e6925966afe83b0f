/*
 * attempt.h
 *		Something that may fail without failing the statement.
 */
#ifndef CELL_BINARY_ATTEMPT_H
#define CELL_BINARY_ATTEMPT_H

#include "compat.h"

/*
 * Do something in a subtransaction.  If it fails with an error that is expected,
 * that is rolled back, and the error is returned, in the current memory context;
 * NULL if all went well.
 */
extern ErrorData *Attempt(void (*action) (void *), void *argument,
						  bool (*is_expected) (int sqlerrcode));

/* Errors of class 53: the server lacks disk space, memory or the like. */
extern bool IsLackOfResources(int sqlerrcode);

#endif							/* CELL_BINARY_ATTEMPT_H */
