/*
 * source.c
 *		Preparing, checking and running the queries on a study's source.
 *
 * A stored payload is served to exactly the roles that could pack it: each
 * call makes the executor's privilege checks on a plan of the query that packs
 * the sample, even if the payload is then read from the store.
 *
 * The query runs with a custom plan for the given sample.  The checks use a
 * generic plan that the session keeps, because planning takes longer than packing
 * a small sample.  If the query reads a partitioned table, a plan is kept for each
 * sample: it has only the partitions that can contain the sample, so the others
 * are not locked, and their state does not matter to the payload.
 */
#include "study/source.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "parser/parse_relation.h"
#include "study/distributed.h"
#include "study/foreign.h"
#include "study/kept_plans.h"
#include "study/study.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* Change a setting until SourceClose. */
static void
set_for_query(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

void
SourceOpen(Source *source, const Study *study, SourceQuery query, SourceArguments arguments)
{
	QueryText	query_of;

	source->study = study;
	source->query = query;
	source->relation = IsOfPayloads(query) ? study->payloads : study->source;
	source->layout = arguments.layout;
	source->settings = NewGUCNestLevel();
	set_for_query("search_path", "pg_catalog, pg_temp");
	/* The source's state depends on the plan, so every caller must get the same plan. */
	set_for_query("plan_cache_mode", "auto");
	set_for_query("enable_partition_pruning", "on");
	set_for_query("client_min_messages", "error");

	SPI_connect();
	query_of = QueryTextOf(study, query, &arguments);
	source->text = query_of.text;
	source->run_text = NULL;
	source->plan = NULL;
	source->custom = NULL;
	/* Without parameters, pass NULL and not an empty list: Citus looks into the list. */
	source->parameters = query_of.count > 0 ? makeParamList(query_of.count) : NULL;
	for (int i = 0; i < query_of.count; i++)
	{
		source->parameters->params[i].value = query_of.values[i];
		source->parameters->params[i].isnull = false;
		source->parameters->params[i].pflags = PARAM_FLAG_CONST;
		source->parameters->params[i].ptype = query_of.types[i];
	}
}

/* Get the types of the parameters; returns their number. */
static int
parameter_types(const Source *source, Oid types[3])
{
	int			count = source->parameters != NULL ? source->parameters->numParams : 0;

	for (int i = 0; i < count; i++)
		types[i] = source->parameters->params[i].ptype;
	return count;
}

/* Prepare a form of the query. */
static SPIPlanPtr
prepare(const Source *source, const char *text)
{
	Oid			types[3];
	int			count = parameter_types(source, types);

	return PrepareQuery(text, count, types, CURSOR_OPT_PARALLEL_OK | CURSOR_OPT_CUSTOM_PLAN);
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

/* Check all functions of a query; a callback of expression_tree_walker. */
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

/*
 * Make the checks that the executor makes when it runs the query: on relations and
 * columns, with the privileges of a view's owner below the view, and on functions.
 * A function that only the body of an inlined SQL function calls is not checked.
 * Note the relations.
 */
static void
check_plan(Source *source, CachedPlanSource *prepared, PlannedStmt *plan)
{
	ListCell   *cell;

	CheckPlanPermissions(plan);
	(void) check_functions((Node *) prepared->query_list, NULL);

	/* Not plan->relationOids, because that also has constants of type regclass. */
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
}

/*
 * Let SourceRun run a form of a query on foreign tables that the planner can send to
 * their servers, with one aggregate for each partition.  The checks stay with the text
 * of SourceOpen.
 *
 * The planner sends an aggregate if that costs less than to get the rows, by what
 * ANALYZE found in the foreign table, which can be long ago.  So the other ways are
 * turned off, unless local partitions need them.  The costs of what is turned off
 * would start JIT.
 */
static void
push_down(Source *source, const RowPlaces *places)
{
	const Study *study = source->study;
	const bool	packs = source->query == SOURCE_PACK || source->query == SOURCE_PACK_ALL;

	if (packs ? !places->packing :
		source->query != SOURCE_SAMPLES && source->query != SOURCE_READY_SAMPLES)
		return;
	/* Otherwise a sample has rows in several partitions. */
	if (packs && places->partitioned &&
		(places->key == NULL || (study->source_kind == RELKIND_PARTITIONED_TABLE &&
								 strcmp(places->key, study->sample.name) != 0)))
		return;
	set_for_query("enable_partitionwise_aggregate", "on");
	if (packs && !places->local)
	{
		set_for_query("enable_hashagg", "off");
		set_for_query("enable_sort", "off");
		set_for_query("jit", "off");
	}
	source->run_text = GroupQueryText(source->study, source->query, source->layout);
}

/* Make the checks that follow the ones on the plan. */
static void
check_source(Source *source, SnapshotChoice choice)
{
	RowPlaces	places;

	/*
	 * The query finds the source by its name.  The source is locked and keeps
	 * its name, but a concurrent transaction can have renamed its schema, so
	 * that the name now leads to another relation.  Citus replaces a table by its
	 * shard in the plan; payloads of such a table are not stored, so SourceRun
	 * makes this check.
	 */
	if (!list_member_oid(source->relations, source->relation) && !IsDistributed(source->relation))
		RaiseRelationDropped(source->study, source->relation);

	places = RowPlacesOf(source->relations);
	if (places.foreign)
		push_down(source, &places);
	if (choice == RENEW_SNAPSHOT)
		SourceRenewSnapshot();
}

void
SourceCheck(Source *source, SnapshotChoice choice)
{
	CachedPlanSource *prepared;
	CachedPlan *cached;
	PlannedStmt *plan;

	if (source->plan == NULL)
		source->plan = prepare(source, source->text);
	prepared = linitial(SPI_plan_get_plan_sources(source->plan));
	cached = GetCachedPlan(prepared, source->parameters, NULL, NULL);
	plan = linitial_node(PlannedStmt, cached->stmt_list);
	check_plan(source, prepared, plan);
	source->custom = IsA(plan->planTree, CustomScan) ?
		((CustomScan *) plan->planTree)->methods : NULL;
	ReleaseCachedPlan(cached, NULL);	/* keeps the locks on the relations */
	check_source(source, choice);
}

/* Whether a relation's partitions or children that a query reads can depend on the sample. */
static bool
reads_parts(const List *relations)
{
	ListCell   *cell;

	foreach(cell, relations)
	{
		HeapTuple	row = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(cell)));
		bool		has_parts = false;

		if (HeapTupleIsValid(row))
		{
			has_parts = ((Form_pg_class) GETSTRUCT(row))->relhassubclass;
			ReleaseSysCache(row);
		}
		if (has_parts)
			return true;
	}
	return false;
}

/*
 * Return the query for the sample of its first parameter, which the text ends
 * with, as a constant.
 */
static char *
text_for_sample(const Source *source)
{
	const ParamExternData *sample = &source->parameters->params[0];
	Size		length = strlen(source->text) - strlen(SAMPLE_PARAMETER);
	Oid			output;
	bool		is_varlena;

	if (strcmp(source->text + length, SAMPLE_PARAMETER) != 0)
		elog(ERROR, "query does not end with the sample");
	getTypeOutputInfo(sample->ptype, &output, &is_varlena);
	return psprintf("%.*s%s::%s", (int) length, source->text,
					quote_literal_cstr(OidOutputFunctionCall(output, sample->value)),
					format_type_be_qualified(sample->ptype));
}

/* What became of checking a kept plan. */
typedef enum KeptCheck
{
	KEPT_CHECKED,
	KEPT_NEEDS_SAMPLE,			/* the plan depends on the sample */
	KEPT_NOT					/* there can be no kept plan now */
} KeptCheck;

/* Check a kept plan of a text. */
static KeptCheck
check_kept_plan(Source *source, const char *text, const KeptPlan *kept)
{
	CachedPlanSource *prepared = linitial(SPI_plan_get_plan_sources(kept->plan));
	CachedPlan *cached;

	const bool	may_need_sample = text == source->text && source->parameters != NULL;
	PlannedStmt *plan;
	KeptCheck	result = KEPT_CHECKED;

	if (may_need_sample && reads_parts(prepared->relationOids))
		return KEPT_NEEDS_SAMPLE;
	cached = GetCachedPlan(prepared, NULL, CurrentResourceOwner, NULL);
	plan = linitial_node(PlannedStmt, cached->stmt_list);
	/* Planning can have added the relations of an inlined function. */
	if (may_need_sample && reads_parts(plan->relationOids))
		result = KEPT_NEEDS_SAMPLE;
	else
		check_plan(source, prepared, plan);
	ReleaseCachedPlan(cached, CurrentResourceOwner);
	return result;
}

/* Check the kept plan of a text. */
static KeptCheck
check_kept(Source *source, const char *text)
{
	Oid			types[3];
	KeptPlan   *kept = KeptPlanOf(text, parameter_types(source, types), types);
	KeptCheck	result = KEPT_NOT;

	if (kept == NULL)
		return result;
	PG_TRY();
	{
		result = check_kept_plan(source, text, kept);
	}
	PG_FINALLY();
	{
		KeptPlanRelease(kept);
	}
	PG_END_TRY();
	return result;
}

void
SourceCheckKept(Source *source, SnapshotChoice choice)
{
	KeptCheck	result = KEPT_NOT;

	/* Without the store, packing takes longer than planning. */
	if (source->study->store)
		result = check_kept(source, source->text);
	if (result == KEPT_NEEDS_SAMPLE)
		result = check_kept(source, text_for_sample(source));
	if (result == KEPT_CHECKED)
		check_source(source, choice);
	else
		SourceCheck(source, choice);
}

/* A receiver that calls a function for each row. */
typedef struct RowReceiver
{
	DestReceiver receiver;
	const Source *source;
	SPIPlanPtr	plan;
	SourceRow	function;
	void	   *argument;
} RowReceiver;

static bool
receive_row(TupleTableSlot *row, DestReceiver *self)
{
	((RowReceiver *) self)->function(row, ((RowReceiver *) self)->argument);
	return true;
}

/*
 * Check that the plan that starts now reads the relation.  The query was prepared after
 * check_source, so a schema that was renamed meanwhile can lead the name elsewhere.
 */
static void
start_receiving(DestReceiver *self, int operation pg_attribute_unused(),
				TupleDesc columns pg_attribute_unused())
{
	const RowReceiver *receiver = (RowReceiver *) self;
	const CachedPlanSource *prepared = linitial(SPI_plan_get_plan_sources(receiver->plan));

	if (!list_member_oid(prepared->relationOids, receiver->source->relation))
		RaiseRelationDropped(receiver->source->study, receiver->source->relation);
}

static void
end_receiving(DestReceiver *self pg_attribute_unused())
{
}

/* The queries on relations of payloads that run now, from the innermost on. */
typedef struct RunningFetch
{
	const Study *study;
	struct RunningFetch *outer;
} RunningFetch;

static RunningFetch *fetches = NULL;

/*
 * Raise an error if a relation of payloads is a view that asks for the payloads of the
 * same study.  Without it, the calls would nest until the stack is full.
 */
static void
refuse_cycle(const Source *source)
{
	const Study *study = source->study;

	for (const RunningFetch *fetch = fetches; fetch != NULL; fetch = fetch->outer)
		if (fetch->study->id == study->id && fetch->study->schema == study->schema)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("relation of payloads \"%s\" asks study \"%s\" itself",
							get_rel_name(source->relation), study->name),
					 errhint("Set another relation with cell_set_payloads(), such as a foreign "
							 "table for the view on another server.")));
}

/* Execute a plan. */
static void
execute(SPIPlanPtr plan, const SPIExecuteOptions *options)
{
	MemoryContext caller = CurrentMemoryContext;
	int			result = SPI_execute_plan_extended(plan, options);

	MemoryContextSwitchTo(caller);	/* SPI switches to its own context */
	if (result < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s", SPI_result_code_string(result));
}

/* The same for a query on a relation of payloads. */
static void
execute_fetch(const Source *source, SPIPlanPtr plan, const SPIExecuteOptions *options)
{
	RunningFetch fetch = {.study = source->study, .outer = fetches};

	refuse_cycle(source);
	fetches = &fetch;
	PG_TRY();
	{
		execute(plan, options);
	}
	PG_FINALLY();
	{
		fetches = fetch.outer;
	}
	PG_END_TRY();
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
		.source = source,
		.function = function,
		.argument = argument,
	};
	SPIExecuteOptions options = {
		.params = source->parameters,
		.read_only = true,
		.dest = &receiver.receiver,
	};
	SPIPlanPtr	plan = source->plan;

	if (source->run_text != NULL)
		plan = prepare(source, source->run_text);
	else if (plan == NULL)
		plan = prepare(source, source->text);
	receiver.plan = plan;
	if (IsOfPayloads(source->query))
		execute_fetch(source, plan, &options);
	else
		execute(plan, &options);
}
