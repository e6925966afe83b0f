/*
 * prepare.c
 *		The support functions of the procedure cell_prepare, which makes payloads
 *		ready.
 */
#include "serve/request.h"

#include "access/htup_details.h"
#include "arguments.h"
#include "funcapi.h"
#include "study/listing.h"
#include "study/own_table.h"
#include "study/study.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#define NOT_STORED "The study is registered with \"store\" false, the default for foreign and " \
	"distributed tables."

/* Raise 22004 if an argument is null that must not be. */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {
		"study", NULL, "layout", "coding", "number", "samples"
	};

	for (int i = 0; i < PG_NARGS(); i++)
		if (names[i] != NULL && PG_ARGISNULL(i))
			RaiseNull(names[i], NULL, NULL);
}

/* Say why a call bypasses the store, for an error. */
static const char *
detour_detail(const Request *request)
{
	if (request->detour == NO_DETOUR)
		return "The transaction is read-only.";
	switch (request->detour)
	{
		case DETOUR_NOT_STORED:
			return NOT_STORED;
		case DETOUR_STORE_OFF:
			return "The setting cell_binary.store_size is 0.";
		case DETOUR_STANDBY:
			return "The server is in recovery.";
		case DETOUR_SERIALIZABLE:
			return "The transaction is serializable.";
		case DETOUR_ROW_SECURITY:
			return "Row-level security applies to the current role.";
		case DETOUR_UNTRACKED:
			return UntrackedDetail(request->state.catalogs.untracked,
								   request->state.catalogs.untracked_table);
		case DETOUR_WRITTEN:
			return "The current transaction has changed the source.";
		default:
			return NULL;
	}
}

/* Raise 55000: nothing can make the payload ready. */
pg_noreturn static void
raise_not_storable(const char *study, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("payloads of study \"%s\" cannot be stored", study),
			 errdetail_internal("%s", detail),
			 hint ? errhint("%s", hint) : 0));
}

/*
 * cell_make_ready(study text, sample text, layout text, coding text,
 *				   number integer, samples integer)
 *		-> (outcome text, cells bigint, bytes bigint)
 *
 * Packs a payload and stores it unless it is ready, and returns what it did as
 * a phrase.  number of samples is for the report of progress.  Only the sample may
 * be NULL, for a layout of studies.
 *
 * Errors: those of cell_data, and 55000 if payloads of the study cannot be
 * stored.
 */
PG_FUNCTION_INFO_V1(cell_make_ready);
Datum
cell_make_ready(PG_FUNCTION_ARGS)
{
	Request		request;
	Served		result;
	TupleDesc	columns;
	bool		elsewhere;
	const char *outcome;
	Datum		values[3];
	bool		isnull[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	check_arguments(fcinfo);
	RequestBegin(&request, fcinfo, false);
	request.number = PG_GETARG_INT32(4);
	request.samples = PG_GETARG_INT32(5);
	elsewhere = request.detour == DETOUR_ELSEWHERE;
	if ((request.detour != NO_DETOUR || request.read_only) && !elsewhere)
	{
		const bool	lacks_triggers = request.detour == DETOUR_UNTRACKED &&
			request.state.catalogs.untracked == UNTRACKED_TRIGGERS;

		raise_not_storable(request.study->name, detour_detail(&request), lacks_triggers ?
						   "The owner of the source can create them with cell_track_study()." :
						   NULL);
	}
	request.only_ready = true;
	RequestServe(&request, &result);
	RequestEnd(&request);
	if (request.missing)
		raise_not_storable(request.study->name,
						   psprintf("Relation \"%s\" has no such payload.",
									get_rel_name(request.study->payloads)),
						   "Until the relation has it, each call packs the payload. "
						   "A partitioned relation needs a partition for the sample.");

	if (elsewhere)
		outcome = "is served where its cells are";
	else if (!request.made)
		outcome = "was ready";
	else if (request.stored)
		outcome = "packed";
	else if (!request.storable)
		outcome = "packed, not stored because its source changed meanwhile";
	else if (request.outcome == STORE_TOO_LARGE)
		outcome = "packed, too large to be stored";
	else if (request.outcome == STORE_FULL)
		outcome = "packed, not stored because the store is full until VACUUM";
	else
		outcome = "packed, not stored because the server lacks the resources";

	values[0] = CStringGetTextDatum(outcome);
	values[1] = Int64GetDatum(result.head.cells);
	values[2] = Int64GetDatum(result.head.bytes);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, isnull)));
}

static void
put_name(ReturnSetInfo *result, Datum name, bool isnull)
{
	tuplestore_putvalues(result->setResult, result->setDesc, &name, &isnull);
}

/*
 * cell_prepare_samples(study text, sample text, layout text, coding text)
 *		-> setof text
 *
 * Returns the samples whose payloads cell_prepare makes ready: the given one or,
 * if it is NULL, all; for a layout of studies, a NULL.  Reads with a snapshot
 * that is taken once the source is locked, so it sees what other transactions
 * committed while it waited for the lock.
 *
 * Errors: 22004 if another argument is NULL, and those of cell_data, except
 * P0002.
 */
PG_FUNCTION_INFO_V1(cell_prepare_samples);
Datum
cell_prepare_samples(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	PayloadKind kind;

	check_arguments(fcinfo);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	kind = GetPayloadKindArgument(fcinfo, 2);
	(void) GetCodingArgument(fcinfo, 3);
	if (!PG_ARGISNULL(1))
		put_name(result, PG_GETARG_DATUM(1), false);
	else if (IsOfStudy(&kind))
		put_name(result, (Datum) 0, true);
	else
	{
		Study	   *study;

		PushActiveSnapshot(GetTransactionSnapshot());
		study = StudyNamed(OwnSchema(fcinfo), text_to_cstring(PG_GETARG_TEXT_PP(0)),
						   GetActiveSnapshot());
		if (NeedsIntensities(&kind))
			StudyResolveIntensities(study);
		/* Say so once, and not for each sample. */
		if (!study->store && !StudyHasPayloads(study))
			raise_not_storable(study->name, NOT_STORED, NULL);
		StudyPutSamples(result, study, RENEW_SNAPSHOT);
		PopActiveSnapshot();
	}
	return (Datum) 0;
}
