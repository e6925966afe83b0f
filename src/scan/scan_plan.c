/*
 * scan_plan.c
 *		Planning: a hook that adds a path for the aggregate of a query, if a
 *		scan can compute it.
 *
 * The planner has already decided everything else: which partitions can have
 * rows, whether an index is worth using, which conditions row-level security
 * adds, and whose privileges the executor checks.  The path replaces the
 * planner's best path, which becomes its child: the scan leaves to that path
 * what it cannot read as it is.
 */
#include "scan/scan_plan.h"

#include "access/table.h"
#include "catalog/pg_am.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "scan/sample_sets.h"
#include "scan/scan_list.h"
#include "scan/scan_node.h"
#include "scan/terms.h"
#include "settings.h"
#include "study/distributed.h"
#include "utils/lsyscache.h"

static create_upper_paths_hook_type next_hook;

static List **observed;			/* NULL: nobody wants to know */
static MemoryContext observer_context;

void
ScanPlanObserve(List **decisions)
{
	observed = decisions;
	observer_context = CurrentMemoryContext;
}

/* What is being planned. */
typedef struct Planning
{
	PlannerInfo *root;
	const ScannedAggregate *aggregate;
	Aggref	   *call;
	Expr	   *sample;			/* to group by, or NULL */
	Expr	   *constant;		/* the aggregate's last argument, or NULL */
	List	   *tables;
	List	   *values;			/* constants and parameters */
	Cost		cost;
} Planning;

/*
 * Find the only aggregate of a query, and the only column that its result has
 * beside it.  Returns NULL, or why a scan cannot compute the query.
 */
static const char *
find_aggregate(Planning *planning, RelOptInfo *output)
{
	Query	   *query = planning->root->parse;
	List	   *parts = pull_var_clause((Node *) output->reltarget->exprs,
										PVC_INCLUDE_AGGREGATES | PVC_RECURSE_WINDOWFUNCS |
										PVC_INCLUDE_PLACEHOLDERS);
	Expr	   *group = NULL;
	ListCell   *cell;

	parts = list_concat(parts, pull_var_clause(query->havingQual, PVC_INCLUDE_AGGREGATES |
											   PVC_INCLUDE_PLACEHOLDERS));
	foreach(cell, parts)
		if (IsA(lfirst(cell), Aggref) && planning->aggregate == NULL)
		{
			planning->call = lfirst(cell);
			planning->aggregate = ScannedAggregateOf(planning->call->aggfnoid);
		}
	if (planning->aggregate == NULL)
		return "The query has no aggregate that a scan can compute.";

	if (query->groupingSets != NIL || list_length(query->groupClause) > 1)
		return "The rows are grouped by more than one column.";
	if (query->groupClause != NIL)
	{
		group = (Expr *) get_sortgroupclause_expr(linitial(query->groupClause),
												  query->targetList);
		planning->sample = group;
	}
	if (query->havingQual != NULL)
		return "The query has a HAVING clause.";
	foreach(cell, parts)
		if (!equal(lfirst(cell), planning->call) && !equal(lfirst(cell), group))
			return "The query has another aggregate or column.";
	if (planning->call->aggfilter != NULL || planning->call->aggorder != NIL ||
		planning->call->aggdistinct != NIL)
		return "The aggregate has a FILTER, ORDER BY or DISTINCT.";
	return NULL;
}

/* Return the index that the planner would use for a table. */
static Oid
chosen_index(RelOptInfo *table)
{
	Path	   *path = table->cheapest_total_path;

	while (IsA(path, ProjectionPath))
		path = ((ProjectionPath *) path)->subpath;
	if (IsA(path, BitmapHeapPath))
		path = ((BitmapHeapPath *) path)->bitmapqual;
	return IsA(path, IndexPath) ? ((IndexPath *) path)->indexinfo->indexoid : InvalidOid;
}

/* Check whether a relation is a heap table of this kind. */
static const char *
check_relation(const RangeTblEntry *entry)
{
	Relation	relation;
	bool		is_heap;

	if (entry->rtekind != RTE_RELATION)
		return "The rows do not come from tables alone.";
	if (entry->tablesample != NULL)
		return "The query has a TABLESAMPLE clause.";
	relation = table_open(entry->relid, NoLock);
	is_heap = (relation->rd_rel->relkind == RELKIND_RELATION ||
			   relation->rd_rel->relkind == RELKIND_MATVIEW) &&
		relation->rd_rel->relam == HEAP_TABLE_AM_OID && !RELATION_IS_OTHER_TEMP(relation);
	table_close(relation, NoLock);
	if (IsDistributed(entry->relid))
		return psprintf("\"%s\" is distributed by Citus.", get_rel_name(entry->relid));
	if (entry->relkind == RELKIND_FOREIGN_TABLE)
		return psprintf("\"%s\" is a foreign table.", get_rel_name(entry->relid));
	if (!is_heap)
		return psprintf("\"%s\" is not a heap table.", get_rel_name(entry->relid));
	return NULL;
}

/* Add the conditions on the rows of a table. */
static const char *
add_conditions(Planning *planning, RelOptInfo *table, TablePlan *plan)
{
	ListCell   *cell;

	foreach(cell, table->baserestrictinfo)
	{
		RestrictInfo *restriction = lfirst_node(RestrictInfo, cell);
		ConditionTerm term;

		if (restriction->pseudoconstant || !ConditionOf(restriction->clause, &term))
			return "The rows have a condition other than a comparison of a column with a value.";
		plan->conditions = lappend(plan->conditions, restriction->clause);
		if (term.value != NULL)
			planning->values = lappend(planning->values, term.value);
	}
	return NULL;
}

/*
 * Add a table to the scan.  arguments and sample are those of the aggregate,
 * with the columns of this table.
 */
static const char *
add_table(Planning *planning, RelOptInfo *table, const RangeTblEntry *entry, List *arguments,
		  Expr *sample)
{
	TablePlan	plan = {.table = entry->relid, .arguments = arguments, .sample = sample};
	const char *reason = check_relation(entry);
	const char *unreadable;
	int			last_column;

	if (reason == NULL)
		reason = add_conditions(planning, table, &plan);
	if (reason != NULL)
		return reason;
	(void) planning->aggregate->open_table(&plan, &last_column, &unreadable);
	if (unreadable != NULL)
		return psprintf("The scan cannot read the argument \"%s\" of table \"%s\".", unreadable,
						get_rel_name(entry->relid));
	plan.index = chosen_index(table);
	planning->cost += table->cheapest_total_path->total_cost;
	planning->tables = lappend(planning->tables, TablePlanToList(&plan));
	return NULL;
}

/*
 * Return whether the executor skips partitions of a table by a value that the
 * planner does not know.
 */
static bool
is_pruned_later(const RelOptInfo *relation)
{
	ListCell   *condition;
	ListCell   *key;

	if (!enable_partition_pruning || relation->part_scheme == NULL)
		return false;
	foreach(condition, relation->baserestrictinfo)
	{
		ConditionTerm term;

		if (!ConditionOf(lfirst_node(RestrictInfo, condition)->clause, &term) ||
			term.value == NULL || IsA(term.value, Const))
			continue;
		for (int i = 0; i < relation->part_scheme->partnatts; i++)
			foreach(key, relation->partexprs[i])
				if (IsA(lfirst(key), Var) &&
					lfirst_node(Var, key)->varattno == term.column.number)
					return true;
	}
	return false;
}

/* Add a table, or all partitions or children that can have rows. */
static const char *
add_tables(Planning *planning, RelOptInfo *relation, List *arguments, Expr *sample)
{
	RangeTblEntry *entry;
	const char *reason = NULL;
	ListCell   *cell;

	if (relation == NULL || IS_DUMMY_REL(relation))
		return NULL;
	entry = planning->root->simple_rte_array[relation->relid];
	if (!entry->inh)
		return add_table(planning, relation, entry, arguments, sample);
	if (is_pruned_later(relation))
		return "The executor chooses the partitions by a parameter.";
	foreach(cell, planning->root->append_rel_list)
	{
		AppendRelInfo *child = lfirst_node(AppendRelInfo, cell);

		if (child->parent_relid != relation->relid || reason != NULL)
			continue;
		check_stack_depth();
		reason = add_tables(planning, planning->root->simple_rel_array[child->child_relid],
							(List *) adjust_appendrel_attrs(planning->root, (Node *) arguments, 1,
															&child),
							(Expr *) adjust_appendrel_attrs(planning->root, (Node *) sample, 1,
															&child));
	}
	return reason;
}

/* Return the planner's cheapest path. */
static Path *
cheapest_path(RelOptInfo *relation)
{
	Path	   *cheapest = linitial(relation->pathlist);
	ListCell   *cell;

	foreach(cell, relation->pathlist)
		if (compare_path_costs(lfirst(cell), cheapest, TOTAL_COST) < 0)
			cheapest = lfirst(cell);
	return cheapest;
}

/* Check whether a scan can compute a query.  Returns NULL, or why not. */
static const char *
plan_scan(Planning *planning, RelOptInfo *input, RelOptInfo *output)
{
	List	   *arguments = NIL;
	const char *reason = find_aggregate(planning, output);
	ListCell   *cell;

	if (reason != NULL)
		return reason;
	if (input->reloptkind != RELOPT_BASEREL)
		return "The rows are joined.";
	foreach(cell, planning->call->args)
		arguments = lappend(arguments, lfirst_node(TargetEntry, cell)->expr);
	if (list_length(arguments) > planning->aggregate->columns(list_length(arguments)))
	{
		planning->constant = llast(arguments);
		if (!IsA(planning->constant, Const) && !IsA(planning->constant, Param))
			return "The last argument of the aggregate is not a constant.";
		planning->values = lappend(planning->values, planning->constant);
	}
	if (planning->sample != NULL && !ComparesBytes(planning->sample))
		return "The collation of the sample is not deterministic.";
	if (planning->sample != NULL && cheapest_path(output)->rows > MOST_SAMPLES)
		return "There are too many groups.";
	reason = add_tables(planning, input, arguments, planning->sample);
	if (reason == NULL && planning->tables == NIL)
		return "No table can have rows.";
	return reason;
}

static Plan *
make_plan(PlannerInfo *root pg_attribute_unused(), RelOptInfo *relation pg_attribute_unused(),
		  CustomPath *path, List *targets, List *clauses pg_attribute_unused(), List *children)
{
	CustomScan *scan = makeNode(CustomScan);

	scan->scan.plan.targetlist = targets;
	scan->custom_plans = children;
	scan->flags = path->flags;
	scan->custom_private = linitial(path->custom_private);
	scan->custom_exprs = lsecond(path->custom_private);
	scan->custom_scan_tlist = lthird(path->custom_private);
	scan->methods = &scan_node_methods;
	return (Plan *) scan;
}

static const CustomPathMethods path_methods = {
	.CustomName = "CellScan",
	.PlanCustomPath = make_plan,
};

/* Return what a scan returns: the sample, if the rows are grouped, and the aggregate. */
static List *
scan_targets(const Planning *planning)
{
	List	   *targets = NIL;

	if (planning->sample != NULL)
		targets = lappend(targets, makeTargetEntry(planning->sample, 1, NULL, false));
	return lappend(targets, makeTargetEntry((Expr *) planning->call, list_length(targets) + 1,
											NULL, false));
}

/*
 * Replace the planner's paths for an aggregate.  The costs are those of the
 * planner's own path for the rows, which are too high: but what is known of
 * them decides only how the rest of the query is planned.
 */
static void
replace_paths(const Planning *planning, RelOptInfo *output)
{
	CustomPath *path = makeNode(CustomPath);
	Path	   *child = cheapest_path(output);
	ScanPlan	plan = {
		.aggregate = planning->aggregate,
		.grouped = planning->sample != NULL,
		.constant = planning->constant,
		.tables = planning->tables,
	};

	path->path.pathtype = T_CustomScan;
	path->path.parent = output;
	path->path.pathtarget = output->reltarget;
	path->path.rows = child->rows;
	path->path.startup_cost = path->path.total_cost = planning->cost;
	path->custom_paths = list_make1(child);
	path->custom_private = list_make3(ScanPlanToList(&plan), planning->values,
									  scan_targets(planning));
	path->methods = &path_methods;
	output->pathlist = list_make1(path);
	output->partial_pathlist = NIL;
}

/* Describe the pages that a scan reads. */
static const char *
describe_pages(const Planning *planning)
{
	TablePlan	plan = TablePlanFromList(linitial(planning->tables));

	if (list_length(planning->tables) > 1)
		return psprintf("The scan reads %d tables.", list_length(planning->tables));
	if (OidIsValid(plan.index))
		return psprintf("The scan reads the pages of table \"%s\" in which index \"%s\" finds "
						"rows.", get_rel_name(plan.table), get_rel_name(plan.index));
	return psprintf("The scan reads all pages of table \"%s\".", get_rel_name(plan.table));
}

/* Note the decision, in the memory context of the list. */
static void
observe(const Planning *planning, const char *reason)
{
	MemoryContext caller = MemoryContextSwitchTo(observer_context);
	ScanDecision *decision = palloc(sizeof(ScanDecision));

	decision->aggregate = planning->aggregate->name;
	decision->scan = reason == NULL;
	decision->detail = reason == NULL ? describe_pages(planning) : pstrdup(reason);
	*observed = lappend(*observed, decision);
	MemoryContextSwitchTo(caller);
}

static void
plan_aggregate(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input, RelOptInfo *output,
			   void *extra)
{
	Planning	planning = {.root = root};
	const char *reason;

	if (next_hook != NULL)
		next_hook(root, stage, input, output, extra);
	if (stage != UPPERREL_GROUP_AGG || IS_OTHER_REL(output) || !root->parse->hasAggs ||
		output->pathlist == NIL || (!cell_binary_scan && observed == NULL))
		return;
	reason = plan_scan(&planning, input, output);
	if (!cell_binary_scan)
		reason = "The setting cell_binary.scan is off.";
	if (observed != NULL && planning.aggregate != NULL)
		observe(&planning, reason);
	if (reason == NULL)
		replace_paths(&planning, output);
}

/*
 * cell_scan_support(internal) -> internal; strict
 *
 * The planner asks the support function of an aggregate's transition function
 * for its costs before it calls the hook.  There is no answer: what matters is
 * that the call loads this library.
 */
PG_FUNCTION_INFO_V1(cell_scan_support);
Datum
cell_scan_support(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_POINTER(NULL);
}

void
ScanPlanInstall(void)
{
	next_hook = create_upper_paths_hook;
	create_upper_paths_hook = plan_aggregate;
	RegisterCustomScanMethods(&scan_node_methods);
}
