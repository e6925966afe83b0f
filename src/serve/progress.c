/*
 * progress.c
 *		Reporting progress in the backend's entry, and cell_progress_entries, which
 *		reads the entries of all backends.
 */
#include "serve/progress.h"

#include "catalog/pg_authid.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/backend_progress.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

/*
 * PostgreSQL's views of progress show the commands that they know.  This number is
 * of no such command.
 */
#define PROGRESS_COMMAND ((ProgressCommandType) 0xCB)

#define PARAMETERS ((int) (sizeof(Progress) / sizeof(int64)))

StaticAssertDecl(sizeof(Progress) % sizeof(int64) == 0 &&
				 sizeof(Progress) / sizeof(int64) <= PGSTAT_NUM_PROGRESS_PARAM,
				 "Progress does not fit into the parameters of a backend's entry");

static uint32
checksum(const Progress *progress)
{
	const Size	start = offsetof(Progress, phase);

	return hash_bytes((const unsigned char *) progress + start, sizeof(Progress) - start);
}

/* Write a report to the backend's entry. */
static void
publish(Progress *progress)
{
	int			index[PARAMETERS];
	int64		values[PARAMETERS];

	progress->checksum = checksum(progress);
	for (int i = 0; i < PARAMETERS; i++)
		index[i] = i;
	memcpy(values, progress, sizeof(Progress));
	pgstat_progress_update_multi_param(PARAMETERS, index, values);
}

/* The report in a backend's entry; without a phase if there is none, or none that is intact. */
static Progress
report_of(const PgBackendStatus *backend)
{
	Progress	progress;

	memcpy(&progress, backend->st_progress_param, sizeof(Progress));
	if (backend->st_progress_command != PROGRESS_COMMAND ||
		progress.checksum != checksum(&progress))
		memset(&progress, 0, sizeof(Progress));
	return progress;
}

static void
copy_name(char *to, Size room, const char *name)
{
	int			length = pg_mbcliplen(name, strlen(name), room - 1);

	memset(to, 0, room);
	memcpy(to, name, length);
}

void
ProgressReport(const PayloadKey *key, ProgressPhase phase, int32 number, int32 samples,
			   Progress *outer)
{
	Progress	progress;
	Progress	before;

	if (MyBEEntry == NULL || (MyBEEntry->st_progress_command != PROGRESS_COMMAND_INVALID &&
							  MyBEEntry->st_progress_command != PROGRESS_COMMAND))
		return;
	memset(&progress, 0, sizeof(Progress));		/* also its padding, for the checksum */
	progress.phase = phase;
	progress.study = key->study;
	progress.number = number;
	progress.samples = samples;
	before = report_of(MyBEEntry);
	if (outer != NULL)
		*outer = before;
	/* A subtransaction that was rolled back has ended the report. */
	progress.since = outer == NULL && before.phase != 0 ? before.since : GetCurrentTimestamp();
	copy_name(progress.layout, sizeof(progress.layout), key->layout);
	copy_name(progress.coding, sizeof(progress.coding), key->coding);
	if (key->sample != NULL)
		copy_name(progress.sample, sizeof(progress.sample), key->sample);
	if (MyBEEntry->st_progress_command == PROGRESS_COMMAND_INVALID)
		pgstat_progress_start_command(PROGRESS_COMMAND, InvalidOid);
	publish(&progress);
}

void
ProgressEnd(Progress *outer)
{
	if (MyBEEntry == NULL || MyBEEntry->st_progress_command != PROGRESS_COMMAND)
		return;
	if (outer->phase != 0)
		publish(outer);
	else
		pgstat_progress_end_command();
}

/* The phases, as the view names them. */
static const char *const phase_names[] = {
	[PROGRESS_WAITING] = "waiting for another session",
	[PROGRESS_PACKING] = "packing",
	[PROGRESS_ENCODING] = "encoding",
	[PROGRESS_STORING] = "storing",
	[PROGRESS_FETCHING] = "fetching",
};

/* Whether the caller may see what a role does, by the rule of pg_stat_activity. */
static bool
may_see(Oid role)
{
	return has_privs_of_role(GetUserId(), role) ||
		has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

/* The columns of the result. */
enum
{
	ENTRY_PID,
	ENTRY_STUDY,
	ENTRY_SAMPLE,
	ENTRY_LAYOUT,
	ENTRY_CODING,
	ENTRY_PHASE,
	ENTRY_SINCE,
	ENTRY_NUMBER,
	ENTRY_SAMPLES,
	ENTRY_COLUMNS
};

/* Add the row of a backend's report. */
static void
put_entry(ReturnSetInfo *result, const PgBackendStatus *backend)
{
	Progress	progress = report_of(backend);
	Datum		values[ENTRY_COLUMNS];
	bool		isnull[ENTRY_COLUMNS] = {false};

	if (progress.phase <= 0 || progress.phase >= (int) lengthof(phase_names))
		return;
	values[ENTRY_PID] = Int32GetDatum(backend->st_procpid);
	if (may_see(backend->st_userid))
	{
		values[ENTRY_STUDY] = Int32GetDatum(progress.study);
		values[ENTRY_SAMPLE] = CStringGetTextDatum(progress.sample);
		isnull[ENTRY_SAMPLE] = progress.sample[0] == '\0';
		values[ENTRY_LAYOUT] = CStringGetTextDatum(progress.layout);
		values[ENTRY_CODING] = CStringGetTextDatum(progress.coding);
		values[ENTRY_PHASE] = CStringGetTextDatum(phase_names[progress.phase]);
		values[ENTRY_SINCE] = TimestampTzGetDatum(progress.since);
		values[ENTRY_NUMBER] = Int32GetDatum(progress.number);
		values[ENTRY_SAMPLES] = Int32GetDatum(progress.samples);
		isnull[ENTRY_NUMBER] = isnull[ENTRY_SAMPLES] = progress.samples == 0;
	}
	else
		memset(isnull + ENTRY_STUDY, true, (ENTRY_COLUMNS - ENTRY_STUDY) * sizeof(bool));
	tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
}

/*
 * cell_progress_entries()
 *		-> setof (pid integer, study integer, sample text, layout text, coding text,
 *				  phase text, since timestamptz, number integer, samples integer)
 *
 * Returns what the sessions of this database do that are making a payload.  All but
 * pid is NULL if the caller may not see what the session's role does.
 */
PG_FUNCTION_INFO_V1(cell_progress_entries);
Datum
cell_progress_entries(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 1; i <= pgstat_fetch_stat_numbackends(); i++)
	{
		const PgBackendStatus *backend = &BackendStatusAt(i)->backendStatus;

		if (backend->st_procpid > 0 && backend->st_databaseid == MyDatabaseId)
			put_entry(result, backend);
	}
	return (Datum) 0;
}
