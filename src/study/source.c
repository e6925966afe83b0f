/*
 * source.c
 *		The source of a study as a caller may read it: queries, rights, state.
 *
 * The query that packs a sample also decides who may have the stored payload:
 * the executor's own checks of its plan are made for each call, so that both ways
 * are open to the same roles.  The plan is made for the sample at hand: of a
 * partitioned table only those partitions count that the sample can be in.
 */
#include "study/source.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "study/distributed.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "study/own_table.h"
#include "parser/parse_relation.h"
#include "storage/lmgr.h"
#include "study/study_errors.h"
#include "changes/triggers.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* The text of a query and the types of its parameters; their number is returned. */
static int
query_text(const Study *study, SourceQuery query, char **text, Oid types[2])
{
	int			count = 0;

	switch (query)
	{
		case SOURCE_PACK:
			*text = StudyPackQuery(study);
			types[count++] = StudySampleType(study);
			types[count++] = TEXTOID;
			break;
		case SOURCE_PACK_ALL:
			*text = StudyPackAllQuery(study);
			types[count++] = TEXTOID;
			break;
		case SOURCE_SAMPLES:
			*text = StudySamplesQuery(study);
			break;
		case SOURCE_SIZES:
			*text = StudySizesQuery(study);
			break;
		case SOURCE_INTENSITIES:
			*text = StudyIntensitiesQuery(study);
			break;
	}
	return count;
}

/* Set a setting until SourceClose. */
static void
set_for_query(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
SourceOpen(Source *source, const Study *study, SourceQuery query, Datum sample, const char *layout)
{
	Datum		values[2];
	Oid			types[2];
	char	   *text = NULL;
	int			count;

	source->study = study;
	source->settings = NewGUCNestLevel();
	set_for_query("search_path", "pg_catalog, pg_temp");
	/* The state depends on the plan, which is to be the same for everybody. */
	set_for_query("plan_cache_mode", "auto");
	set_for_query("enable_partition_pruning", "on");
	set_for_query("client_min_messages", "error");

	SPI_connect();
	count = query_text(study, query, &text, types);
	source->plan = SPI_prepare_cursor(text, count, types, CURSOR_OPT_PARALLEL_OK | CURSOR_OPT_CUSTOM_PLAN);
	if (source->plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));

	values[0] = sample;
	if (count > 0)
		values[count - 1] = CStringGetTextDatum(layout);
	/* A list without parameters is no list: Citus, for one, looks into it. */
	source->parameters = count > 0 ? makeParamList(count) : NULL;
	for (int i = 0; i < count; i++)
	{
		source->parameters->params[i].value = values[i];
		source->parameters->params[i].isnull = false;
		source->parameters->params[i].pflags = PARAM_FLAG_CONST;
		source->parameters->params[i].ptype = types[i];
	}
}

void
SourceClose(Source *source)
{
	SPI_finish();
	AtEOXact_GUC(true, source->settings);
}

/* Add bytes to a state. */
static void
add_to_state(SourceView *view, const void *bytes, Size size)
{
	view->state = (int64) hash_combine64((uint64) view->state,
										 DatumGetUInt64(hash_any_extended(bytes, size, 0)));
}

/* Note whether a row of a catalog is newer than the snapshot. */
static void
note_age(SourceView *view, HeapTuple row)
{
	TransactionId made_by = HeapTupleHeaderGetRawXmin(row->t_data);

	if (!HeapTupleHeaderXminFrozen(row->t_data) && !TransactionIdIsCurrentTransactionId(made_by) &&
		XidInMVCCSnapshot(made_by, GetActiveSnapshot()))
		view->newer = true;
}

/*
 * Add a row of a catalog that says how changes of a relation are noticed.  Its
 * transaction tells it from another row of the same contents.
 */
void
SourceAddCatalogRow(SourceView *view, HeapTuple row)
{
	TransactionId made_by = HeapTupleHeaderGetRawXmin(row->t_data);

	add_to_state(view, &made_by, sizeof(made_by));
	note_age(view, row);
}

/*
 * Note whether a relation was altered since the snapshot.  It may have been
 * rewritten, as by SET UNLOGGED, with rows that the snapshot does not see.
 */
static void
inspect_age(SourceView *view, Oid oid)
{
	HeapTuple	row = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));

	if (!HeapTupleIsValid(row))
		elog(ERROR, "cache lookup failed for relation %u", oid);
	note_age(view, row);
	ReleaseSysCache(row);
}

/* A scan of the rows of a catalog that have a relation's OID in a column. */
static SysScanDesc
scan_catalog(Relation catalog, Oid index, AttrNumber column, Oid relation)
{
	ScanKeyData key;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
	return systable_beginscan(catalog, index, true, NULL, 1, &key);
}

const char *
UntrackedDetail(Untracked untracked, Oid table)
{
	const char *name = get_rel_name(table);

	switch (untracked)
	{
		case TRACKED:
			break;
		case UNTRACKED_TRIGGERS:
			return psprintf("Table \"%s\" does not have the triggers that notice changes.", name);
		case UNTRACKED_FOREIGN:
			return psprintf("Table \"%s\" is a foreign table, which other servers change unnoticed.", name);
		case UNTRACKED_DISTRIBUTED:
			return psprintf("Table \"%s\" is distributed by Citus, whose shards change unnoticed.", name);
		case UNTRACKED_VIRTUAL:
			return psprintf("Table \"%s\" has a virtual generated column.", name);
		case UNTRACKED_GRANDCHILD:
			return psprintf("Table \"%s\" is the child of a child of the source.", name);
	}
	return NULL;
}

/* Note the first reason why changes of a table are not all noticed. */
static void
note_untracked(SourceView *view, Untracked untracked, Oid table)
{
	if (view->untracked != TRACKED)
		return;
	view->untracked = untracked;
	view->untracked_table = table;
}

/*
 * Look at what a relation is a partition or child of.  Its triggers ask whether
 * it is part of the source when they fire.  That cannot change while somebody
 * writes to it, as attaching a partition locks all that is below it, and making
 * a child locks the child; but not the child's own children, which are part of
 * the source by way of it alone.
 */
static void
inspect_parents(SourceView *view, const Study *study, Relation relation)
{
	Oid			oid = RelationGetRelid(relation);
	Relation	catalog = table_open(InheritsRelationId, AccessShareLock);
	SysScanDesc scan = scan_catalog(catalog, InheritsRelidSeqnoIndexId, Anum_pg_inherits_inhrelid, oid);
	bool		is_near = relation->rd_rel->relispartition || oid == study->source;
	HeapTuple	row;

	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		is_near |= ((Form_pg_inherits) GETSTRUCT(row))->inhparent == study->source;
		SourceAddCatalogRow(view, row);
	}
	if (!is_near)
		note_untracked(view, UNTRACKED_GRANDCHILD, oid);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/*
 * Look at the columns of a relation.  Their rows change when one is renamed or
 * has another type, and also when the relation becomes the child of another
 * one, perhaps for a while only.
 */
static void
inspect_columns(SourceView *view, Oid oid)
{
	Relation	catalog = table_open(AttributeRelationId, AccessShareLock);
	SysScanDesc scan = scan_catalog(catalog, AttributeRelidNumIndexId, Anum_pg_attribute_attrelid, oid);
	HeapTuple	row;

	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		if (((Form_pg_attribute) GETSTRUCT(row))->attnum > 0)
			SourceAddCatalogRow(view, row);
		/* Its values are made when they are read. */
		if (ColumnIsVirtual((Form_pg_attribute) GETSTRUCT(row)))
			note_untracked(view, UNTRACKED_VIRTUAL, oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/* Look at one of the relations that the plan reads, and which it has locked. */
static void
inspect_relation(SourceView *view, const Study *study, TriggerFunctions *functions, Oid oid)
{
	Relation	relation = relation_open(oid, NoLock);
	char		kind = relation->rd_rel->relkind;

	view->written |= CheckRelationLockedByMe(relation, RowExclusiveLock, true);
	add_to_state(view, &oid, sizeof(oid));
	add_to_state(view, &relation->rd_rel->relfilenode, sizeof(relation->rd_rel->relfilenode));
	inspect_age(view, oid);
	inspect_columns(view, oid);

	/* A view has no triggers: its owner calls cell_invalidate(). */
	if (StudyHasTriggers(study))
	{
		inspect_parents(view, study, relation);
		if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
			note_untracked(view, UNTRACKED_FOREIGN, oid);
		else if (IsDistributed(oid))
			note_untracked(view, UNTRACKED_DISTRIBUTED, oid);
		else if (!TriggersComplete(relation, study, functions, view))
			note_untracked(view, UNTRACKED_TRIGGERS, oid);
	}
	relation_close(relation, NoLock);
}

/* A record of changes that is truncated, or rewritten, vouches for nothing. */
static void
inspect_changes(SourceView *view, const Study *study)
{
	Relation	changes = table_open(OwnRelation(study->schema, "cell_change"), AccessShareLock);

	add_to_state(view, &changes->rd_rel->relfilenode, sizeof(changes->rd_rel->relfilenode));
	table_close(changes, NoLock);
}

/* Raise an error unless the caller has EXECUTE on a function. */
static bool
check_function(Oid function, void *context pg_attribute_unused())
{
	if (!MayExecute(function, GetUserId()))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(function));
	return false;
}

/* The same for all functions of a query; for expression_tree_walker. */
static bool
check_functions(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, check_functions, context, 0);
	(void) check_functions_in_node(node, check_function, context);
	return expression_tree_walker(node, check_functions, context);
}

void
SourceRenewSnapshot(void)
{
	if (IsolationUsesXactSnapshot())
		return;
	PopActiveSnapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
}

SourceView
SourceInspect(Source *source, SnapshotChoice choice)
{
	CachedPlanSource *prepared = linitial(SPI_plan_get_plan_sources(source->plan));
	CachedPlan *cached = GetCachedPlan(prepared, source->parameters, NULL, NULL);
	PlannedStmt *plan = linitial_node(PlannedStmt, cached->stmt_list);
	SourceView	view = {.untracked = TRACKED};
	List	   *relations = NIL;
	TriggerFunctions functions;
	ListCell   *cell;

	/*
	 * What the executor checks when the query is run, whether it is run or not:
	 * relations and columns, with the rights of a view's owner below the view,
	 * and functions.
	 */
	CheckPlanPermissions(plan);
	(void) check_functions((Node *) prepared->query_list, NULL);

	/* Not plan->relationOids, which has constants of type regclass, too. */
	foreach(cell, plan->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);

		if (!OidIsValid(entry->relid))
			continue;
		relations = list_append_unique_oid(relations, entry->relid);
		if (entry->rtekind == RTE_RELATION &&
			check_enable_rls(entry->relid, PlanCheckAsUser(plan, entry), true) == RLS_ENABLED)
			view.restricted = true;
	}

	/*
	 * The query has the source by its name.  The source itself is locked, and
	 * keeps its name, but the schema may have got another one.
	 */
	if (!list_member_oid(relations, source->study->source))
		ReportDroppedSource(source->study);

	if (choice == RENEW_SNAPSHOT)
		SourceRenewSnapshot();
	functions = TriggerFunctionsOf(source->study);
	foreach(cell, relations)
		inspect_relation(&view, source->study, &functions, lfirst_oid(cell));
	inspect_changes(&view, source->study);

	ReleaseCachedPlan(cached, NULL);
	return view;
}

/* A receiver of rows that calls a function for each. */
typedef struct RowReceiver
{
	DestReceiver receiver;
	SourceRow	function;
	void	   *argument;
} RowReceiver;

static bool
receive_row(TupleTableSlot *row, DestReceiver *self)
{
	((RowReceiver *) self)->function(row, ((RowReceiver *) self)->argument);
	return true;
}

static void
start_receiving(DestReceiver *self pg_attribute_unused(), int operation pg_attribute_unused(),
				TupleDesc columns pg_attribute_unused())
{
}

static void
end_receiving(DestReceiver *self pg_attribute_unused())
{
}

void
SourceRun(Source *source, SourceRow function, void *argument)
{
	RowReceiver receiver = {
		.receiver = {
			.receiveSlot = receive_row,
			.rStartup = start_receiving,
			.rShutdown = end_receiving,
			.rDestroy = end_receiving,
			.mydest = DestNone,
		},
		.function = function,
		.argument = argument,
	};
	SPIExecuteOptions options = {
		.params = source->parameters,
		.read_only = true,
		.dest = &receiver.receiver,
	};
	MemoryContext caller = CurrentMemoryContext;
	int			result = SPI_execute_plan_extended(source->plan, &options);

	MemoryContextSwitchTo(caller);	/* SPI leaves its own */
	if (result < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s", SPI_result_code_string(result));
}
