/*
 * scan_node.c
 *		The plan node that runs a scan.
 *
 * The node reads all its tables when it is asked for its first row.  It then
 * returns a row for each sample.  If the scan meets something that it leaves to
 * the executor, nothing has been returned yet, and the node returns the rows
 * of its child instead, which is the plan without a scan; or no row, if only a
 * scan can compute the aggregate.
 */
#include "scan/scan_node.h"

#include "access/xact.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "scan/scan_list.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* A table of the scan, and what the aggregate knows of its columns. */
typedef struct NodeTable
{
	TableScan	scan;
	void	   *columns;
} NodeTable;

typedef struct ScanNode
{
	CustomScanState base;
	ScanPlan	plan;
	int			tables;
	NodeTable  *table;
	ExprState  *constant;
	MemoryContext context;		/* of one execution */
	bool		has_run;
	bool		left;			/* to the child */
	void	   *state;			/* of the aggregate */
} ScanNode;

static PlanState *
child_of(ScanNode *node)
{
	return linitial(node->base.custom_ps);
}

static void
begin_node(CustomScanState *base, EState *estate, int flags)
{
	ScanNode   *node = (ScanNode *) base;
	CustomScan *scan = (CustomScan *) base->ss.ps.plan;
	ListCell   *cell;

	node->plan = ScanPlanFromList(scan->custom_private);
	base->custom_ps = list_make1(ExecInitNode(linitial(scan->custom_plans), estate, flags));
	if (flags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	node->context = AllocSetContextCreate(CurrentMemoryContext, "cell_binary scan",
										  ALLOCSET_DEFAULT_SIZES);
	if (node->plan.constant != NULL)
		node->constant = ExecInitExpr(node->plan.constant, &base->ss.ps);
	node->table = palloc0(list_length(node->plan.tables) * sizeof(NodeTable));
	foreach(cell, node->plan.tables)
	{
		TablePlan	plan = TablePlanFromList(lfirst(cell));
		NodeTable  *table = &node->table[node->tables++];
		const char *unreadable;
		int			last_column;

		table->columns = node->plan.aggregate->open_table(&plan, &last_column, &unreadable);
		if (unreadable != NULL)
			elog(ERROR, "argument of a scan is not recognized: %s", unreadable);
		TableScanInit(&table->scan, &plan, last_column, &base->ss.ps);
	}
}

/* Add the rows of a table.  Returns false if they are left to the child. */
static bool
scan_table(ScanNode *node, NodeTable *table, ExprContext *context)
{
	bool		readable = true;

	if (!TableScanBegin(&table->scan, node->base.ss.ps.state->es_snapshot, context))
		return true;
	while (readable && PagesNext(&table->scan.pages))
		readable = node->plan.aggregate->add_page(node->state, table->columns, &table->scan);
	TableScanEnd(&table->scan);
	return readable;
}

/* Compute the aggregate.  Returns false if the query is left to the child. */
static bool
run(ScanNode *node)
{
	ExprContext *context = node->base.ss.ps.ps_ExprContext;
	ScanTask	task = {
		.grouped = node->plan.grouped,
		.context = node->context,
		.first_table = node->table[0].columns,
		.with_constant = node->constant != NULL,
	};

	/* A serializable transaction must note which rows it reads. */
	if (!cell_binary_scan || IsolationIsSerializable() ||
		!IsMVCCSnapshot(node->base.ss.ps.state->es_snapshot))
		return false;
	if (node->constant != NULL)
	{
		task.constant = ExecEvalExpr(node->constant, context, &task.constant_is_null);
		task.constant_type = exprType((Node *) node->plan.constant);
	}
	node->state = node->plan.aggregate->begin(&task);
	if (node->state == NULL)
		return false;
	for (int i = 0; i < node->tables; i++)
		if (!scan_table(node, &node->table[i], context))
			return false;
	return true;
}

/* Forget what the last execution has computed. */
static void
reset(ScanNode *node)
{
	if (node->state != NULL)
		node->plan.aggregate->end(node->state);
	node->state = NULL;
	MemoryContextReset(node->context);
	node->has_run = false;
}

/* Run the scan once, in its own memory context. */
static void
run_once(ScanNode *node)
{
	MemoryContext caller = MemoryContextSwitchTo(node->context);

	/* What was left to the child once mostly would be left to it again. */
	node->left = node->left || !run(node);
	MemoryContextSwitchTo(caller);
	if (node->left)
		reset(node);
	node->has_run = true;
}

/* Return the value of a sample. */
static Datum
sample_datum(ValueBytes sample, const FormData_pg_attribute *column)
{
	Datum		value;

	if (column->attlen == -1)
		return PointerGetDatum(cstring_to_text_with_len(sample.bytes, sample.length));
	if (!column->attbyval)
		return PointerGetDatum(sample.bytes);
	value = fetch_att(sample.bytes, true, column->attlen);
	return value;
}

/* Return the next result as a row, or an empty slot. */
static TupleTableSlot *
next_row(ScanNode *node)
{
	TupleTableSlot *slot = node->base.ss.ss_ScanTupleSlot;
	ProjectionInfo *projection = node->base.ss.ps.ps_ProjInfo;
	ExprContext *context = node->base.ss.ps.ps_ExprContext;
	MemoryContext caller = MemoryContextSwitchTo(node->context);
	int			payload = node->plan.grouped ? 1 : 0;
	ScanResult	result;
	bool		found;

	ExecClearTuple(slot);
	found = node->plan.aggregate->next(node->state, &result);
	if (found)
	{
		if (node->plan.grouped)
		{
			slot->tts_values[0] = sample_datum(result.sample,
											   TupleDescAttr(slot->tts_tupleDescriptor, 0));
			slot->tts_isnull[0] = false;
		}
		slot->tts_values[payload] = result.payload;
		slot->tts_isnull[payload] = result.payload == (Datum) 0;
		ExecStoreVirtualTuple(slot);
	}
	MemoryContextSwitchTo(caller);
	if (!found || projection == NULL)
		return slot;
	ResetExprContext(context);
	context->ecxt_scantuple = slot;
	return ExecProject(projection);
}

/* Return the child's next row. */
static TupleTableSlot *
child_row(ScanNode *node)
{
	TupleTableSlot *from = ExecProcNode(child_of(node));
	TupleTableSlot *slot = node->base.ss.ps.ps_ResultTupleSlot;
	int			columns = slot->tts_tupleDescriptor->natts;

	ExecClearTuple(slot);
	if (TupIsNull(from))
		return slot;
	slot_getallattrs(from);
	memcpy(slot->tts_values, from->tts_values, columns * sizeof(Datum));
	memcpy(slot->tts_isnull, from->tts_isnull, columns * sizeof(bool));
	return ExecStoreVirtualTuple(slot);
}

static TupleTableSlot *
run_node(CustomScanState *base)
{
	ScanNode   *node = (ScanNode *) base;

	if (!node->has_run)
		run_once(node);
	if (!node->left)
		return next_row(node);
	if (node->plan.aggregate->only_scan)
		return ExecClearTuple(base->ss.ps.ps_ResultTupleSlot);
	return child_row(node);
}

static void
end_node(CustomScanState *base)
{
	ScanNode   *node = (ScanNode *) base;

	if (node->context != NULL)
		reset(node);
	for (int i = 0; i < node->tables; i++)
		TableScanClose(&node->table[i].scan);
	ExecEndNode(child_of(node));
}

static void
rescan_node(CustomScanState *base)
{
	ScanNode   *node = (ScanNode *) base;
	PlanState  *child = child_of(node);

	if (base->ss.ps.chgParam != NULL)
		UpdateChangedParamSet(child, base->ss.ps.chgParam);
	if (child->chgParam == NULL)
		ExecReScan(child);
	reset(node);
	ExecClearTuple(base->ss.ss_ScanTupleSlot);
}

/* Return the name of a table or index, as EXPLAIN shows it. */
static char *
shown_name(Oid relation, const ExplainState *es)
{
	const char *schema = es->verbose ? get_namespace_name(get_rel_namespace(relation)) : NULL;

	return quote_qualified_identifier(schema, get_rel_name(relation));
}

/* Show names, under one label for one name and another for several. */
static void
show_names(const char *one, const char *several, List *names, ExplainState *es)
{
	if (list_length(names) == 1)
		ExplainPropertyText(one, linitial(names), es);
	else if (names != NIL)
		ExplainPropertyList(several, names, es);
}

static void
explain_node(CustomScanState *base, List *ancestors pg_attribute_unused(), ExplainState *es)
{
	ScanNode   *node = (ScanNode *) base;
	List	   *tables = NIL;
	List	   *indexes = NIL;
	ListCell   *cell;

	foreach(cell, node->plan.tables)
	{
		TablePlan	plan = TablePlanFromList(lfirst(cell));

		tables = lappend(tables, shown_name(plan.table, es));
		if (OidIsValid(plan.index))
			indexes = lappend(indexes, shown_name(plan.index, es));
	}
	show_names("Table", "Tables", tables, es);
	show_names("Pages from Index", "Pages from Indexes", indexes, es);
	if (es->analyze)
		ExplainPropertyText("Executor", !node->has_run ? "not needed" : node->left ?
							"has run the plan below" : "has not run the plan below", es);
}

static const CustomExecMethods exec_methods = {
	.CustomName = "CellScan",
	.BeginCustomScan = begin_node,
	.ExecCustomScan = run_node,
	.EndCustomScan = end_node,
	.ReScanCustomScan = rescan_node,
	.ExplainCustomScan = explain_node,
};

static Node *
create_node(CustomScan *scan pg_attribute_unused())
{
	ScanNode   *node = (ScanNode *) newNode(sizeof(ScanNode), T_CustomScanState);

	node->base.methods = &exec_methods;
	return (Node *) node;
}

const CustomScanMethods scan_node_methods = {
	.CustomName = "CellScan",
	.CreateCustomScanState = create_node,
};
