/*
 * pack_scan.c
 *		Adding the cells of a page to the sets of their samples.
 */
#include "scan/pack_scan.h"

#include "arguments.h"
#include "pack/pack.h"
#include "scan/cells.h"
#include "scan/sample_sets.h"

/* The columns of one table. */
typedef struct PackTable
{
	Cells		cells;
	ColumnTerm	sample;			/* if the cells are grouped */
} PackTable;

typedef struct PackState
{
	const CbLayout *layout;
	SampleSets	sets;
} PackState;

/* The layout, the fifth argument of cell_pack, is a constant. */
static int
columns(int arguments)
{
	return Min(arguments, 4);
}

static void *
open_table(const TablePlan *plan, int *last_column, const char **why)
{
	PackTable  *table = palloc0(sizeof(PackTable));

	*why = CellsRecognize(&table->cells, list_copy_head(plan->arguments,
														columns(list_length(plan->arguments))));
	if (*why == NULL && plan->sample != NULL && !GroupTerm(plan->sample, &table->sample))
		*why = "sample";
	if (*why == NULL)
		*last_column = LastColumn(CellsLastColumn(&table->cells), &table->sample);
	return table;
}

static void *
begin(const ScanTask *task)
{
	const PackTable *table = task->first_table;
	PackState  *pack = palloc0(sizeof(PackState));

	pack->layout = &cb_compact;
	if (task->with_constant)
	{
		if (task->constant_is_null)
			return NULL;
		pack->layout = LayoutIfKnown(task->constant_type, task->constant);
		if (pack->layout == NULL || pack->layout->has_intensities)
			return NULL;
	}
	SampleSetsBegin(&pack->sets, task, pack->layout, 0, table->cells.with_id,
					table->cells.fractions);
	return pack;
}

/* Add the cells on a page.  Inline this where the flags are constants. */
static pg_attribute_always_inline bool
add_rows(PackState *pack, PackTable *table, TableScan *scan, const bool with_id,
		 const bool fractions, const bool any_layout)
{
	Cells	   *cells = &table->cells;
	RowCell		cell;

	for (int i = 0; i < scan->pages.count; i++)
	{
		const uint8 *data = TableScanData(scan, i);
		ConditionResult result = ConditionsTest(&scan->conditions, &scan->shape, data);
		CellSet    *set;

		if (result != CONDITION_TRUE)
		{
			if (unlikely(result == CONDITION_UNREADABLE))
				return false;
			continue;
		}
		if (unlikely(cells->shape != scan->shapes))
			CellsFit(cells, scan);
		if (!CellsRead(cells, &scan->shape, data, &cell, with_id, fractions))
			return false;
		set = SampleSetsOf(&pack->sets, &table->sample, scan, data);
		if (unlikely(set == NULL || set->count == set->max_count))
			return false;
		CellSetAdd(set, &cell, with_id, fractions, any_layout);
	}
	return true;
}

static bool
add_page(void *state, void *of_table, TableScan *scan)
{
	PackState  *pack = state;
	PackTable  *table = of_table;
	const bool	compact = pack->layout == &cb_compact;

	if (!table->cells.with_id)
		return table->cells.fractions ? add_rows(pack, table, scan, false, true, false) :
			add_rows(pack, table, scan, false, false, false);
	if (table->cells.fractions)
		return compact ? add_rows(pack, table, scan, true, true, false) :
			add_rows(pack, table, scan, true, true, true);
	return compact ? add_rows(pack, table, scan, true, false, false) :
		add_rows(pack, table, scan, true, false, true);
}

static bool
next(void *state, ScanResult *result)
{
	PackState  *pack = state;

	return SampleSetsNext(&pack->sets, result);
}

static void
end(void *state)
{
	SampleSetsEnd(&((PackState *) state)->sets);
}

const ScannedAggregate scanned_pack_integer = {
	.name = "cell_pack",
	.transition = cell_pack_transfn_integer,
	.layout_transition = cell_pack_layout_transfn_integer,
	.final = cell_pack_finalfn,
	.columns = columns,
	.open_table = open_table,
	.begin = begin,
	.add_page = add_page,
	.next = next,
	.end = end,
};

const ScannedAggregate scanned_pack_double = {
	.name = "cell_pack",
	.transition = cell_pack_transfn_double,
	.layout_transition = cell_pack_layout_transfn_double,
	.final = cell_pack_finalfn,
	.columns = columns,
	.open_table = open_table,
	.begin = begin,
	.add_page = add_page,
	.next = next,
	.end = end,
};
