/*
 * change_trigger.c
 *		The trigger cell_source_changed, and cell_invalidate for sources that
 *		have no triggers.
 */
#include "change.h"

#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "own_table.h"
#include "study_errors.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/* The samples that a statement touches, noted one after the other. */
typedef struct TouchedSamples
{
	Oid			schema;
	int32		study;
	AttrNumber	column;			/* that has the sample */
	Oid			type;
	bool		by_value;
	int16		length;
	MemoryContext context;		/* for what follows */
	Datum		last;			/* the sample of the row before, if there is one */
	bool		has_last;
	int64		first;			/* the hash that was noted first, if one was */
	HTAB	   *noted;			/* hashes, once there are several */
} TouchedSamples;

static void
touched_begin(TouchedSamples *samples, Oid schema, int32 study, TupleDesc columns, AttrNumber column)
{
	samples->schema = schema;
	samples->study = study;
	samples->column = column;
	samples->type = getBaseType(TupleDescAttr(columns, column - 1)->atttypid);
	samples->by_value = TupleDescAttr(columns, column - 1)->attbyval;
	samples->length = TupleDescAttr(columns, column - 1)->attlen;
	samples->context = CurrentMemoryContext;
	samples->has_last = false;
	samples->first = EVERY_SAMPLE;
	samples->noted = NULL;
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

/* Note the sample of a row; a row without one belongs to none. */
static void
note_row(TouchedSamples *samples, TupleTableSlot *slot)
{
	const char *name;
	bool		isnull;
	int			length;
	int64		hash;
	Datum		value = slot_getattr(slot, samples->column, &isnull);

	if (isnull || is_repeated(samples, value))
		return;
	name = SampleName(samples->type, value, &length);
	hash = SampleHash(name, length);
	if (is_new(samples, hash))
		RecordChange(samples->schema, samples->study, hash);
}

/* Note the samples of all rows of a transition table. */
static void
note_table(TouchedSamples *samples, TupleDesc columns, Tuplestorestate *table)
{
	TupleTableSlot *slot;
	MemoryContext per_row;
	MemoryContext caller;
	uint64		rows = 0;

	if (table == NULL)
		return;

	per_row = AllocSetContextCreate(CurrentMemoryContext, "cell_binary row", ALLOCSET_SMALL_SIZES);
	slot = MakeSingleTupleTableSlot(columns, &TTSOpsMinimalTuple);
	/* Others read the same table: each by a pointer of its own. */
	tuplestore_select_read_pointer(table, tuplestore_alloc_read_pointer(table, EXEC_FLAG_REWIND));
	tuplestore_rescan(table);

	while (tuplestore_gettupleslot(table, true, false, slot))
	{
		if (++rows % 1024 == 0)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(per_row);
		}
		caller = MemoryContextSwitchTo(per_row);
		note_row(samples, slot);
		MemoryContextSwitchTo(caller);
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(per_row);
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

/*
 * cell_source_changed('study id', 'sample column') -> trigger
 *
 * AFTER INSERT, UPDATE or DELETE, for each statement with transition tables, or
 * for each row.  Makes payloads of the samples that the rows belong
 * to, and belonged to, unusable for whoever sees the change.
 */
PG_FUNCTION_INFO_V1(cell_source_changed);
Datum
cell_source_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Oid			schema = OwnSchema(fcinfo);
	TupleDesc	columns;
	TouchedSamples samples;
	int32		study;
	int			column;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"cell_source_changed\" must be called as a trigger after a change"),
				 errhint("The function cell_register_study() makes its triggers.")));
	if (trigger->tg_trigger->tgnargs != 2)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" must have the arguments study id and sample column",
						trigger->tg_trigger->tgname),
				 errhint("The function cell_register_study() makes it.")));

	study = pg_strtoint32(trigger->tg_trigger->tgargs[0]);
	if (!is_part_of(RelationGetRelid(trigger->tg_relation), StudySource(schema, study)))
		return PointerGetDatum(NULL);

	columns = RelationGetDescr(trigger->tg_relation);
	column = SPI_fnumber(columns, trigger->tg_trigger->tgargs[1]);
	/*
	 * Without its column the study can't be packed; and if it gets its name
	 * back, SourceInspect sees that it had lost it.
	 */
	if (column <= 0)
		return PointerGetDatum(NULL);

	touched_begin(&samples, schema, study, columns, column);
	if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
	{
		note_row(&samples, trigger->tg_trigslot);
		if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
			note_row(&samples, trigger->tg_newslot);
	}
	else
	{
		note_table(&samples, columns, trigger->tg_oldtable);
		note_table(&samples, columns, trigger->tg_newtable);
	}
	return PointerGetDatum(NULL);
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
		ReportNullStudyArgument("study");
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	study = StudyRead(schema, name, GetActiveSnapshot());
	if (study == NULL)
		ReportUnknownStudy(name);
	StudyCheckOwner(study);
	if (!PG_ARGISNULL(1))
	{
		const char *sample;

		StudyResolve(study);
		(void) StudySampleValue(study, text_to_cstring(PG_GETARG_TEXT_PP(1)), &sample);
		hash = SampleHash(sample, strlen(sample));
	}
	PreventCommandIfReadOnly("cell_invalidate()");
	RecordChange(schema, study->id, hash);
	PG_RETURN_VOID();
}
