/*
 * store.h
 *		The store of ready payloads, the table cell_payload.  request.h decides
 *		when to read and write it.
 *
 * The row of a payload holds the snapshot that it was packed with and the
 * state of its source at that time.  A payload is served if that state is the
 * state of the source now and the snapshot has all changes that the reader
 * sees (change_log.h).
 *
 * Nothing else is needed, so a row is valid even if the transaction that
 * stored it has not committed, or aborts later.  The store is therefore read
 * with a dirty snapshot: a session that waited for a payload reads it at once,
 * although the transaction that stored it may stay open until its client has
 * received all bytes.
 */
#ifndef CELL_BINARY_STORE_H
#define CELL_BINARY_STORE_H

#include "compat.h"

#include "changes/change_log.h"
#include "storage/itemptr.h"

/* What identifies a payload. */
typedef struct PayloadKey
{
	Oid			schema;
	int32		study;
	const char *sample;			/* NULL: the payload is of the study */
	int64		sample_hash;	/* EVERY_SAMPLE, if so */
	const char *layout;
	const char *coding;
} PayloadKey;

/* What the store keeps about a payload, besides its bytes. */
typedef struct PayloadHead
{
	int64		cells;
	int64		bytes;
	const char *etag;			/* NULL if it was not computed */
	PackedAt	packed;
	int64		source_state;	/* the hash of CatalogState */
} PayloadHead;

/* The bytes of a stored payload, not yet fetched. */
typedef struct StoredPayload
{
	Datum		payload;		/* a bytea, in general out of line */
	bool		is_uncommitted; /* stored by another transaction in progress */
	bool		is_own;			/* stored by this transaction */
} StoredPayload;

/*
 * Find a stored payload that was packed in the given state of the source and
 * is right for a snapshot.  Returns false if there is none.  head->etag,
 * head->packed.snapshot and stored->payload are allocated in the current
 * memory context.  Errors: 55000 if cell_payload is not unlogged or
 * cell_change is not logged.
 */
extern bool StoreFind(const PayloadKey *key, int64 source_state, Snapshot snapshot,
					  PayloadHead *head, StoredPayload *stored);

/*
 * Get the bytes of a stored payload.  The result is usually a TOAST pointer,
 * which is valid until the caller's statement ends; it is a copy if the
 * payload was stored by a transaction that can still be rolled back.  Returns
 * false if the bytes are gone because the transaction that stored them
 * aborted.
 */
extern bool StoreFetch(const StoredPayload *stored, Datum *payload);

/* What became of a payload that was to be stored. */
typedef enum StoreOutcome
{
	STORE_DONE,
	STORE_TOO_LARGE,			/* larger than cell_binary.store_size or than a row */
	STORE_FULL,					/* deleted payloads fill the disk until VACUUM */
	STORE_FAILED				/* the server lacks disk space or memory */
} StoreOutcome;

/*
 * Store a payload in place of older ones of the same key, and evict the
 * least recently used payloads until all fit into cell_binary.store_size.  If
 * the server lacks the resources, nothing is stored or evicted, the result is
 * STORE_FAILED and *error is the error.
 */
extern StoreOutcome StorePut(const PayloadKey *key, const PayloadHead *head, bytea *payload,
							 ErrorData **error);

#endif							/* CELL_BINARY_STORE_H */
