/*
 * payload_lock.c
 *		The lock that makes one session build a payload while other sessions
 *		wait for it.
 */
#include "serve/payload_lock.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"

static uint64
hash_string(const char *string)
{
	return DatumGetUInt64(hash_any_extended((const unsigned char *) string, strlen(string), 0));
}

/*
 * The lock is an advisory lock.  Its tag ends with a number that the SQL
 * functions for advisory locks never use, so no SQL command can take it.
 */
#define PAYLOAD_LOCK_KIND 0xCB

static LOCKTAG
payload_lock(const PayloadKey *key)
{
	LOCKTAG		tag;
	uint64		hash = (uint64) key->sample_hash;

	hash = hash_combine64(hash, key->study);
	hash = hash_combine64(hash, hash_string(key->layout));
	hash = hash_combine64(hash, hash_string(key->coding));
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash,
						 PAYLOAD_LOCK_KIND);
	return tag;
}

bool
LockPayload(const PayloadKey *key)
{
	LOCKTAG		tag = payload_lock(key);

	if (LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL)
		return false;
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	return true;
}

void
UnlockPayload(const PayloadKey *key)
{
	LOCKTAG		tag = payload_lock(key);

	(void) LockRelease(&tag, ExclusiveLock, false);
}

void
WaitForPayload(const PayloadKey *key)
{
	LOCKTAG		tag = payload_lock(key);

	(void) LockAcquire(&tag, ShareLock, false, false);
	(void) LockRelease(&tag, ShareLock, false);
}
