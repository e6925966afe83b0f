/*
 * payload_lock.h
 *		The lock that makes one session build a payload while other sessions
 *		wait for it.  A session that has waited looks into the store (store.h).
 *
 * The lock only saves work.  Whether a stored payload is right does not depend
 * on it.
 */
#ifndef CELL_BINARY_PAYLOAD_LOCK_H
#define CELL_BINARY_PAYLOAD_LOCK_H

#include "compat.h"

#include "serve/store.h"

/* Take the lock if it is free.  Returns whether it was. */
extern bool TryLockPayload(const PayloadKey *key);

/* Wait for the lock, and take it. */
extern void LockPayload(const PayloadKey *key);
extern void UnlockPayload(const PayloadKey *key);

/*
 * Wait until no session holds the lock.  A read-only transaction uses this
 * instead of LockPayload, because it cannot store what it builds.
 */
extern void WaitForPayload(const PayloadKey *key);

#endif							/* CELL_BINARY_PAYLOAD_LOCK_H */
