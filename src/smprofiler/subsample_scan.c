/*
 * subsample_scan.c
 *		Reading the cells of a study for a subsample by a scan.
 *
 * The query is an aggregate of all cells, so that the hook into the planner finds
 * it.  Only a scan can compute it, and only for a call that makes a subsample, to
 * whose state it adds the cells.  The executor would
 * combine the features before a transition function gets them, so that an error
 * could not name the cell and the column.
 */
#include "smprofiler/subsample_scan.h"

#include "access/xact.h"
#include "intensity/numbers_column.h"
#include "scan/cells.h"
#include "scan/scan_node.h"
#include "settings.h"
#include "smprofiler/sample_keys.h"
#include "study/source.h"

/* The call whose query is about to be run, or NULL. */
static Subsample *awaited;

/* The columns of one table. */
typedef struct SubsampleTable
{
	ColumnTerm	sample;
	ColumnTerm	cell_id;
	ColumnTerm	intensities;
	PhenotypeColumns phenotypes;
	uint64		shape;			/* which one, as scan->shapes counts them */
	bool		has_null;		/* a column is null */
} SubsampleTable;

typedef struct SubsampleState
{
	Subsample  *subsample;
	SampleKeys	keys;
	NumbersColumn column;
	bool		is_done;		/* the result was returned */
} SubsampleState;

static int
columns(int arguments)
{
	return arguments;
}

/* Recognize the columns.  Returns NULL, or the argument that a scan cannot read. */
static const char *
recognize_cells(SubsampleTable *table, List *arguments)
{
	if (!NameTerm(linitial(arguments), &table->sample))
		return "sample";
	if (!IntegerTerm(lsecond(arguments), &table->cell_id))
		return "cell_id";
	if (!NumbersTerm(lthird(arguments), &table->intensities))
		return "intensities";
	return PhenotypesOf(lfourth(arguments), &table->phenotypes.term) ? NULL : "phenotypes";
}

static void *
open_cells(const TablePlan *plan, int *last_column, const char **why)
{
	SubsampleTable *table = palloc0(sizeof(SubsampleTable));

	table->shape = PG_UINT64_MAX;
	*why = recognize_cells(table, plan->arguments);
	if (*why == NULL)
		*last_column = LastColumn(LastColumn(PhenotypesLastColumn(&table->phenotypes,
																  table->sample.number),
											 &table->cell_id), &table->intensities);
	return table;
}

/* Raise 0A000: the aggregate is called in another query. */
pg_noreturn static void
raise_direct_call(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cell_subsample_cells cannot be called directly"),
			 errhint("Call cell_subsample(), or cell_data() with layout \"subsample\".")));
}

/* Begin the awaited query; no other query can begin after this. */
static void *
begin(const ScanTask *task)
{
	SubsampleState *state = palloc0(sizeof(SubsampleState));
	Subsample  *subsample = awaited;

	if (subsample == NULL)
		raise_direct_call();
	awaited = NULL;
	SubsampleBeginCells(subsample);
	state->subsample = subsample;
	SampleKeysBegin(&state->keys, subsample, task->context);
	state->column = NumbersColumnOf(subsample->is_double, subsample->study->features);
	return state;
}

/* Return the sample of a cell, or NULL if it is null, compressed or stored out of line. */
static inline Sample *
sample_of(SubsampleState *state, const SubsampleTable *table, const TupleShape *shape,
		  const uint8 *data)
{
	int32		offset = shape->offset[table->sample.number - 1];

	if (unlikely(offset == COLUMN_IS_NULL))
		return NULL;
	return SampleKeysFind(&state->keys, ReadBytes(data + offset, table->sample.type),
						  table->sample.type);
}

/* Prepare to read the tuples of the current shape. */
static void
fit(SubsampleTable *table, const TableScan *scan)
{
	const int32 *offset = scan->shape.offset;

	table->shape = scan->shapes;
	PhenotypesFit(&table->phenotypes, &scan->shape);
	table->has_null = table->phenotypes.has_null ||
		offset[table->cell_id.number - 1] == COLUMN_IS_NULL ||
		offset[table->intensities.number - 1] == COLUMN_IS_NULL;
}

/* Add the cells on a page.  Inline this where the flags are constants. */
static pg_attribute_always_inline bool
add_rows(SubsampleState *state, SubsampleTable *table, TableScan *scan,
		 const SubsampleNeeds needs, const bool is_double)
{
	const TupleShape *shape = &scan->shape;

	for (int i = 0; i < scan->pages.count; i++)
	{
		const uint8 *data = TableScanData(scan, i);
		ConditionResult result = ConditionsTest(&scan->conditions, shape, data);
		ArrayType  *copy;
		const char *numbers;
		Sample	   *sample;
		int64		cell_id;
		uint64		phenotypes;

		if (result == CONDITION_FALSE)
			continue;
		if (unlikely(result == CONDITION_UNREADABLE))
			return false;
		if (unlikely(table->shape != scan->shapes))
			fit(table, scan);
		if (unlikely(table->has_null))
			return false;

		sample = sample_of(state, table, shape, data);
		cell_id = ReadInteger(data + shape->offset[table->cell_id.number - 1],
							  table->cell_id.type);
		if (sample != NULL && unlikely(sample->is_virtual))
			continue;
		if (unlikely(sample == NULL || cell_id < 0 || cell_id > PG_UINT32_MAX ||
					 !PhenotypesRead(&table->phenotypes, shape, data, &phenotypes)))
			return false;

		numbers = NumbersRead(&state->column,
							  data + shape->offset[table->intensities.number - 1], &copy,
							  is_double);
		if (unlikely(numbers == NULL))
			return false;
		SubsampleAdd(state->subsample, sample, (uint32) cell_id, phenotypes, numbers, needs,
					 is_double);
		if (unlikely(copy != NULL))
			pfree(copy);
	}
	return true;
}

static pg_attribute_always_inline bool
add_rows_as(SubsampleState *state, SubsampleTable *table, TableScan *scan, const bool is_double)
{
	switch ((int) state->subsample->needs)
	{
		case NEEDS_CELLS:
			return add_rows(state, table, scan, NEEDS_CELLS, is_double);
		case NEEDS_CELLS | NEEDS_PHENOTYPES:
			return add_rows(state, table, scan, NEEDS_CELLS | NEEDS_PHENOTYPES, is_double);
		case NEEDS_EXTREMES:
			return add_rows(state, table, scan, NEEDS_EXTREMES, is_double);
		default:
			return add_rows(state, table, scan, NEEDS_CELLS | NEEDS_EXTREMES, is_double);
	}
}

static bool
add_page(void *of_scan, void *table, TableScan *scan)
{
	SubsampleState *state = of_scan;

	return state->subsample->is_double ? add_rows_as(state, table, scan, true) :
		add_rows_as(state, table, scan, false);
}

/* The result says that the scan has read all cells. */
static bool
next(void *of_scan, ScanResult *result)
{
	SubsampleState *state = of_scan;

	if (state->is_done)
		return false;
	state->is_done = true;
	result->payload = BoolGetDatum(true);
	return true;
}

/* There is only memory. */
static void
end(void *state pg_attribute_unused())
{
}

/*
 * cell_subsample_cells_transfn(internal, sample text, cell_id bigint,
 *								intensities real[] or double precision[],
 *								phenotypes bigint) -> internal
 *
 * The hook into the planner recognizes the aggregate by this function.  The
 * executor calls it only if a plan was made anew without a scan; the result is
 * then null.  Errors: 0A000 if no subsample awaits its query.
 */
PG_FUNCTION_INFO_V1(cell_subsample_cells_transfn);
Datum
cell_subsample_cells_transfn(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	if (awaited == NULL)
		raise_direct_call();
	PG_RETURN_NULL();
}

/* cell_subsample_finalfn(internal) -> boolean */
PG_FUNCTION_INFO_V1(cell_subsample_finalfn);
Datum
cell_subsample_finalfn(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_NULL();
}

const ScannedAggregate scanned_subsample_cells = {
	.name = "cell_subsample_cells",
	.transition = cell_subsample_cells_transfn,
	.final = cell_subsample_finalfn,
	.columns = columns,
	.open_table = open_cells,
	.begin = begin,
	.add_page = add_page,
	.next = next,
	.end = end,
	.only_scan = true,
};

/* Note whether a scan has read all cells. */
static void
receive_result(TupleTableSlot *row, void *has_read)
{
	slot_getallattrs(row);
	*(bool *) has_read = !row->tts_isnull[0];
}

/* Run the planned query. */
static bool
run(Subsample *subsample, Source *source)
{
	Subsample  *outer = awaited;
	bool		has_read = false;

	PG_TRY();
	{
		awaited = subsample;
		SourceRun(source, receive_result, &has_read);
	}
	PG_FINALLY();
	{
		awaited = outer;
	}
	PG_END_TRY();
	return has_read;
}

bool
SubsampleScan(Subsample *subsample)
{
	Source		source;
	bool		has_read = false;

	if (!cell_binary_scan || IsolationIsSerializable())
		return false;
	SourceOpen(&source, subsample->study, SOURCE_SCAN_INTENSITIES, (SourceArguments) {0});
	SourceCheck(&source, KEEP_SNAPSHOT);
	if (source.custom == &scan_node_methods)
		has_read = run(subsample, &source);
	SourceClose(&source);
	return has_read;
}
