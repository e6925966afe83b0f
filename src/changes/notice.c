/*
 * notice.c
 *		The trigger cell_source_changed, and cell_invalidate for sources that
 *		have no triggers.
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
 * The samples that a statement has touched in a table: what cell_first_touch
 * remembers from row to row, in the memory of the expression that calls it.
 */
typedef struct TouchedSamples
{
	Oid			type;
	bool		by_value;
	int16		length;
	MemoryContext context;		/* for what follows */
	Datum		last;			/* the sample of the row before, if there is one */
	bool		has_last;
	int64		first;			/* the hash that was noted first, if one was */
	HTAB	   *noted;			/* hashes, once there are several */
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

/* Whether a hash is noted for the first time; of the first one no table is made. */
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

/* Whether a value is that of the row before, which it is then made. */
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
 * cell_first_touch(sample) -> boolean
 * cell_first_touch(old_sample, new_sample) -> boolean; not strict
 *
 * For each type that a sample can have.
 *
 * The condition of the triggers: whether a sample is not known from an earlier
 * row of the same statement and table.  A row without a sample belongs to none.
 * What is remembered belongs to the expression that calls the function: a call
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

/* Note that the sample of a row is changed; a row without one belongs to none. */
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
 * Whether a table is a study's source, or a part of it.  A trigger that
 * somebody made elsewhere must not make a study's payloads unusable.
 */
static bool
is_part_of(Oid table, Oid source)
{
	return table == source ||
		(OidIsValid(source) && OidIsValid(get_rel_type_id(source)) &&
		 typeInheritsFrom(get_rel_type_id(table), get_rel_type_id(source)));
}

/* What is known of a study whose triggers fire, for the events of a statement. */
typedef struct WatchedStudy
{
	Oid			table;
	AttrNumber	column;			/* that has the sample; 0 if nothing is to be noted */
} WatchedStudy;

/*
 * The column of a table that has the samples of a study, or 0 if the table is
 * no part of its source.  The registry names it, and not the trigger, which
 * whoever has the TRIGGER privilege can make.  Without its column the study
 * can't be packed; and if it gets its name back, SourceInspect sees that it had
 * lost it.
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
 * AFTER INSERT, UPDATE or DELETE, for each row.  Makes payloads of the samples
 * that the row belongs to, and belonged to, unusable for whoever sees the
 * change.
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
				 errhint("The function cell_register_study() makes its triggers.")));
	if (trigger->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" must have one argument, the id of a study",
						trigger->tg_trigger->tgname),
				 errhint("The function cell_register_study() makes it.")));

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
 * BEFORE INSERT, UPDATE or DELETE, for each row: leaves out what a worker of
 * logical replication brings.  Studies and changes of another cluster say
 * nothing of this one.
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
 * sample NULL stands for every sample.  Errors: 42704, 42501.
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
