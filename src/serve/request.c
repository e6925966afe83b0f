/*
 * request.c
 *		Serving the payload of a sample or of a study to one call: from the store
 *		if the stored payload is right for the caller, packed otherwise; or from the
 *		relation that has the study's payloads.  store.c reads and writes the store.
 *
 * The caller always gets what its own query would pack:
 *
 *	- A caller who lacks a privilege on a relation, column or function of that
 *	  query gets the query's error.  A caller subject to row-level security is
 *	  not served from the store.
 *	- In READ COMMITTED, each call takes its own snapshot, like a statement in a
 *	  function.  A stored payload is served if it has all changes that this
 *	  snapshot sees.  It can be newer if it was packed while the call waited.
 *	- In REPEATABLE READ, a stored payload must also have no change that the
 *	  transaction's snapshot does not see.
 *	- In SERIALIZABLE, every call packs, because PostgreSQL detects conflicts by
 *	  the rows that are read.
 *	- A read-only transaction is served from the store, but stores nothing.
 *
 * The order of the steps makes this hold:
 *
 *	1. RequestBegin locks the source and everything else that the query reads,
 *	   takes the snapshot, and reads the source's state, in this order.  The
 *	   locks are kept until the transaction ends, so no relation can be
 *	   dropped, rewritten or given other columns meanwhile.
 *	2. StoreFind returns a payload only if it was packed in this state of the
 *	   source and has all recorded changes that the snapshot sees.
 *	3. On a miss, the call takes the payload's lock, looks into the store again,
 *	   then builds the payload with a new snapshot.
 *	4. After packing, the state is read again, because some commands need no
 *	   lock that conflicts with those of step 1: for example, attaching a
 *	   partition or disabling a trigger.  The payload is stored only if the
 *	   state is unchanged.
 *
 * The payload's lock is held until the payload is in the store and not until
 * the transaction ends, so that other sessions do not wait until this call's
 * client has received its bytes.
 */
#include "serve/request.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "arguments.h"
#include "changes/change_log.h"
#include "portability/instr_time.h"
#include "read/payload.h"
#include "serve/etag.h"
#include "serve/payload_lock.h"
#include "settings.h"
#include "smprofiler/subsample.h"
#include "study/one_payload.h"
#include "study/own_table.h"
#include "study/sample.h"
#include "study/study.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

/* Why the call bypasses the store; NO_DETOUR if it does not. */
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

/* Complete the key of the payload, and set the value of the sample. */
static void
complete_key(Request *request, const char *sample)
{
	PayloadKey *key = &request->key;

	if (IsOfStudy(&request->kind) && sample != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("layout \"%s\" is of a study and not of a sample", request->kind.name),
				 errhint("The sample must be null.")));
	if (!IsOfStudy(&request->kind))
	{
		if (sample == NULL)
			RaiseNull("sample", NULL, "Only the layouts of studies have no sample.");
		request->sample = SampleValue(request->study->sample.type, sample, &key->sample);
		key->sample_hash = SampleHash(key->sample, strlen(key->sample));
	}
}

/* Open the query on the study's relation of payloads, and take the snapshot. */
static void
open_payloads(Request *request)
{
	StudyResolvePayloads(request->study);
	SourceOpen(&request->source, request->study,
			   request->wants_payload ? SOURCE_READY : SOURCE_READY_HEAD,
			   (SourceArguments) {
				   .sample = CStringGetTextDatum(request->key.sample),
				   .layout = request->kind.layout,
				   .coding = request->coding,
			   });
	SourceCheck(&request->source, RENEW_SNAPSHOT);
	request->detour = DETOUR_ELSEWHERE;
}

/* Open the query that packs the payload, take the snapshot, and read the source's state. */
static void
open_source(Request *request)
{
	SourceQuery query = IsOfStudy(&request->kind) ? SOURCE_SCAN_INTENSITIES : SOURCE_PACK;

	SourceOpen(&request->source, request->study, query,
			   (SourceArguments) {.sample = request->sample, .layout = request->kind.layout});
	request->state = SourceInspect(&request->source, RENEW_SNAPSHOT);
	request->detour = detour_of(request);
}

/* Name the sample and the study, or the study. */
static const char *
owner_of(const Request *request)
{
	return request->key.sample == NULL ? psprintf("study \"%s\"", request->study->name) :
		psprintf("sample \"%s\" of study \"%s\"", request->key.sample, request->study->name);
}

void
RequestBegin(Request *request, FunctionCallInfo fcinfo, bool wants_payload)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *sample = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));

	memset(request, 0, sizeof(*request));
	request->schema = OwnSchema(fcinfo);
	request->kind = GetPayloadKindArgument(fcinfo, 2);
	request->coding = GetCodingArgument(fcinfo, 3);
	request->wants_payload = wants_payload;
	request->context = CurrentMemoryContext;

	PushActiveSnapshot(GetTransactionSnapshot());
	request->study = StudyNamed(request->schema, name, GetActiveSnapshot());
	if (NeedsIntensities(&request->kind))
		StudyResolveIntensities(request->study);
	request->key = (PayloadKey) {
		.schema = request->schema,
		.study = request->study->id,
		.sample_hash = EVERY_SAMPLE,
		.layout = request->kind.name,
		.coding = request->coding->name,
	};
	complete_key(request, sample);
	if (StudyHasPayloads(request->study) && !IsOfStudy(&request->kind))
		open_payloads(request);
	else
		open_source(request);
	request->snapshot = RegisterSnapshot(GetActiveSnapshot());
	request->read_only = XactReadOnly;
	request->storable = request->detour == NO_DETOUR && !request->read_only;
}

void
RequestEnd(Request *request)
{
	if (request->reports)
		ProgressEnd(&request->outer);
	if (!request->read_only && request->detour != DETOUR_STANDBY)
		AddStatistics(request->schema, request->study->id, request->counts);
	SourceClose(&request->source);
	PopActiveSnapshot();
	UnregisterSnapshot(request->snapshot);
	if (request->error != NULL)
		ereport(WARNING,
				(errcode(request->error->sqlerrcode),
				 errmsg("payload of %s could not be stored", owner_of(request)),
				 errdetail_internal("%s", request->error->message)));
}

/* Report a phase of making a payload of the call. */
static void
report(Request *request, const PayloadKey *key, ProgressPhase phase)
{
	ProgressReport(key, phase, request->number, request->samples,
				   request->reports ? NULL : &request->outer);
	request->reports = true;
}

pg_noreturn static void
raise_no_cells(const Request *request)
{
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("%s has no cells", owner_of(request)),
			 IsOfStudy(&request->kind) ? 0 :
			 errhint("The function cell_samples() lists the samples that you can see.")));
}

/* Add the sample and the study, or the study, to the context of an error in packing. */
static void
add_context(void *argument)
{
	const Request *request = argument;

	errcontext("%s", owner_of(request));
}

/* Pack the sample, or the subsample of the study, with the active snapshot. */
static void
pack(Request *request, Served *result)
{
	bytea	   *payload;
	ErrorContextCallback context = {.callback = add_context, .arg = request};
	instr_time	start;
	instr_time	end;

	/*
	 * The functions of a view can read tables that are not in the plan.  If
	 * this transaction has written, they may see its uncommitted changes.
	 */
	if (!StudyHasTriggers(request->study) && TransactionIdIsValid(GetTopTransactionIdIfAny()))
		request->storable = false;
	if (request->storable)
		result->head.packed = PackedNow();

	context.previous = error_context_stack;
	error_context_stack = &context;
	INSTR_TIME_SET_CURRENT(start);
	if (IsOfStudy(&request->kind))
		payload = SubsamplePack(request->study, &result->head.cells);
	else
		payload = PackOne(&request->source, request->context);
	INSTR_TIME_SET_CURRENT(end);
	error_context_stack = context.previous;
	INSTR_TIME_SUBTRACT(end, start);
	request->counts.packings++;
	request->counts.packing_us += INSTR_TIME_GET_MICROSEC(end);
	if (payload == NULL)
		raise_no_cells(request);

	if (request->storable)
	{
		SourceState after = SourceInspect(&request->source, KEEP_SNAPSHOT);

		/*
		 * Store the payload only if the relations that it was packed from are
		 * unchanged, and are as the snapshot sees them.
		 */
		request->storable = after.catalogs.hash == request->state.catalogs.hash &&
			!after.catalogs.newer && !after.written;
	}
	result->head.source_state = request->state.catalogs.hash;
	if (!IsOfStudy(&request->kind))
		result->head.cells = PayloadCells(request->kind.layout, request->study->features, payload);
	result->payload = PointerGetDatum(payload);
}

/* Whether a payload is packed from the cells and not made from another payload. */
static bool
is_packed(const PayloadKind *kind, const Coding *coding)
{
	return kind->cut == NULL && coding->encode == NULL;
}

/* Replace a packed payload by a part of it, by its encoded form, or by both. */
static void
derive(const PayloadKind *kind, const Coding *coding, Served *result)
{
	bytea	   *payload = DatumGetByteaPP(result->payload);

	if (kind->cut != NULL)
	{
		bytea	   *whole = payload;

		payload = kind->cut(whole);
		pfree(whole);
	}
	if (coding->encode != NULL)
	{
		bytea	   *identity = payload;

		payload = EncodePayload(coding, identity, coding->default_level);
		pfree(identity);
	}
	result->payload = PointerGetDatum(payload);
}

/* Set the length of a payload that was built and, if wanted, its ETag. */
static void
describe(Served *result, bool with_etag)
{
	bytea	   *payload = (bytea *) DatumGetPointer(result->payload);

	result->head.bytes = VARSIZE_ANY_EXHDR(payload);
	result->head.etag = with_etag ? EntityTag(payload) : NULL;
}

/* Build the payload for this call only, without the store. */
static void
serve_directly(Request *request, Served *result)
{
	request->counts.direct++;
	report(request, &request->key, PROGRESS_PACKING);
	pack(request, result);
	if (!is_packed(&request->kind, request->coding))
	{
		report(request, &request->key, PROGRESS_ENCODING);
		derive(&request->kind, request->coding, result);
	}
	describe(result, !request->wants_payload);
}

/*
 * Whether storing the payload is of use.  In READ COMMITTED it is of use to
 * the sessions that waited for it, even if its cells have changed since the
 * packing.  In REPEATABLE READ the transaction's snapshot can be too old for
 * every other session; then the payload is not stored.
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
 * Serve a payload from the store, or build and store it.
 *
 * A payload in a coding, and a part of a subsample, is made from the packed
 * payload, which this function gets by calling itself while it holds the lock of
 * the payload to make.  Every session takes the two locks in this order, so there
 * is no deadlock.
 *
 * A read-only transaction waits for a session that builds the payload, but
 * does not take the lock itself, because it cannot store what it builds.
 */
static void
serve_from_store(Request *request, const PayloadKind *kind, const Coding *coding,
				 bool wants_payload, Served *result)
{
	PayloadKey	key = request->key;
	StoredPayload stored;
	bool		locked = false;
	bool		waited = false;

	key.layout = kind->name;
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
			report(request, &key, PROGRESS_WAITING);
			WaitForPayload(&key);
			waited = true;
		}
		else
		{
			if (!TryLockPayload(&key))
			{
				report(request, &key, PROGRESS_WAITING);
				LockPayload(&key);
				request->counts.waits++;
			}
			locked = true;
		}
	}

	request->made = true;
	if (is_packed(kind, coding))
	{
		SourceRenewSnapshot();	/* the call may have waited for the payload's lock */
		report(request, &key, PROGRESS_PACKING);
		pack(request, result);
	}
	else
	{
		serve_from_store(request, kind->cut != NULL ? &subsample_kind : kind, &coding_identity,
						 true, result);
		request->stored = false;	/* the payload to make is not stored yet */
		report(request, &key, PROGRESS_ENCODING);
		derive(kind, coding, result);
	}
	request->storable = request->storable && is_of_use(request, result);
	describe(result, request->storable || !request->wants_payload);
	if (request->storable)
	{
		ErrorData  *error = NULL;

		report(request, &key, PROGRESS_STORING);
		request->outcome = StorePut(&key, &result->head, (bytea *) DatumGetPointer(result->payload),
									&error);
		request->stored = request->outcome == STORE_DONE;
		if (request->error == NULL)
			request->error = error;
	}
	if (locked)
		UnlockPayload(&key);
}

/*
 * Serve a payload, or its head, from the study's relation of payloads.  Returns false if
 * it has no such payload.
 */
static bool
serve_elsewhere(Request *request, Served *result)
{
	ErrorContextCallback context = {.callback = add_context, .arg = request};
	ReadyPayload ready;
	bool		found;

	report(request, &request->key, PROGRESS_FETCHING);
	context.previous = error_context_stack;
	error_context_stack = &context;
	found = FetchOne(&request->source, request->context, &ready);
	if (ready.payload != NULL && is_packed(&request->kind, request->coding))
		ready.cells = PayloadCells(request->kind.layout, request->study->features, ready.payload);
	error_context_stack = context.previous;
	if (!found)
		return false;
	request->counts.direct++;
	result->payload = PointerGetDatum(ready.payload);
	result->head.cells = ready.cells;
	result->head.bytes = ready.payload != NULL ? (int64) VARSIZE_ANY_EXHDR(ready.payload) :
		ready.bytes;
	result->head.etag = ready.etag;
	return true;
}

/* Serve the payload from the store, or make it. */
static void
serve(Request *request, Served *result)
{
	if (request->detour != NO_DETOUR)
	{
		serve_directly(request, result);
		return;
	}
	serve_from_store(request, &request->kind, request->coding, request->wants_payload, result);
	if (request->made)
		request->counts.misses++;
	else
		request->counts.hits++;
}

void
RequestServe(Request *request, Served *result)
{
	MemoryContext caller = MemoryContextSwitchTo(request->context);

	memset(result, 0, sizeof(*result));
	if (request->detour == DETOUR_ELSEWHERE && !serve_elsewhere(request, result))
	{
		request->missing = true;
		if (request->only_ready)
		{
			MemoryContextSwitchTo(caller);
			return;
		}
		/* The two switch to other contexts, and the first frees the one of the caller. */
		SourceClose(&request->source);
		open_source(request);
		caller = MemoryContextSwitchTo(request->context);
	}
	if (request->detour != DETOUR_ELSEWHERE)
		serve(request, result);
	if (request->wants_payload)
		request->counts.served_bytes += result->head.bytes;
	MemoryContextSwitchTo(caller);
}
