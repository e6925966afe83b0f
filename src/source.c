/*
 * source.c
 *		The source of a study as a caller may read it: queries, rights, state.
 *
 * The query that packs a sample also decides who may have the stored payload:
 * the executor's own check of its plan is made for each call, so that both ways
 * are open to the same roles.  The plan is made for the sample at hand: of a
 * partitioned table only those partitions count that the sample can be in.
 */
#include "source.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "parser/parse_relation.h"
#include "storage/lmgr.h"
#include "track.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/rls.h"
#include "utils/memutils.h"

/* Plans that this session has prepared. */
typedef struct PlanKey
{
	int32		study;
	SourceQuery query;
} PlanKey;

typedef struct PlanEntry
{
	PlanKey		key;
	char	   *query;			/* its text: another study may get the id */
	SPIPlanPtr	plan;			/* NULL if preparing failed */
} PlanEntry;

static HTAB *plans = NULL;

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
	}
	return count;
}

/* The plan of a query, prepared at its first use in the session. */
static SPIPlanPtr
prepared_plan(const Study *study, SourceQuery query, char *text, int count, Oid *types)
{
	PlanKey		key;
	PlanEntry  *entry;
	bool		found;

	if (plans == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(PlanKey), .entrysize = sizeof(PlanEntry)};

		plans = hash_create("cell_binary plans", 16, &control, HASH_ELEM | HASH_BLOBS);
	}

	memset(&key, 0, sizeof(key));
	key.study = study->id;
	key.query = query;
	entry = hash_search(plans, &key, HASH_ENTER, &found);
	if (!found)
	{
		entry->query = NULL;
		entry->plan = NULL;
	}
	if (entry->plan != NULL && strcmp(entry->query, text) != 0)
	{
		SPI_freeplan(entry->plan);
		entry->plan = NULL;
	}
	if (entry->plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare_cursor(text, count, types, CURSOR_OPT_PARALLEL_OK | CURSOR_OPT_CUSTOM_PLAN);

		if (plan == NULL)
			elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
		if (entry->query != NULL)
			pfree(entry->query);
		entry->query = NULL;
		entry->query = MemoryContextStrdup(TopMemoryContext, text);
		SPI_keepplan(plan);
		entry->plan = plan;
	}
	return entry->plan;
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
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	/* A generic plan would have all partitions. */
	(void) set_config_option("plan_cache_mode", "auto", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);

	SPI_connect();
	count = query_text(study, query, &text, types);
	source->plan = prepared_plan(study, query, text, count, types);

	values[0] = sample;
	if (count > 0)
		values[count - 1] = CStringGetTextDatum(layout);
	source->parameters = makeParamList(count);
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

/* Add where a column is. */
static void
add_column(SourceView *view, const SourceColumn *column)
{
	struct
	{
		int32		number;
		Oid			type;
	}			place = {column->number, column->type};

	if (column->name != NULL)
		add_to_state(view, &place, sizeof(place));
}

static void
add_columns(SourceView *view, const Study *study)
{
	add_column(view, &study->sample);
	add_column(view, &study->cell_id);
	add_column(view, &study->x);
	add_column(view, &study->y);
	add_column(view, &study->phenotypes);
	for (int i = 0; i < study->feature_columns; i++)
		add_column(view, &study->feature[i]);
}

/* Whether values of a table are made when they are read. */
static bool
has_virtual_columns(Relation relation)
{
	TupleDesc	columns = RelationGetDescr(relation);

	for (int i = 0; i < columns->natts; i++)
		if (ColumnIsVirtual(TupleDescAttr(columns, i)))
			return true;
	return false;
}

/* Look at one relation that the plan reads, and which it has locked. */
static void
inspect_relation(SourceView *view, const Study *study, Oid oid)
{
	Relation	relation = relation_open(oid, NoLock);
	char		kind = relation->rd_rel->relkind;
	int64		triggers = 0;

	view->written |= CheckRelationLockedByMe(relation, RowExclusiveLock, true);

	if (!StudyHasTriggers(study))
		view->tracked = false;
	else if ((kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) ||
			 has_virtual_columns(relation) ||
			 !TriggersComplete(relation, study, &triggers))
		view->tracked = false;
	else
	{
		add_to_state(view, &oid, sizeof(oid));
		add_to_state(view, &relation->rd_rel->relfilenode, sizeof(relation->rd_rel->relfilenode));
		add_to_state(view, &triggers, sizeof(triggers));
	}
	relation_close(relation, NoLock);
}

SourceView
SourceInspect(Source *source)
{
	CachedPlanSource *prepared = linitial(SPI_plan_get_plan_sources(source->plan));
	CachedPlan *cached = GetCachedPlan(prepared, source->parameters, CurrentResourceOwner, NULL);
	PlannedStmt *plan = linitial_node(PlannedStmt, cached->stmt_list);
	SourceView	view = {.tracked = true};
	ListCell   *cell;

	CheckPlanPermissions(plan);

	foreach(cell, plan->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);

		if (entry->rtekind == RTE_RELATION &&
			check_enable_rls(entry->relid, PlanCheckAsUser(plan, entry), true) == RLS_ENABLED)
			view.restricted = true;
	}

	add_columns(&view, source->study);
	foreach(cell, plan->relationOids)
		inspect_relation(&view, source->study, lfirst_oid(cell));

	ReleaseCachedPlan(cached, CurrentResourceOwner);
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
start_receiving(DestReceiver *self, int operation, TupleDesc columns)
{
}

static void
end_receiving(DestReceiver *self)
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
