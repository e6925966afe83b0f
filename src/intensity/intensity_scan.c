/*
 * intensity_scan.c
 *		Adding the intensities of the cells on a page to the sets of their samples.
 */
#include "intensity/intensity_scan.h"

#include "intensity/intensities.h"
#include "intensity/numbers_column.h"
#include "pack/pack.h"
#include "scan/sample_sets.h"

/* The columns of one table. */
typedef struct IntensityTable
{
	ColumnTerm	cell_id;
	ColumnTerm	intensities;
	ColumnTerm	sample;			/* if the cells are grouped */
} IntensityTable;

typedef struct IntensityState
{
	bool		is_double;
	NumbersColumn column;
	SampleSets	sets;
} IntensityState;

/* The number of channels, the third argument, is a constant. */
static int
columns(int arguments)
{
	return Min(arguments, 2);
}

static void *
open_table(const TablePlan *plan, int *last_column, const char **why)
{
	IntensityTable *table = palloc0(sizeof(IntensityTable));

	*why = NULL;
	if (!IntegerTerm(linitial(plan->arguments), &table->cell_id))
		*why = "cell_id";
	else if (!NumbersTerm(lsecond(plan->arguments), &table->intensities))
		*why = "intensities";
	else if (list_length(plan->arguments) < 3)
		*why = "channels";
	else if (plan->sample != NULL && !GroupTerm(plan->sample, &table->sample))
		*why = "sample";
	else
		*last_column = LastColumn(LastColumn(LastColumn(0, &table->cell_id), &table->intensities),
								  &table->sample);
	return table;
}

static void *
begin(const ScanTask *task)
{
	const IntensityTable *table = task->first_table;
	IntensityState *state = palloc0(sizeof(IntensityState));
	int32		channels;

	if (task->constant_is_null)
		return NULL;
	channels = DatumGetInt32(task->constant);
	if (channels < 1 || channels > CB_FEATURES)
		return NULL;
	state->is_double = table->intensities.type == FLOAT8ARRAYOID;
	state->column = NumbersColumnOf(state->is_double, channels);
	SampleSetsBegin(&state->sets, task, &cb_intensity, channels, true, false);
	return state;
}

/* Add the cells on a page.  Inline this where the flag is a constant. */
static pg_attribute_always_inline bool
add_rows(IntensityState *state, const IntensityTable *table, TableScan *scan,
		 const bool is_double)
{
	const int32 *offset = scan->shape.offset;
	int			channels = state->column.header.channels;

	for (int i = 0; i < scan->pages.count; i++)
	{
		const uint8 *data = TableScanData(scan, i);
		ConditionResult result = ConditionsTest(&scan->conditions, &scan->shape, data);
		ArrayType  *copy;
		const char *numbers;
		CellSet    *set;
		int64		cell_id;
		uint8	   *codes;

		if (result == CONDITION_FALSE)
			continue;
		if (unlikely(result == CONDITION_UNREADABLE ||
					 offset[table->cell_id.number - 1] == COLUMN_IS_NULL ||
					 offset[table->intensities.number - 1] == COLUMN_IS_NULL))
			return false;
		cell_id = ReadInteger(data + offset[table->cell_id.number - 1], table->cell_id.type);
		if (unlikely(cell_id < 0 || cell_id > PG_UINT32_MAX))
			return false;
		numbers = NumbersRead(&state->column, data + offset[table->intensities.number - 1], &copy,
							  is_double);
		set = SampleSetsOf(&state->sets, &table->sample, scan, data);
		if (unlikely(numbers == NULL || set == NULL || set->count == set->max_count))
			return false;
		codes = CellSetNextWithId(set, (uint32) cell_id);
		if (is_double)
			cb_doubles_encode(numbers, channels, codes);
		else
			cb_floats_encode(numbers, channels, codes);
		if (unlikely(copy != NULL))
			pfree(copy);
	}
	return true;
}

static bool
add_page(void *of_scan, void *of_table, TableScan *scan)
{
	IntensityState *state = of_scan;
	const IntensityTable *table = of_table;

	/* The tables of a view can have different types. */
	if ((table->intensities.type == FLOAT8ARRAYOID) != state->is_double)
		return false;
	return state->is_double ? add_rows(state, table, scan, true) :
		add_rows(state, table, scan, false);
}

static bool
next(void *state, ScanResult *result)
{
	return SampleSetsNext(&((IntensityState *) state)->sets, result);
}

static void
end(void *state)
{
	SampleSetsEnd(&((IntensityState *) state)->sets);
}

const ScannedAggregate scanned_intensities = {
	.name = "cell_pack_intensities",
	.transition = cell_pack_intensities_transfn,
	.final = cell_pack_finalfn,
	.columns = columns,
	.open_table = open_table,
	.begin = begin,
	.add_page = add_page,
	.next = next,
	.end = end,
};
