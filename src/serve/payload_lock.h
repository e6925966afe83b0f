/*
 * payload_lock.h
 *		The lock that lets one session make a payload while others wait; whether
 *		it is stored by then is asked of the store.
 */
#ifndef CELL_BINARY_PAYLOAD_LOCK_H
#define CELL_BINARY_PAYLOAD_LOCK_H

#include "compat.h"

#include "serve/store.h"

/*
 * Only one session makes a payload: wait for the lock.  True if another one had
 * it.
 */
extern bool LockPayload(const PayloadKey *key);
extern void UnlockPayload(const PayloadKey *key);

/*
 * Wait for the session that makes a payload, if there is one.  A read-only
 * transaction does so, which cannot store a payload and does not take the lock.
 */
extern void WaitForPayload(const PayloadKey *key);

#endif							/* CELL_BINARY_PAYLOAD_LOCK_H */
