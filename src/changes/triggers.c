/*
 * triggers.c
 *		Creating and dropping the triggers that record the changes of a study's
 *		source.  trigger_kind.c says which triggers these are; notice.c has their
 *		functions.
 */
#include "changes/triggers.h"

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
#include "catalog/pg_type.h"
#include "changes/trigger_kind.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * The sample of the old or the new row, in the condition of a trigger.  The
 * cast is explicit so that pg_dump writes it.  On restore, the condition then
 * resolves to the function with exactly this type, whatever other functions of
 * the name exist.
 */
static Expr *
sample_of(Oid table, AttrNumber sample, int row, Oid type)
{
	Oid			column_type;
	int32		typmod;
	Oid			collation;
	Expr	   *column;

	get_atttypetypmodcoll(table, sample, &column_type, &typmod, &collation);
	column = (Expr *) makeVar(row, sample, column_type, typmod, collation, 0);
	return column_type == type ? column :
		(Expr *) makeRelabelType(column, type, -1, collation, COERCE_EXPLICIT_CAST);
}

/*
 * Create a trigger.  The condition calls the functions by their OIDs, so no
 * function of the same name can take their place.  CreateTriggerFiringOn
 * records no dependencies of such a condition, so they are recorded here.
 */
static void
create_trigger(const Study *study, Oid table, const TriggerFunctions *functions,
			   const TriggerKind *kind)
{
	AttrNumber	sample = get_attnum(table, study->sample.name);
	CreateTrigStmt *statement = makeNode(CreateTrigStmt);
	List	   *samples = NIL;
	Oid			condition;
	FuncExpr   *call;
	ObjectAddress trigger;
	ObjectAddress needed;

	if (kind->sees_old)
		samples = lappend(samples,
						  sample_of(table, sample, PRS2_OLD_VARNO, functions->sample_type));
	if (kind->sees_new)
		samples = lappend(samples,
						  sample_of(table, sample, PRS2_NEW_VARNO, functions->sample_type));
	condition = list_length(samples) == 2 ? functions->two_rows : functions->one_row;

	statement->trigname = psprintf("cell_binary_%d_%s", study->id, kind->name);
	statement->relation = makeRangeVar(get_namespace_name(get_rel_namespace(table)),
									   get_rel_name(table), -1);
	statement->funcname = list_make2(makeString(get_namespace_name(study->schema)),
									 makeString(pstrdup("cell_source_changed")));
	statement->args = list_make1(makeString(psprintf("%d", study->id)));
	statement->row = true;
	statement->timing = TRIGGER_TYPE_AFTER;
	statement->events = kind->event;
	call = makeFuncExpr(condition, BOOLOID, samples, InvalidOid,
						exprCollation(linitial(samples)), COERCE_EXPLICIT_CALL);
	trigger = CreateTriggerFiringOn(statement, "", table, InvalidOid, InvalidOid, InvalidOid,
									functions->trigger, InvalidOid, (Node *) call,
									false, false, TRIGGER_FIRES_ALWAYS);
	ObjectAddressSubSet(needed, RelationRelationId, table, sample);
	recordDependencyOn(&trigger, &needed, DEPENDENCY_NORMAL);
	ObjectAddressSet(needed, ProcedureRelationId, condition);
	recordDependencyOn(&trigger, &needed, DEPENDENCY_NORMAL);
	CommandCounterIncrement();
}

/*
 * Make the triggers of a study that a table has ENABLE ALWAYS.  Returns a bit
 * set of the kinds that the table has.
 */
static int
repair_triggers(const Study *study, Oid table, TriggerFunctions *functions)
{
	AttrNumber	sample = get_attnum(table, study->sample.name);
	Relation	triggers = table_open(TriggerRelationId, RowExclusiveLock);
	SysScanDesc scan = ScanTriggers(triggers, table);
	HeapTuple	tuple;
	int			found = 0;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		int			kind = KindOfTrigger(triggers, tuple, functions, study, sample);

		if (kind < 0)
			continue;
		found |= 1 << kind;
		if (((Form_pg_trigger) GETSTRUCT(tuple))->tgenabled != TRIGGER_FIRES_ALWAYS)
		{
			HeapTuple	repaired = heap_copytuple(tuple);

			((Form_pg_trigger) GETSTRUCT(repaired))->tgenabled = TRIGGER_FIRES_ALWAYS;
			CatalogTupleUpdate(triggers, &repaired->t_self, repaired);
			CacheInvalidateRelcacheByRelid(table);
		}
	}
	systable_endscan(scan);
	table_close(triggers, RowExclusiveLock);
	CommandCounterIncrement();
	return found;
}

/*
 * Drop triggers of a table.  If all is true, drop every trigger of the study;
 * otherwise only the triggers of the study that are of no kind, and the
 * triggers of studies that no longer exist.  The triggers of a partition are
 * dropped with those of its parent.
 */
static void
drop_triggers(const Study *study, Oid table, TriggerFunctions *functions, bool all)
{
	AttrNumber	sample = get_attnum(table, study->sample.name);
	ObjectAddresses *unwanted = new_object_addresses();
	Relation	triggers = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan = ScanTriggers(triggers, table);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);

		if (!OidIsValid(trigger->tgparentid) &&
			(IsTriggerOf(triggers, tuple, functions, study) ?
			 (all || KindOfTrigger(triggers, tuple, functions, study, sample) < 0) :
			 (!all && IsLeftOverTrigger(triggers, tuple, functions, study->schema))))
		{
			ObjectAddress address;

			ObjectAddressSet(address, TriggerRelationId, trigger->oid);
			add_exact_object_address(&address, unwanted);
		}
	}
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	performMultipleDeletions(unwanted, DROP_RESTRICT, 0);
	free_object_addresses(unwanted);
	CommandCounterIncrement();
}

/* Whether a table has all triggers of a study.  The caller has locked the table. */
static bool
has_triggers(const Study *study, Oid table, TriggerFunctions *functions)
{
	Relation	relation = table_open(table, NoLock);
	CatalogState state = {.untracked = TRACKED};
	bool		complete = TriggersComplete(relation, study, functions, &state);

	table_close(relation, NoLock);
	return complete;
}

void
TriggersCreate(const Study *study)
{
	TriggerFunctions functions = TriggerFunctionsOf(study);
	ListCell   *cell;

	/*
	 * Wait for transactions that write without the triggers.  Parents are
	 * locked first, as writers do, to avoid deadlocks.
	 */
	LockRelationOid(study->source, ShareRowExclusiveLock);
	foreach(cell, find_all_inheritors(study->source, ShareRowExclusiveLock, NULL))
	{
		Oid			table = lfirst_oid(cell);
		char		kind = get_rel_relkind(table);
		int			missing;

		/* A trigger on a foreign table would not see the changes by other servers. */
		if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
			continue;
		/* Partitions get the triggers of their parents; children need their own. */
		if (!get_rel_relispartition(table) && !OwnsRelation(table, GetUserId()))
		{
			if (!has_triggers(study, table, &functions))
				ereport(NOTICE,
						(errmsg("triggers of study \"%s\" were not created on table \"%s\"",
								study->name, get_rel_name(table)),
						 errdetail("Only the owner of the table can create them.  Until they "
								   "exist, payloads are packed at each call.")));
			continue;
		}
		drop_triggers(study, table, &functions, false);
		missing = ALL_KINDS & ~repair_triggers(study, table, &functions);
		for (int i = 0; i < TRIGGER_KINDS; i++)
			if (missing & (1 << i))
				create_trigger(study, table, &functions, &trigger_kinds[i]);
	}
}

/*
 * The tables that have triggers of a study, without those that got them from
 * their parents.  The triggers are found by their dependency on their
 * function.
 */
static List *
tables_with_triggers(const Study *study, const TriggerFunctions *functions)
{
	List	   *tables = NIL;
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	Relation	triggers = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(ProcedureRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(functions->trigger));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend dependency = (Form_pg_depend) GETSTRUCT(tuple);
		ScanKeyData key;
		SysScanDesc trigger_scan;
		HeapTuple	trigger;

		if (dependency->classid != TriggerRelationId)
			continue;
		ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(dependency->objid));
		trigger_scan = systable_beginscan(triggers, TriggerOidIndexId, true, NULL, 1, &key);
		if (HeapTupleIsValid(trigger = systable_getnext(trigger_scan)) &&
			!OidIsValid(((Form_pg_trigger) GETSTRUCT(trigger))->tgparentid) &&
			IsTriggerOf(triggers, trigger, functions, study))
			tables = list_append_unique_oid(tables,
											((Form_pg_trigger) GETSTRUCT(trigger))->tgrelid);
		systable_endscan(trigger_scan);
	}
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	table_close(depend, AccessShareLock);
	return tables;
}

/* The owner of a relation, or InvalidOid if it was dropped. */
static Oid
relation_owner(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/*
 * Lock the tables whose triggers are to be dropped, and return them.
 *
 * A table is locked only if the caller owns it, because the row of the
 * registry can name a table that the caller cannot even read.  Parents are
 * locked first, as readers and writers do.  A table outside the source is
 * skipped unless it has the source's owner: any role can put a trigger of the
 * study on a table of its own, and the caller must not wait for that role's
 * locks.
 */
static List *
lock_tables(const Study *study, List *tables)
{
	Oid			owner = relation_owner(study->source);
	List	   *parts = OidIsValid(owner) ? find_all_inheritors(study->source, NoLock, NULL) : NIL;
	List	   *locked = NIL;
	ListCell   *cell;

	if (!OidIsValid(owner))
		owner = GetUserId();
	list_sort(tables, list_oid_cmp);
	foreach(cell, list_concat_unique_oid(list_copy(parts), tables))
	{
		Oid			table = lfirst_oid(cell);

		if (!list_member_oid(tables, table) ||
			(!list_member_oid(parts, table) && relation_owner(table) != owner))
			continue;
		if (!OwnsRelation(table, GetUserId()))
		{
			ereport(NOTICE,
					(errmsg("triggers of study \"%s\" were not dropped on table \"%s\"",
							study->name, get_rel_name(table)),
					 errdetail("They no longer record changes, but the type of the sample column "
							   "cannot be altered until they are dropped."),
					 errhint("The owner of the table can drop them with DROP TRIGGER, or by "
							 "registering a study of the table.")));
			continue;
		}
		LockRelationOid(table, AccessExclusiveLock);
		if (!OidIsValid(relation_owner(table)))
			continue;
		if (get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE)
			(void) find_all_inheritors(table, AccessExclusiveLock, NULL);
		locked = lappend_oid(locked, table);
	}
	return locked;
}

void
TriggersDrop(const Study *study)
{
	TriggerFunctions functions = TriggerFunctionsOf(study);
	ListCell   *cell;

	foreach(cell, lock_tables(study, tables_with_triggers(study, &functions)))
		drop_triggers(study, lfirst_oid(cell), &functions, true);
}
