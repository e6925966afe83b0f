/*
 * attempt.h
 *		Running an action whose failure must not fail the statement.
 */
#ifndef CELL_BINARY_ATTEMPT_H
#define CELL_BINARY_ATTEMPT_H

#include "compat.h"

/*
 * Run an action in a subtransaction.  Returns NULL if it succeeds.  If it
 * fails with an error for which is_expected returns true, the subtransaction
 * is rolled back and the error is returned, allocated in the current memory
 * context.  Any other error is raised again.
 */
extern ErrorData *Attempt(void (*action) (void *), void *argument,
						  bool (*is_expected) (int sqlerrcode));

/* Whether an error is of class 53: the server lacks disk space, memory etc. */
extern bool IsLackOfResources(int sqlerrcode);

#endif							/* CELL_BINARY_ATTEMPT_H */
