/*
 * notice.c
 *		The SQL functions that record changes: the trigger cell_source_changed and
 *		its condition cell_first_touch, cell_invalidate for sources without
 *		triggers, and cell_keep_local, which keeps out the records of another
 *		cluster.  triggers.c creates the triggers; change_log.c writes the record.
 */
#include "changes/change_log.h"

#include "arguments.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "study/own_table.h"
#include "study/sample.h"
#include "study/study.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

/*
 * The samples that a statement has touched in a table.  cell_first_touch keeps
 * them from row to row in the memory of the expression that calls it.
 */
typedef struct TouchedSamples
{
	Oid			type;
	bool		by_value;
	int16		length;
	MemoryContext context;		/* owns last and noted */
	Datum		last;			/* the sample of the previous row */
	bool		has_last;
	int64		first;			/* the first hash; EVERY_SAMPLE before there is one */
	HTAB	   *noted;			/* the other hashes; NULL before there are any */
} TouchedSamples;

static TouchedSamples *
touched_samples(FmgrInfo *function)
{
	TouchedSamples *samples = function->fn_extra;

	if (samples == NULL)
	{
		Oid		   *types;
		int			arguments;

		samples = MemoryContextAllocZero(function->fn_mcxt, sizeof(*samples));
		(void) get_func_signature(function->fn_oid, &types, &arguments);
		samples->type = types[0];
		get_typlenbyval(samples->type, &samples->length, &samples->by_value);
		samples->context = function->fn_mcxt;
		samples->first = EVERY_SAMPLE;
		function->fn_extra = samples;
	}
	return samples;
}

/*
 * Note a hash, and return whether it is new.  The first hash is kept outside
 * the hash table, so that a statement that touches one sample needs no table.
 */
static bool
is_new(TouchedSamples *samples, int64 hash)
{
	bool		found;

	if (samples->first == EVERY_SAMPLE)
	{
		samples->first = hash;
		return true;
	}
	if (hash == samples->first)
		return false;
	if (samples->noted == NULL)
	{
		HASHCTL		control = {
			.keysize = sizeof(int64), .entrysize = sizeof(int64), .hcxt = samples->context
		};

		samples->noted = hash_create("cell_binary touched samples", 64, &control,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	(void) hash_search(samples->noted, &hash, HASH_ENTER, &found);
	return !found;
}

/* Whether a value equals that of the previous row; keeps it for the next row. */
static bool
is_repeated(TouchedSamples *samples, Datum value)
{
	MemoryContext caller;

	if (samples->has_last && datumIsEqual(value, samples->last, samples->by_value, samples->length))
		return true;
	if (samples->has_last && !samples->by_value)
		pfree(DatumGetPointer(samples->last));
	caller = MemoryContextSwitchTo(samples->context);
	samples->last = datumCopy(value, samples->by_value, samples->length);
	samples->has_last = true;
	MemoryContextSwitchTo(caller);
	return false;
}

/*
 * cell_first_touch(sample) -> boolean; not strict
 * cell_first_touch(old_sample, new_sample) -> boolean; not strict
 *
 * There is a pair of these functions for each type that a sample can have.
 *
 * The condition of the triggers: true if one of the samples was not in an
 * earlier row of the same statement and table.  A NULL belongs to no sample.
 * The function keeps its state in the expression that calls it, so a call
 * elsewhere has no effect on a trigger.
 */
PG_FUNCTION_INFO_V1(cell_first_touch);
Datum
cell_first_touch(PG_FUNCTION_ARGS)
{
	TouchedSamples *samples = touched_samples(fcinfo->flinfo);
	bool		first = false;

	for (int i = 0; i < PG_NARGS(); i++)
	{
		const char *name;
		int			length;

		if (PG_ARGISNULL(i) || is_repeated(samples, PG_GETARG_DATUM(i)))
			continue;
		name = SampleName(samples->type, PG_GETARG_DATUM(i), &length);
		first |= is_new(samples, SampleHash(name, length));
	}
	PG_RETURN_BOOL(first);
}

/* Record a change of the sample of a row; a NULL belongs to no sample. */
static void
note_row(Oid schema, int32 study, TupleTableSlot *slot, AttrNumber column)
{
	const char *name;
	bool		isnull;
	int			length;
	Datum		value = slot_getattr(slot, column, &isnull);

	if (isnull)
		return;
	name = SampleName(getBaseType(TupleDescAttr(slot->tts_tupleDescriptor, column - 1)->atttypid),
					  value, &length);
	RecordChange(schema, study, SampleHash(name, length));
}

/*
 * Whether a table is a study's source, or a partition or child of it.  A role
 * can put a trigger with any study's id on a table of its own; such a trigger
 * must not make the study's payloads unusable.
 */
static bool
is_part_of(Oid table, Oid source)
{
	return table == source ||
		(OidIsValid(source) && OidIsValid(get_rel_type_id(source)) &&
		 typeInheritsFrom(get_rel_type_id(table), get_rel_type_id(source)));
}

/* What a trigger knows of its study, kept for the events of a statement. */
typedef struct WatchedStudy
{
	Oid			table;
	AttrNumber	column;			/* of the sample; 0 if no change is to be recorded */
} WatchedStudy;

/*
 * The sample column of a table, or 0 if the table is no part of the study's
 * source or lacks the column.  The column's name comes from the registry and
 * not from the trigger, because any role with the TRIGGER privilege can create
 * a trigger.
 *
 * Recording nothing without the column is safe: the study cannot be packed
 * then, and if the column gets its name back, the hash of SourceInspect has
 * changed.
 */
static AttrNumber
sample_column(Oid schema, int32 study, Relation table)
{
	char	   *name;
	Oid			source = RegistrySource(schema, study, &name);
	int			column;

	if (!is_part_of(RelationGetRelid(table), source))
		return InvalidAttrNumber;
	column = SPI_fnumber(RelationGetDescr(table), name);
	return column > 0 ? column : InvalidAttrNumber;
}

/*
 * cell_source_changed('study id') -> trigger
 *
 * AFTER INSERT, UPDATE or DELETE, for each row.  Records a change of the
 * samples of the old and of the new row, which makes their payloads unusable
 * for every snapshot that sees the change.
 *
 * Errors: 39P01 if the function is not called as such a trigger, or does not
 * have exactly one argument.
 */
PG_FUNCTION_INFO_V1(cell_source_changed);
Datum
cell_source_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Oid			schema = OwnSchema(fcinfo);
	WatchedStudy *watched = fcinfo->flinfo->fn_extra;
	int32		study;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"cell_source_changed\" must be called as a trigger after a "
						"change, for each row"),
				 errhint("Use cell_register_study() to create the trigger.")));
	if (trigger->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" must have one argument, the id of a study",
						trigger->tg_trigger->tgname),
				 errhint("Use cell_register_study() to create the trigger.")));

	study = pg_strtoint32(trigger->tg_trigger->tgargs[0]);
	if (watched == NULL || watched->table != RelationGetRelid(trigger->tg_relation))
	{
		watched = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(*watched));
		watched->table = RelationGetRelid(trigger->tg_relation);
		watched->column = sample_column(schema, study, trigger->tg_relation);
		fcinfo->flinfo->fn_extra = watched;
	}
	if (watched->column == InvalidAttrNumber)
		return PointerGetDatum(NULL);

	note_row(schema, study, trigger->tg_trigslot, watched->column);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		note_row(schema, study, trigger->tg_newslot, watched->column);
	return PointerGetDatum(NULL);
}

/*
 * cell_keep_local() -> trigger
 *
 * BEFORE INSERT, UPDATE or DELETE, for each row, on cell_study and
 * cell_change.  Skips rows that a logical replication worker applies, because
 * the OIDs and transaction ids in them mean nothing in this cluster.
 *
 * Errors: 39P01 if the function is not called as such a trigger.
 */
PG_FUNCTION_INFO_V1(cell_keep_local);
Datum
cell_keep_local(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"cell_keep_local\" must be called as a trigger before a change, "
						"for each row")));
	if (IsLogicalWorker())
		return PointerGetDatum(NULL);
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple :
						   trigger->tg_trigtuple);
}

/*
 * cell_invalidate(study text, sample text) -> void; not strict
 *
 * Records a change of a sample; NULL stands for every sample of the study.
 *
 * Errors: 22004 study is NULL, 42704 unknown study, 42501 the caller neither
 * registered the study nor owns its source or the extension, 25006 read-only
 * transaction; with a sample also those of StudyResolve and of the input
 * function of the sample's type.
 */
PG_FUNCTION_INFO_V1(cell_invalidate);
Datum
cell_invalidate(PG_FUNCTION_ARGS)
{
	Oid			schema = OwnSchema(fcinfo);
	int64		hash = EVERY_SAMPLE;
	char	   *name;
	Study	   *study;

	if (PG_ARGISNULL(0))
		RaiseNull("study", NULL, NULL);
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	study = RegistryGet(schema, name, GetActiveSnapshot());
	StudyCheckOwner(study);
	if (!PG_ARGISNULL(1))
	{
		const char *sample;

		StudyResolve(study);
		(void) SampleValue(study->sample.type, text_to_cstring(PG_GETARG_TEXT_PP(1)), &sample);
		hash = SampleHash(sample, strlen(sample));
	}
	PreventCommandIfReadOnly("cell_invalidate()");
	RecordChange(schema, study->id, hash);
	PG_RETURN_VOID();
}
