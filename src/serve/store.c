/*
 * store.c
 *		Reading and writing the store of ready payloads, the table cell_payload.
 */
#include "serve/store.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "miscadmin.h"
#include "serve/attempt.h"
#include "serve/statistics.h"
#include "settings.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "study/own_table.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

/* The columns of cell_payload. */
enum
{
	PAYLOAD_STUDY = 1,
	PAYLOAD_SAMPLE_HASH,
	PAYLOAD_PACKED_BY,
	PAYLOAD_SOURCE_STATE,
	PAYLOAD_CELLS,
	PAYLOAD_BYTES,
	PAYLOAD_USED_AT,
	PAYLOAD_SAMPLE,
	PAYLOAD_LAYOUT,
	PAYLOAD_CODING,
	PAYLOAD_ETAG,
	PAYLOAD_AS_OF,
	PAYLOAD_PAYLOAD,
	PAYLOAD_COLUMNS = PAYLOAD_PAYLOAD
};

/* The columns of fixed width, as they are laid out at the start of a row. */
typedef struct PayloadRow
{
	int32		study;
	int64		sample_hash;
	FullTransactionId packed_by;
	int64		source_state;
	int64		cells;
	int64		bytes;
	TimestampTz used_at;
} PayloadRow;

StaticAssertDecl(offsetof(PayloadRow, used_at) == DOUBLEALIGN(sizeof(int32)) + 5 * sizeof(int64),
				 "PayloadRow is not laid out as the table is");

/* A row is formed in one allocation, which holds the payload and all the rest. */
#define LARGEST_STORED (MaxAllocSize - 1024 * 1024)

/* The value of a column of variable width that cannot be null. */
static Datum
column_of(Relation table, HeapTuple row, int column)
{
	bool		isnull;

	return heap_getattr(row, column, RelationGetDescr(table), &isnull);
}

static bool
is_text(Datum value, const char *string)
{
	text	   *t = DatumGetTextPP(value);

	return VARSIZE_ANY_EXHDR(t) == strlen(string) &&
		memcmp(VARDATA_ANY(t), string, strlen(string)) == 0;
}

/* Whether a row with the key's study and sample hash is for the key. */
static bool
is_for(Relation table, HeapTuple row, const PayloadKey *key)
{
	bool		isnull;
	Datum		sample = heap_getattr(row, PAYLOAD_SAMPLE, RelationGetDescr(table), &isnull);

	if (isnull != (key->sample == NULL))
		return false;
	return (isnull || is_text(sample, key->sample)) &&
		is_text(column_of(table, row, PAYLOAD_LAYOUT), key->layout) &&
		is_text(column_of(table, row, PAYLOAD_CODING), key->coding);
}

/*
 * Set the time of a row's last use.  A resolution of a second is enough to
 * find the least recently used payloads.
 */
static void
touch(SysScanDesc scan, HeapTuple row)
{
	PayloadRow *fields = (PayloadRow *) GETSTRUCT(row);
	TimestampTz now = GetCurrentTimestamp();

	if (now - fields->used_at < USECS_PER_SEC)
		return;
	LockTupleInPlace(scan);
	fields->used_at = now;
	UnlockTupleInPlace(scan);
}

/* A stored payload whose bytes are to be fetched, and the result. */
typedef struct Fetch
{
	Datum		stored;
	Datum		payload;
} Fetch;

static Datum
fetched(Datum stored)
{
	return PointerGetDatum(detoast_external_attr((struct varlena *) DatumGetPointer(stored)));
}

static void
fetch(void *argument)
{
	Fetch	   *f = argument;

	f->payload = fetched(f->stored);
}

/* The error of fetching bytes that were vacuumed away. */
static bool
is_lost_row(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_DATA_CORRUPTED;
}

bool
StoreFind(const PayloadKey *key, int64 source_state, Snapshot snapshot,
		  PayloadHead *head, StoredPayload *stored)
{
	bool		found = false;
	HeapTuple	row;
	OwnScan		scan;

	OwnScanBegin(&scan, key->schema, "cell_payload", "cell_payload_sample", AccessShareLock,
				 key->study, &key->sample_hash, NULL);
	OwnTableCheckPersistence(scan.table, false);
	while (!found && HeapTupleIsValid(row = OwnScanNext(&scan)))
	{
		PayloadRow *fields = (PayloadRow *) GETSTRUCT(row);

		if (fields->source_state != source_state || !is_for(scan.table, row, key))
			continue;

		/*
		 * The payload can be newer than the call's snapshot, but not in a
		 * transaction that uses one snapshot throughout.
		 */
		head->packed.packed_by = fields->packed_by;
		head->packed.snapshot = column_of(scan.table, row, PAYLOAD_AS_OF);
		if ((IsolationUsesXactSnapshot() && !IsNoLater(head->packed, snapshot)) ||
			!HasAllChanges(key->schema, key->study, key->sample_hash, snapshot, head->packed))
			continue;

		head->packed.snapshot = datumCopy(head->packed.snapshot, false, -1);
		head->source_state = source_state;
		head->cells = fields->cells;
		head->bytes = fields->bytes;
		head->etag = TextDatumGetCString(column_of(scan.table, row, PAYLOAD_ETAG));
		stored->payload = datumCopy(column_of(scan.table, row, PAYLOAD_PAYLOAD), false, -1);
		stored->is_uncommitted = TransactionIdIsValid(scan.dirty.xmin);
		stored->is_own = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row->t_data));
		touch(scan.scan, row);
		found = true;
	}
	OwnScanEnd(&scan);
	return found;
}

bool
StoreFetch(const StoredPayload *stored, Datum *payload)
{
	/*
	 * If the transaction that stored the payload aborts now, VACUUM can remove
	 * the bytes while they are being read.  Then there is no payload.
	 */
	if (stored->is_uncommitted)
	{
		Fetch		f = {.stored = stored->payload};
		ErrorData  *error = Attempt(fetch, &f, is_lost_row);

		if (error != NULL)
			FreeErrorData(error);
		*payload = f.payload;
		return error == NULL;
	}
	/*
	 * Copy the bytes of a payload that this transaction stored, because they
	 * are lost if the subtransaction that stored it is rolled back.
	 */
	*payload = stored->is_own ? fetched(stored->payload) : stored->payload;
	return true;
}

/* A stored payload that make_room can evict. */
typedef struct Evictable
{
	TimestampTz used_at;
	int64		bytes;
	int32		study;
	ItemPointerData tid;
} Evictable;

static int
compare_use(const void *a, const void *b)
{
	const Evictable *one = a;
	const Evictable *other = b;

	return (one->used_at > other->used_at) - (one->used_at < other->used_at);
}

/*
 * Make room for a payload: delete older payloads of the same key, then evict
 * the least recently used ones until the new payload fits into limit (-1 for
 * no limit).  Rows that another transaction has written or locked are skipped,
 * so no session waits.
 */
static void
make_room(Relation table, const PayloadKey *key, int64 bytes, int64 limit)
{
	Evictable  *evictable = palloc(64 * sizeof(Evictable));
	int			room = 64;
	int			count = 0;
	int64		total = bytes;
	SnapshotData dirty;
	SysScanDesc scan;
	HeapTuple	row;

	InitDirtySnapshot(dirty);
	scan = systable_beginscan(table, InvalidOid, false, &dirty, 0, NULL);
	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		PayloadRow *fields = (PayloadRow *) GETSTRUCT(row);
		bool		is_free = !TransactionIdIsValid(dirty.xmin) &&
			!TransactionIdIsValid(dirty.xmax);

		CHECK_FOR_INTERRUPTS();
		if (is_free && fields->study == key->study && fields->sample_hash == key->sample_hash &&
			is_for(table, row, key) && DeleteIfFree(table, &row->t_self))
			continue;
		total += fields->bytes;
		if (!is_free)
			continue;
		if (count == room)
			evictable = repalloc_huge(evictable, (room *= 2) * sizeof(Evictable));
		evictable[count++] = (Evictable)
		{
			fields->used_at, fields->bytes, fields->study, row->t_self
		};
	}
	systable_endscan(scan);

	if (limit >= 0 && total > limit)
	{
		qsort(evictable, count, sizeof(Evictable), compare_use);
		for (int i = 0; i < count && total > limit; i++)
			if (DeleteIfFree(table, &evictable[i].tid))
			{
				total -= evictable[i].bytes;
				AddStatistics(key->schema, evictable[i].study, (StoreStatistics) {.evictions = 1});
			}
	}
	pfree(evictable);
}

/*
 * The store may take twice its limit on disk plus this many bytes, because
 * deleted payloads take space until VACUUM.  The constant is there for small
 * limits.
 */
#define DISK_SLACK (INT64CONST(64) * 1024 * 1024)

/*
 * An estimate of the bytes of the store on disk that are not free: those of
 * stored payloads, and of deleted payloads until VACUUM removes them.  The
 * free space map is sampled at up to about 2,000 pages.
 */
static int64
bytes_in_use(Relation table)
{
	const BlockNumber looks = 1000;
	Relation	toast = table_open(table->rd_rel->reltoastrelid, AccessShareLock);
	BlockNumber pages = RelationGetNumberOfBlocks(toast);
	BlockNumber step = Max(pages / looks, 1);
	int64		in_use = 0;

	for (BlockNumber page = 0; page < pages; page += step)
		in_use += BLCKSZ - (int64) GetRecordedFreeSpace(toast, page);
	table_close(toast, AccessShareLock);
	return in_use * step + (int64) RelationGetNumberOfBlocks(table) * BLCKSZ;
}

/* A payload to be stored. */
typedef struct Put
{
	const PayloadKey *key;
	const PayloadHead *head;
	bytea	   *payload;
	int64		limit;			/* of the store, in bytes; -1 for none */
	StoreOutcome outcome;
} Put;

static void
put(void *argument)
{
	Put		   *p = argument;
	const PayloadKey *key = p->key;
	const PayloadHead *head = p->head;
	Datum		values[PAYLOAD_COLUMNS];
	bool		isnull[PAYLOAD_COLUMNS] = {false};
	Relation	table = table_open(OwnRelation(key->schema, "cell_payload"), RowExclusiveLock);
	HeapTuple	row;

	OwnTableCheckPersistence(table, false);
	if (p->limit >= 0 && bytes_in_use(table) + head->bytes > 2 * p->limit + DISK_SLACK)
	{
		p->outcome = STORE_FULL;
		table_close(table, NoLock);
		return;
	}
	make_room(table, key, head->bytes, p->limit);

	values[PAYLOAD_STUDY - 1] = Int32GetDatum(key->study);
	values[PAYLOAD_SAMPLE_HASH - 1] = Int64GetDatum(key->sample_hash);
	values[PAYLOAD_PACKED_BY - 1] = FullTransactionIdGetDatum(head->packed.packed_by);
	values[PAYLOAD_SOURCE_STATE - 1] = Int64GetDatum(head->source_state);
	values[PAYLOAD_CELLS - 1] = Int64GetDatum(head->cells);
	values[PAYLOAD_BYTES - 1] = Int64GetDatum(head->bytes);
	values[PAYLOAD_USED_AT - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	if (key->sample != NULL)
		values[PAYLOAD_SAMPLE - 1] = CStringGetTextDatum(key->sample);
	else
		isnull[PAYLOAD_SAMPLE - 1] = true;
	values[PAYLOAD_LAYOUT - 1] = CStringGetTextDatum(key->layout);
	values[PAYLOAD_CODING - 1] = CStringGetTextDatum(key->coding);
	values[PAYLOAD_ETAG - 1] = CStringGetTextDatum(head->etag);
	values[PAYLOAD_AS_OF - 1] = head->packed.snapshot;
	values[PAYLOAD_PAYLOAD - 1] = PointerGetDatum(p->payload);
	row = heap_form_tuple(RelationGetDescr(table), values, isnull);
	CatalogTupleInsert(table, row);
	heap_freetuple(row);
	table_close(table, NoLock);
	/* Let a later call in the same statement see the row, so as to delete it. */
	CommandCounterIncrement();
	p->outcome = STORE_DONE;
}

StoreOutcome
StorePut(const PayloadKey *key, const PayloadHead *head, bytea *payload, ErrorData **error)
{
	Put			p = {
		.key = key, .head = head, .payload = payload,
		.limit = cell_binary_store_size < 0 ? -1 : cell_binary_store_size * INT64CONST(1024) * 1024
	};

	if ((p.limit >= 0 && head->bytes > p.limit) || head->bytes > (int64) LARGEST_STORED)
		return STORE_TOO_LARGE;
	/* If the disk is full, the payload is not stored, but it is still served. */
	*error = Attempt(put, &p, IsLackOfResources);
	return *error == NULL ? p.outcome : STORE_FAILED;
}
