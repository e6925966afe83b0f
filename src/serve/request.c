/*
 * request.c
 *		One call for the payload of a sample: from the store if it is there and
 *		right, packed otherwise.  Reading and writing the store is in store.c.
 *
 * What is served is always what the caller's own query would pack:
 *
 *	- A caller without a right on a relation, column or function of that query
 *	  gets its error.  A caller subject to row-level security is not served from
 *	  the store.
 *	- A read-only transaction is served what is ready, and stores nothing.
 *	- In READ COMMITTED a call has a snapshot of its own, as a statement in a
 *	  function has: a payload serves it if it has all changes that this
 *	  snapshot sees.  It may be newer, if it was packed while the call waited.
 *	- With one snapshot for the transaction, a payload must be of just that.
 *
 * Who does not find a payload takes its lock, looks again, and makes it.  The
 * lock is held until the payload is in the store, not until the transaction
 * ends: the others do not wait for this one's client to receive it.
 */
#include "serve/request.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "arguments.h"
#include "changes/change_log.h"
#include "pack/huge_pages.h"
#include "portability/instr_time.h"
#include "read/payload.h"
#include "serve/etag.h"
#include "serve/payload_lock.h"
#include "settings.h"
#include "study/own_table.h"
#include "study/sample.h"
#include "study/study.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

static Detour
detour_of(const Request *request)
{
	if (RecoveryInProgress())
		return DETOUR_STANDBY;
	if (IsolationIsSerializable())
		return DETOUR_SERIALIZABLE;
	if (!request->study->store)
		return DETOUR_NOT_STORED;
	if (cell_binary_store_size == 0)
		return DETOUR_STORE_OFF;
	if (request->state.restricted)
		return DETOUR_ROW_SECURITY;
	if (request->state.catalogs.untracked != TRACKED)
		return DETOUR_UNTRACKED;
	if (request->state.written)
		return DETOUR_WRITTEN;
	return NO_DETOUR;
}

/* Begin a call of a function with the arguments study, sample, layout, coding. */
void
RequestBegin(Request *request, FunctionCallInfo fcinfo, bool wants_payload)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *sample = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Datum		value;

	memset(request, 0, sizeof(*request));
	request->schema = OwnSchema(fcinfo);
	request->layout = GetLayoutArgument(fcinfo, 2);
	request->coding = GetCodingArgument(fcinfo, 3);
	request->wants_payload = wants_payload;
	request->context = CurrentMemoryContext;

	PushActiveSnapshot(GetTransactionSnapshot());
	request->study = StudyNamed(request->schema, name, GetActiveSnapshot());
	value = SampleValue(request->study->sample.type, sample, &request->key.sample);
	request->key.schema = request->schema;
	request->key.study = request->study->id;
	request->key.sample_hash = SampleHash(request->key.sample, strlen(request->key.sample));
	request->key.layout = request->layout->name;
	request->key.coding = request->coding->name;

	SourceOpen(&request->source, request->study, SOURCE_PACK, value, request->layout->name);
	request->state = SourceInspect(&request->source, RENEW_SNAPSHOT);
	request->snapshot = RegisterSnapshot(GetActiveSnapshot());
	request->detour = detour_of(request);
	request->read_only = XactReadOnly;
	request->storable = request->detour == NO_DETOUR && !request->read_only;
}

void
RequestEnd(Request *request)
{
	if (!request->read_only && request->detour != DETOUR_STANDBY)
		AddStatistics(request->schema, request->study->id, request->counts);
	SourceClose(&request->source);
	PopActiveSnapshot();
	UnregisterSnapshot(request->snapshot);
	if (request->error != NULL)
		ereport(WARNING,
				(errcode(request->error->sqlerrcode),
				 errmsg("payload of sample \"%s\" of study \"%s\" could not be stored",
						request->key.sample, request->study->name),
				 errdetail_internal("%s", request->error->message)));
}

/* The payload in the first column of a row, copied into a context. */
typedef struct PackedSample
{
	MemoryContext context;
	bytea	   *payload;
} PackedSample;

static void
keep_payload(TupleTableSlot *row, void *argument)
{
	PackedSample *packed = argument;
	bool		isnull;
	Datum		value = slot_getattr(row, 1, &isnull);

	if (!isnull)
	{
		Size		size = VARSIZE_ANY(DatumGetPointer(value));

		packed->payload = MemoryContextAlloc(packed->context, size);
		AdviseHugePages(packed->payload, size);
		memcpy(packed->payload, DatumGetPointer(value), size);
	}
}

/* Says in which sample the cells are that something is wrong with. */
static void
add_context(void *argument)
{
	const Request *request = argument;

	errcontext("sample \"%s\" of study \"%s\"", request->key.sample, request->study->name);
}

/* Pack the sample by the active snapshot. */
static void
pack(Request *request, Served *result)
{
	PackedSample packed = {request->context, NULL};
	ErrorContextCallback context = {.callback = add_context, .arg = request};
	instr_time	start;
	instr_time	end;

	/* What a view's functions see of our own changes, nobody can tell. */
	if (!StudyHasTriggers(request->study) && TransactionIdIsValid(GetTopTransactionIdIfAny()))
		request->storable = false;
	if (request->storable)
		result->head.packed = PackedNow();

	context.previous = error_context_stack;
	error_context_stack = &context;
	INSTR_TIME_SET_CURRENT(start);
	SourceRun(&request->source, keep_payload, &packed);
	INSTR_TIME_SET_CURRENT(end);
	error_context_stack = context.previous;
	INSTR_TIME_SUBTRACT(end, start);
	request->counts.packings++;
	request->counts.packing_us += INSTR_TIME_GET_MICROSEC(end);
	if (packed.payload == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("sample \"%s\" of study \"%s\" has no cells",
						request->key.sample, request->study->name),
				 errhint("The function cell_samples() gives the samples that you may see.")));

	if (request->storable)
	{
		SourceState after = SourceInspect(&request->source, KEEP_SNAPSHOT);

		/* What it read is locked, and still what it was. */
		request->storable = after.catalogs.hash == request->state.catalogs.hash &&
			!after.catalogs.newer && !after.written;
	}
	result->head.source_state = request->state.catalogs.hash;
	result->head.cells = PayloadCells(request->layout, packed.payload);
	result->payload = PointerGetDatum(packed.payload);
}

/* Put a coding around a payload. */
static void
encode(const Coding *coding, Served *result)
{
	bytea	   *identity = DatumGetByteaPP(result->payload);

	result->payload = PointerGetDatum(EncodePayload(coding, identity, coding->default_level));
	pfree(identity);
}

/* Give what was made its length and, if it is asked for, its ETag. */
static void
describe(Served *result, bool with_etag)
{
	bytea	   *payload = (bytea *) DatumGetPointer(result->payload);

	result->head.bytes = VARSIZE_ANY_EXHDR(payload);
	result->head.etag = with_etag ? EntityTag(payload) : NULL;
}

/* Make it for this call only. */
static void
serve_directly(Request *request, Served *result)
{
	request->counts.direct++;
	pack(request, result);
	if (request->coding->encode != NULL)
		encode(request->coding, result);
	describe(result, !request->wants_payload);
}

/*
 * Whether what was made is of use to somebody: to those who waited, even if the
 * sample has changed since; but the snapshot of a transaction that has only one
 * may be too old for everybody else.
 */
static bool
is_of_use(const Request *request, const Served *result)
{
	Snapshot	snapshot = RegisterSnapshot(IsolationUsesXactSnapshot() ? GetLatestSnapshot() :
											GetActiveSnapshot());
	bool		of_use = HasAllChanges(request->schema, request->key.study,
									   request->key.sample_hash,
									   snapshot, result->head.packed);

	UnregisterSnapshot(snapshot);
	return of_use;
}

/*
 * Give what is stored, or make and store it.  A payload in a coding is made of
 * the one without, which is had in the same way, while the lock of the other
 * is held: no two sessions wait for each other.
 *
 * A read-only transaction waits for a session that makes the payload, but does
 * not take the lock: nobody else would have what it makes.
 */
static void
serve_from_store(Request *request, const Coding *coding, bool wants_payload, Served *result)
{
	PayloadKey	key = request->key;
	StoredPayload stored;
	bool		locked = false;
	bool		waited = false;

	key.coding = coding->name;
	for (;;)
	{
		if (StoreFind(&key, request->state.catalogs.hash, request->snapshot, &result->head,
					  &stored))
		{
			if (locked)
				UnlockPayload(&key);
			locked = false;
			if (!wants_payload || StoreFetch(&stored, &result->payload))
			{
				request->stored = true;
				return;
			}
		}
		else if (locked || waited)
			break;
		else if (request->read_only)
		{
			WaitForPayload(&key);
			waited = true;
		}
		else
		{
			request->counts.waits += LockPayload(&key);
			locked = true;
		}
	}

	request->made = true;
	if (coding->encode == NULL)
	{
		SourceRenewSnapshot();	/* the payload's lock was waited for */
		pack(request, result);
	}
	else
	{
		serve_from_store(request, CodingAt(0), true, result);
		request->stored = false;	/* as it is now, it is not */
		encode(coding, result);
	}
	request->storable = request->storable && is_of_use(request, result);
	describe(result, request->storable || !request->wants_payload);
	if (request->storable)
	{
		ErrorData  *error = NULL;

		request->outcome = StorePut(&key, &result->head, (bytea *) DatumGetPointer(result->payload),
									&error);
		request->stored = request->outcome == STORE_DONE;
		if (request->error == NULL)
			request->error = error;
	}
	if (locked)
		UnlockPayload(&key);
}

void
RequestServe(Request *request, Served *result)
{
	MemoryContext caller = MemoryContextSwitchTo(request->context);

	memset(result, 0, sizeof(*result));
	if (request->detour != NO_DETOUR)
		serve_directly(request, result);
	else
	{
		serve_from_store(request, request->coding, request->wants_payload, result);
		if (request->made)
			request->counts.misses++;
		else
			request->counts.hits++;
	}
	if (request->wants_payload)
		request->counts.served_bytes += result->head.bytes;
	MemoryContextSwitchTo(caller);
}

const char *
RequestDetourDetail(const Request *request)
{
	if (request->detour == NO_DETOUR)
		return "The transaction is read-only.";
	switch (request->detour)
	{
		case DETOUR_NOT_STORED:
			return "The study was registered without storing.";
		case DETOUR_STORE_OFF:
			return "The setting cell_binary.store_size is 0.";
		case DETOUR_STANDBY:
			return "The server is in recovery.";
		case DETOUR_SERIALIZABLE:
			return "The transaction is serializable.";
		case DETOUR_ROW_SECURITY:
			return "Row level security applies to the current role.";
		case DETOUR_UNTRACKED:
			return UntrackedDetail(request->state.catalogs.untracked,
								   request->state.catalogs.untracked_table);
		case DETOUR_WRITTEN:
			return "The transaction itself has changed the source.";
		default:
			return NULL;
	}
}
