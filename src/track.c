/*
 * track.c
 *		The triggers by which changes of a study's source are noticed.
 *
 * A statement fires the statement-level triggers of the table that it names
 * only, so each partition and child has them, too.  They fire ALWAYS, also when
 * session_replication_role is "replica".  The worker that applies changes of
 * logical replication fires none of them: for it there is a trigger for each
 * row, which fires in that role only.  TRUNCATE needs none, as it gives a table a
 * new file, which SourceInspect sees.
 *
 * A trigger's arguments are the study's id and the column with the sample.
 */
#include "track.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* The triggers that each table of a source needs. */
typedef struct TriggerKind
{
	const char *name;
	int16		events;
	bool		for_each_row;
	char		fires;
	const char *old_table;		/* transition tables */
	const char *new_table;
} TriggerKind;

static const TriggerKind kinds[] = {
	{"insert", TRIGGER_TYPE_INSERT, false, TRIGGER_FIRES_ALWAYS, NULL, "new_cells"},
	{"update", TRIGGER_TYPE_UPDATE, false, TRIGGER_FIRES_ALWAYS, "old_cells", "new_cells"},
	{"delete", TRIGGER_TYPE_DELETE, false, TRIGGER_FIRES_ALWAYS, "old_cells", NULL},
	{"replica", TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE, true, TRIGGER_FIRES_ON_REPLICA, NULL, NULL},
};

#define ALL_KINDS ((1 << lengthof(kinds)) - 1)

static Oid
trigger_function(const Study *study)
{
	oidvector  *no_arguments = buildoidvector(NULL, 0);

	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum("cell_source_changed"),
						   PointerGetDatum(no_arguments), ObjectIdGetDatum(study->schema));
}

/* A scan of the triggers of a table; it is the caller's to end. */
static SysScanDesc
scan_triggers(Relation triggers, Oid table)
{
	ScanKeyData key;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
	return systable_beginscan(triggers, TriggerRelidNameIndexId, true, NULL, 1, &key);
}

/* Whether a transition table of a trigger has a name, or is none if that is NULL. */
static bool
is_transition_table(Relation triggers, HeapTuple tuple, int column, const char *name)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, RelationGetDescr(triggers), &isnull);

	return name == NULL ? isnull : !isnull && strcmp(NameStr(*DatumGetName(value)), name) == 0;
}

/* The kind of a study's trigger, as an index; -1 for other triggers. */
static int
kind_of_trigger(Relation triggers, HeapTuple tuple, Oid function, const Study *study)
{
	Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
	bool		isnull;
	Datum		arguments;
	bytea	   *bytes;

	if (trigger->tgfoid != function || trigger->tgnargs != 2 ||
		!heap_attisnull(tuple, Anum_pg_trigger_tgqual, RelationGetDescr(triggers)))
		return -1;
	arguments = fastgetattr(tuple, Anum_pg_trigger_tgargs, RelationGetDescr(triggers), &isnull);
	bytes = DatumGetByteaPP(arguments);
	if (strtol(VARDATA_ANY(bytes), NULL, 10) != study->id ||
		strcmp(VARDATA_ANY(bytes) + strlen(VARDATA_ANY(bytes)) + 1, study->sample.name) != 0)
		return -1;
	for (size_t i = 0; i < lengthof(kinds); i++)
		if (trigger->tgtype == (kinds[i].events | (kinds[i].for_each_row ? TRIGGER_TYPE_ROW : 0)) &&
			is_transition_table(triggers, tuple, Anum_pg_trigger_tgoldtable, kinds[i].old_table) &&
			is_transition_table(triggers, tuple, Anum_pg_trigger_tgnewtable, kinds[i].new_table))
			return (int) i;
	return -1;
}

bool
TriggersComplete(Relation table, const Study *study, SourceView *view)
{
	Relation	triggers;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			function;
	int			found = 0;

	if (!table->rd_rel->relhastriggers)
		return false;

	function = trigger_function(study);
	triggers = table_open(TriggerRelationId, AccessShareLock);
	scan = scan_triggers(triggers, RelationGetRelid(table));
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);
		int			kind = kind_of_trigger(triggers, tuple, function, study);

		if (kind >= 0 && trigger->tgenabled == kinds[kind].fires)
		{
			found |= 1 << kind;
			SourceAddCatalogRow(view, tuple);
		}
	}
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	return found == ALL_KINDS;
}

/* A transition table of a trigger to be created. */
static TriggerTransition *
transition_table(const char *name, bool is_new)
{
	TriggerTransition *table = makeNode(TriggerTransition);

	table->name = pstrdup(name);
	table->isNew = is_new;
	table->isTable = true;
	return table;
}

static void
create_trigger(const Study *study, Oid table, Oid function, const TriggerKind *kind)
{
	CreateTrigStmt *statement = makeNode(CreateTrigStmt);

	statement->trigname = psprintf("cell_binary_%d_%s", study->id, kind->name);
	statement->relation = makeRangeVar(get_namespace_name(get_rel_namespace(table)), get_rel_name(table), -1);
	statement->funcname = list_make2(makeString(get_namespace_name(study->schema)),
									 makeString(pstrdup("cell_source_changed")));
	statement->args = list_make2(makeString(psprintf("%d", study->id)),
								 makeString(pstrdup(study->sample.name)));
	statement->row = kind->for_each_row;
	statement->timing = TRIGGER_TYPE_AFTER;
	statement->events = kind->events;
	if (kind->old_table != NULL)
		statement->transitionRels = lappend(statement->transitionRels, transition_table(kind->old_table, false));
	if (kind->new_table != NULL)
		statement->transitionRels = lappend(statement->transitionRels, transition_table(kind->new_table, true));

	CreateTriggerFiringOn(statement, "", table, InvalidOid, InvalidOid, InvalidOid,
						  function, InvalidOid, NULL, false, false, kind->fires);
	CommandCounterIncrement();
}

/*
 * The kinds of triggers of a study that a table has.  Those that somebody
 * disabled, or enabled in another way, are made to fire as they must.
 */
static int
repair_triggers(const Study *study, Oid table, Oid function)
{
	Relation	triggers = table_open(TriggerRelationId, RowExclusiveLock);
	SysScanDesc scan = scan_triggers(triggers, table);
	HeapTuple	tuple;
	int			found = 0;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		int			kind = kind_of_trigger(triggers, tuple, function, study);

		if (kind < 0)
			continue;
		found |= 1 << kind;
		if (((Form_pg_trigger) GETSTRUCT(tuple))->tgenabled != kinds[kind].fires)
		{
			HeapTuple	repaired = heap_copytuple(tuple);

			((Form_pg_trigger) GETSTRUCT(repaired))->tgenabled = kinds[kind].fires;
			CatalogTupleUpdate(triggers, &repaired->t_self, repaired);
			CacheInvalidateRelcacheByRelid(table);
		}
	}
	systable_endscan(scan);
	table_close(triggers, RowExclusiveLock);
	CommandCounterIncrement();
	return found;
}

void
TriggersCreate(const Study *study)
{
	Oid			function = trigger_function(study);
	ListCell   *cell;

	/* Wait for those that write without the triggers, parents first as they do. */
	LockRelationOid(study->source, ShareRowExclusiveLock);
	foreach(cell, find_all_inheritors(study->source, ShareRowExclusiveLock, NULL))
	{
		Oid			table = lfirst_oid(cell);
		char		kind = get_rel_relkind(table);
		int			found;

		/* A foreign table cannot be watched: its samples are not stored. */
		if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
			continue;
		found = repair_triggers(study, table, function);
		for (size_t i = 0; i < lengthof(kinds); i++)
			if (!(found & (1 << i)))
				create_trigger(study, table, function, &kinds[i]);
	}
}

/* Add a trigger to those that are to be dropped, if it is the study's. */
static void
add_unwanted(const Study *study, Relation triggers, Oid function, Oid oid, ObjectAddresses *unwanted)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
	scan = systable_beginscan(triggers, TriggerOidIndexId, true, NULL, 1, &key);
	/* The one of a partition goes with that of its parent. */
	if (HeapTupleIsValid(tuple = systable_getnext(scan)) &&
		kind_of_trigger(triggers, tuple, function, study) >= 0 &&
		!OidIsValid(((Form_pg_trigger) GETSTRUCT(tuple))->tgparentid))
	{
		ObjectAddress address;

		ObjectAddressSet(address, TriggerRelationId, oid);
		add_exact_object_address(&address, unwanted);
	}
	systable_endscan(scan);
}

void
TriggersDrop(const Study *study)
{
	Oid			function = trigger_function(study);
	ObjectAddresses *unwanted = new_object_addresses();
	Relation	triggers = table_open(TriggerRelationId, AccessShareLock);
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	/* Parents first, as readers and writers do. */
	LockRelationOid(study->source, AccessExclusiveLock);
	if (get_rel_relkind(study->source) != '\0')
		(void) find_all_inheritors(study->source, AccessExclusiveLock, NULL);

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(ProcedureRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(function));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend dependency = (Form_pg_depend) GETSTRUCT(tuple);

		if (dependency->classid == TriggerRelationId)
			add_unwanted(study, triggers, function, dependency->objid, unwanted);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	table_close(triggers, AccessShareLock);
	performMultipleDeletions(unwanted, DROP_RESTRICT, 0);
	free_object_addresses(unwanted);
}
