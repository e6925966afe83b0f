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
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "parser/parse_relation.h"
#include "storage/lmgr.h"
#include "study/query.h"
#include "study/sample.h"
#include "study/study.h"
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
			*text = PackQuery(study);
			types[count++] = SampleParameterType(study->sample.type);
			types[count++] = TEXTOID;
			break;
		case SOURCE_PACK_ALL:
			*text = PackAllQuery(study);
			types[count++] = TEXTOID;
			break;
		case SOURCE_SAMPLES:
			*text = SamplesQuery(study);
			break;
		case SOURCE_SIZES:
			*text = SizesQuery(study);
			break;
		case SOURCE_INTENSITIES:
			*text = IntensitiesQuery(study);
			break;
	}
	return count;
}

/* Set a setting until SourceClose. */
static void
set_for_query(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
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
	source->plan = SPI_prepare_cursor(text, count, types, CURSOR_OPT_PARALLEL_OK |
									  CURSOR_OPT_CUSTOM_PLAN);
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

void
SourceCheck(Source *source, SnapshotChoice choice)
{
	CachedPlanSource *prepared = linitial(SPI_plan_get_plan_sources(source->plan));
	CachedPlan *cached = GetCachedPlan(prepared, source->parameters, NULL, NULL);
	PlannedStmt *plan = linitial_node(PlannedStmt, cached->stmt_list);
	ListCell   *cell;

	/*
	 * What the executor checks when it runs the query: relations and columns,
	 * with the rights of a view's owner below the view, and functions.
	 */
	CheckPlanPermissions(plan);
	(void) check_functions((Node *) prepared->query_list, NULL);

	/* Not plan->relationOids, which has constants of type regclass, too. */
	source->relations = NIL;
	source->restricted = false;
	foreach(cell, plan->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);

		if (!OidIsValid(entry->relid))
			continue;
		source->relations = list_append_unique_oid(source->relations, entry->relid);
		if (entry->rtekind == RTE_RELATION &&
			check_enable_rls(entry->relid, PlanCheckAsUser(plan, entry), true) == RLS_ENABLED)
			source->restricted = true;
	}
	ReleaseCachedPlan(cached, NULL);	/* the locks stay */

	/*
	 * The query names the source.  The source itself is locked, and keeps its
	 * name, but its schema may have been renamed.
	 */
	if (!list_member_oid(source->relations, source->study->source))
		RaiseSourceDropped(source->study);

	if (choice == RENEW_SNAPSHOT)
		SourceRenewSnapshot();
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
