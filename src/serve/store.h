/*
 * store.h
 *		The store of ready payloads: the table cell_payload.
 *
 * A payload's row says from which snapshot it was packed, and in what state its
 * source was.  That is all there is to know: a row is right or not by what it
 * says, whatever became of the transaction that stored it.  So one who waited
 * for another to pack reads the row before that one commits, which may be as
 * late as its client has received everything.
 */
#ifndef CELL_BINARY_STORE_H
#define CELL_BINARY_STORE_H

#include "compat.h"

#include "changes/change_log.h"
#include "storage/itemptr.h"

/* Which payload. */
typedef struct PayloadKey
{
	Oid			schema;
	int32		study;
	const char *sample;
	int64		sample_hash;
	const char *layout;
	const char *coding;
} PayloadKey;

/* What is known of one. */
typedef struct PayloadHead
{
	int64		cells;
	int64		bytes;
	const char *etag;			/* NULL if it was not asked for */
	PackedAt	packed;
	int64		source_state;
} PayloadHead;

/* The bytes of one, not yet fetched. */
typedef struct StoredPayload
{
	Datum		payload;		/* a bytea, in general out of line */
	bool		is_uncommitted; /* by another transaction */
	bool		is_own;
} StoredPayload;

/* The payload that a snapshot would pack, if it is stored; false if it is not. */
extern bool StoreFind(const PayloadKey *key, int64 source_state, Snapshot snapshot,
					  PayloadHead *head, StoredPayload *stored);

/*
 * Its bytes: in general a pointer to the stored ones, which is good as long as
 * the caller's statement.  False if the transaction that stored them aborted.
 */
extern bool StoreFetch(const StoredPayload *stored, Datum *payload);

/* What became of a payload that was to be stored. */
typedef enum StoreOutcome
{
	STORE_DONE,
	STORE_TOO_LARGE,			/* for cell_binary.store_size, or for a row */
	STORE_FULL,					/* of deleted payloads, until VACUUM comes by */
	STORE_FAILED				/* the server lacks disk space or memory */
} StoreOutcome;

/*
 * Store a payload in the place of older ones, and evict those that were not
 * used for the longest time until all fit into cell_binary.store_size.  If the
 * server lacks the resources for it nothing is stored or evicted, and *error
 * says what is lacking.
 */
extern StoreOutcome StorePut(const PayloadKey *key, const PayloadHead *head, bytea *payload,
							 ErrorData **error);

#endif							/* CELL_BINARY_STORE_H */
