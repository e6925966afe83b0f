/*
 * payload_lock.c
 *		The lock that makes one session build a payload while other sessions
 *		wait for it.
 */
#include "serve/payload_lock.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/wait_event.h"

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

#if PG_VERSION_NUM >= 170000

/*
 * Wait for a lock, with a wait event of the extension.  The lock manager would
 * report its own, so its reports go to a place that nobody reads.
 */
static void
wait_for_lock(const LOCKTAG *tag, LOCKMODE mode)
{
	static uint32 event;
	static uint32 hidden;
	uint32	   *shown = my_wait_event_info;

	if (event == 0)
		event = WaitEventExtensionNew("CellBinaryPayload");
	pgstat_report_wait_start(event);
	pgstat_set_wait_event_storage(&hidden);
	PG_TRY();
	{
		(void) LockAcquire(tag, mode, false, false);
	}
	PG_FINALLY();
	{
		pgstat_set_wait_event_storage(shown);
		pgstat_report_wait_end();
	}
	PG_END_TRY();
}

#else

/* Before 17, an extension that is not preloaded cannot have a wait event. */
static void
wait_for_lock(const LOCKTAG *tag, LOCKMODE mode)
{
	(void) LockAcquire(tag, mode, false, false);
}

#endif

bool
TryLockPayload(const PayloadKey *key)
{
	LOCKTAG		tag = payload_lock(key);

	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
LockPayload(const PayloadKey *key)
{
	LOCKTAG		tag = payload_lock(key);

	wait_for_lock(&tag, ExclusiveLock);
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

	wait_for_lock(&tag, ShareLock);
	(void) LockRelease(&tag, ShareLock, false);
}
