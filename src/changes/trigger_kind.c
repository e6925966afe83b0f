/*
 * trigger_kind.c
 *		Recognizing the triggers that record the changes of a study's source, and
 *		checking whether a table has them.  triggers.c creates and drops them.
 *
 * Row triggers are used because PostgreSQL fires the row triggers of a table
 * for each changed row, whatever changes it: a statement on the table, its
 * parent or a view, a move of the row to another partition, the action of a
 * foreign key, or a logical replication worker.  Transition tables show less:
 * they lack rows that MERGE moves and columns that a partition generates.
 * PostgreSQL also copies row triggers to partitions.
 *
 * The condition cell_first_touch keeps the triggers cheap.  It is true for one
 * row of each sample, so a statement queues one event for each sample and not
 * one for each row.
 *
 * The triggers are ENABLE ALWAYS, so they also fire when
 * session_replication_role is "replica".  TRUNCATE needs no trigger, because
 * it gives the table a new file, which SourceInspect finds.
 *
 * The only argument of a trigger is the study's id.
 */
#include "changes/trigger_kind.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "study/sample.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

const TriggerKind trigger_kinds[TRIGGER_KINDS] = {
	{"insert", TRIGGER_TYPE_INSERT, false, true},
	{"update", TRIGGER_TYPE_UPDATE, true, true},
	{"delete", TRIGGER_TYPE_DELETE, true, false},
};

static Oid
own_function(const Study *study, const char *name, Oid type, int arguments)
{
	const Oid	types[] = {type, type};

	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(types, arguments)),
						   ObjectIdGetDatum(study->schema));
}

TriggerFunctions
TriggerFunctionsOf(const Study *study)
{
	Oid			type = SampleParameterType(study->sample.type);

	return (TriggerFunctions)
	{
		.trigger = own_function(study, "cell_source_changed", InvalidOid, 0),
			.sample_type = type,
			.one_row = own_function(study, "cell_first_touch", type, 1),
			.two_rows = own_function(study, "cell_first_touch", type, 2)
	};
}

SysScanDesc
ScanTriggers(Relation triggers, Oid table)
{
	ScanKeyData key;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(table));
	return systable_beginscan(triggers, TriggerRelidNameIndexId, true, NULL, 1, &key);
}

/* Whether an expression is a column of the old or new row, possibly relabelled. */
static bool
is_column(const Node *expression, int row, AttrNumber column)
{
	const Var  *var = (const Var *) expression;

	if (IsA(expression, RelabelType))
		var = (const Var *) ((const RelabelType *) expression)->arg;
	return IsA(var, Var) && var->varno == row && var->varattno == column;
}

/* Whether a trigger has exactly the condition of a kind. */
static bool
has_condition(Relation triggers, HeapTuple tuple, int number,
			  TriggerFunctions *functions, AttrNumber sample)
{
	const TriggerKind *kind = &trigger_kinds[number];
	bool		isnull;
	Datum		condition = fastgetattr(tuple, Anum_pg_trigger_tgqual, RelationGetDescr(triggers),
										&isnull);
	bool		both = kind->sees_old && kind->sees_new;
	bool		fits;
	char	   *condition_text;
	FuncExpr   *call;

	if (isnull)
		return false;
	condition_text = TextDatumGetCString(condition);
	if (functions->known[number] != NULL && functions->known_sample[number] == sample &&
		strcmp(functions->known[number], condition_text) == 0)
		return true;

	call = stringToNode(condition_text);
	fits = IsA(call, FuncExpr) &&
		call->funcid == (both ? functions->two_rows : functions->one_row) &&
		list_length(call->args) == (both ? 2 : 1) &&
		is_column(linitial(call->args), kind->sees_old ? PRS2_OLD_VARNO : PRS2_NEW_VARNO, sample) &&
		is_column(llast(call->args), kind->sees_new ? PRS2_NEW_VARNO : PRS2_OLD_VARNO, sample);
	if (fits)
	{
		functions->known[number] = condition_text;
		functions->known_sample[number] = sample;
	}
	return fits;
}

/* Get the study's id from a trigger that calls cell_source_changed; else false. */
static bool
study_of_trigger(Relation triggers, HeapTuple tuple, const TriggerFunctions *functions,
				 int32 *study)
{
	Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
	bool		isnull;
	Datum		arguments;
	char	   *argument;
	char	   *end;
	long		number;

	if (trigger->tgfoid != functions->trigger || trigger->tgnargs != 1)
		return false;
	arguments = fastgetattr(tuple, Anum_pg_trigger_tgargs, RelationGetDescr(triggers), &isnull);
	argument = VARDATA_ANY(DatumGetByteaPP(arguments));
	number = strtol(argument, &end, 10);
	*study = (int32) number;
	return end != argument && *end == '\0' && *study == number;
}

bool
IsTriggerOf(Relation triggers, HeapTuple tuple, const TriggerFunctions *functions,
			const Study *study)
{
	int32		id;

	return study_of_trigger(triggers, tuple, functions, &id) && id == study->id;
}

bool
IsLeftOverTrigger(Relation triggers, HeapTuple tuple, const TriggerFunctions *functions, Oid schema)
{
	char	   *column;
	int32		id;

	return study_of_trigger(triggers, tuple, functions, &id) &&
		!OidIsValid(RegistrySource(schema, id, &column));
}

int
KindOfTrigger(Relation triggers, HeapTuple tuple, TriggerFunctions *functions,
			  const Study *study, AttrNumber sample)
{
	Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);

	if (!IsTriggerOf(triggers, tuple, functions, study) ||
		trigger->tgattr.dim1 != 0 || trigger->tgdeferrable)
		return -1;
	for (int i = 0; i < TRIGGER_KINDS; i++)
		if (trigger->tgtype == (TRIGGER_TYPE_ROW | trigger_kinds[i].event) &&
			has_condition(triggers, tuple, i, functions, sample))
			return i;
	return -1;
}

bool
TriggersComplete(Relation table, const Study *study, TriggerFunctions *functions,
				 CatalogState *state)
{
	AttrNumber	sample = get_attnum(RelationGetRelid(table), study->sample.name);
	Relation	triggers;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			found = 0;

	if (!table->rd_rel->relhastriggers)
		return false;

	triggers = table_open(TriggerRelationId, AccessShareLock);
	scan = ScanTriggers(triggers, RelationGetRelid(table));
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		int			kind = KindOfTrigger(triggers, tuple, functions, study, sample);

		if (kind >= 0 && ((Form_pg_trigger) GETSTRUCT(tuple))->tgenabled == TRIGGER_FIRES_ALWAYS)
		{
			found |= 1 << kind;
			CatalogStateAddRow(state, tuple);
		}
	}
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	return found == ALL_KINDS;
}
