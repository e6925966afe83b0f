/*
 * subsample_scan.c
 *		Reading the cells of a study for a subsample by a scan.
 *
 * A pass is an aggregate of all cells, so that the hook into the planner finds
 * it.  Only a scan can compute it, and only for a call of cell_subsample or
 * cell_subsample_metadata, to whose state it adds the cells.  The executor would
 * combine the features before a transition function gets them, so that an error
 * could not name the cell and the column.
 */
#include "smprofiler/subsample_scan.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "scan/cells.h"
#include "scan/scan_node.h"
#include "settings.h"
#include "smprofiler/sample_keys.h"
#include "utils/array.h"

/* The call whose pass is about to be run, or NULL. */
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

/* What all arrays of intensities have in front of the numbers, after the length. */
typedef struct NumbersHeader
{
	int32		dimensions;
	int32		nulls;
	Oid			type;
	int32		channels;
	int32		first;			/* may be any number */
} NumbersHeader;

StaticAssertDecl(VARHDRSZ + sizeof(NumbersHeader) == ARR_OVERHEAD_NONULLS(1),
				 "numbers of an array follow the header");

typedef struct SubsampleState
{
	Subsample  *subsample;
	SampleKeys	keys;
	NumbersHeader header;
	int			numbers_size;
	bool		is_done;		/* the result was returned */
} SubsampleState;

static int
columns(int arguments)
{
	return arguments;
}

static void *
open_count(const TablePlan *plan, int *last_column, const char **why)
{
	SubsampleTable *table = palloc0(sizeof(SubsampleTable));

	*why = NameTerm(linitial(plan->arguments), &table->sample) ? NULL : "sample";
	*last_column = table->sample.number;
	return table;
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
raise_direct_call(const char *aggregate)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s cannot be called directly", aggregate),
			 errhint("Call cell_subsample() or cell_subsample_metadata().")));
}

/* Begin the awaited pass, which no other query can begin after this. */
static void *
begin(const ScanTask *task)
{
	SubsampleState *state = palloc0(sizeof(SubsampleState));
	Subsample  *subsample = awaited;
	int			channels = subsample->study->features;

	awaited = NULL;
	SubsampleBeginPass(subsample);
	state->subsample = subsample;
	SampleKeysBegin(&state->keys, subsample, task->context);
	state->header = (NumbersHeader) {
		.dimensions = 1,
		.type = subsample->is_double ? FLOAT8OID : FLOAT4OID,
		.channels = channels,
	};
	state->numbers_size = channels * (subsample->is_double ? sizeof(float8) : sizeof(float4));
	return state;
}

static void *
begin_count(const ScanTask *task)
{
	if (awaited == NULL || awaited->pass != PASS_COUNT)
		raise_direct_call("cell_subsample_count");
	return begin(task);
}

static void *
begin_cells(const ScanTask *task)
{
	if (awaited == NULL || awaited->pass == PASS_COUNT)
		raise_direct_call("cell_subsample_cells");
	return begin(task);
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

static bool
count_page(void *of_scan, void *of_table, TableScan *scan)
{
	SubsampleState *state = of_scan;
	SubsampleTable *table = of_table;

	for (int i = 0; i < scan->pages.count; i++)
	{
		const uint8 *data = TableScanData(scan, i);
		ConditionResult result = ConditionsTest(&scan->conditions, &scan->shape, data);
		Sample	   *sample;

		if (result == CONDITION_FALSE)
			continue;
		if (unlikely(result == CONDITION_UNREADABLE))
			return false;
		sample = sample_of(state, table, &scan->shape, data);
		if (unlikely(sample == NULL))
			return false;
		sample->cells++;
	}
	return true;
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

/* Return the numbers of an array where they are, or NULL if it has another form than most. */
static inline const char *
numbers_in_place(const SubsampleState *state, const uint8 *value)
{
	if (unlikely(VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value) ||
				 VARSIZE_ANY_EXHDR(value) != sizeof(NumbersHeader) + state->numbers_size ||
				 memcmp(VARDATA_ANY(value), &state->header,
						offsetof(NumbersHeader, first)) != 0))
		return NULL;
	return VARDATA_ANY(value) + sizeof(NumbersHeader);
}

/* Return a copy of an array of any form, or NULL if the executor would raise an error. */
static pg_noinline ArrayType *
copy_array(const SubsampleState *state, const uint8 *value)
{
	ArrayType  *array = DatumGetArrayTypePCopy(PointerGetDatum(value));

	if (ARR_ELEMTYPE(array) != state->header.type ||
		ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != state->header.channels ||
		array_contains_nulls(array))
		return NULL;
	return array;
}

/* Add the cells on a page.  Inline this where the flags are constants. */
static pg_attribute_always_inline bool
add_rows(SubsampleState *state, SubsampleTable *table, TableScan *scan, const bool take,
		 const bool is_double)
{
	const TupleShape *shape = &scan->shape;
	int			channels = state->header.channels;

	for (int i = 0; i < scan->pages.count; i++)
	{
		const uint8 *data = TableScanData(scan, i);
		ConditionResult result = ConditionsTest(&scan->conditions, shape, data);
		ArrayType  *copy = NULL;
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
		if (unlikely(sample == NULL || cell_id < 0 || cell_id > PG_UINT32_MAX ||
					 !PhenotypesRead(&table->phenotypes, shape, data, &phenotypes)))
			return false;

		numbers = numbers_in_place(state, data + shape->offset[table->intensities.number - 1]);
		if (unlikely(numbers == NULL))
		{
			copy = copy_array(state, data + shape->offset[table->intensities.number - 1]);
			if (copy == NULL)
				return false;
			numbers = ARR_DATA_PTR(copy);
		}
		if (unlikely(is_double ? cb_doubles_have_nan(numbers, channels) :
					 cb_floats_have_nan(numbers, channels)))
			return false;

		if (take)
			SubsampleTake(state->subsample, sample, (uint32) cell_id, numbers, is_double);
		else
			SubsampleExtend(state->subsample, sample, phenotypes, numbers, is_double);
		if (unlikely(copy != NULL))
			pfree(copy);
	}
	return true;
}

static bool
add_page(void *of_scan, void *table, TableScan *scan)
{
	SubsampleState *state = of_scan;

	if (state->subsample->pass == PASS_TAKE)
		return state->subsample->is_double ? add_rows(state, table, scan, true, true) :
			add_rows(state, table, scan, true, false);
	return state->subsample->is_double ? add_rows(state, table, scan, false, true) :
		add_rows(state, table, scan, false, false);
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
 * cell_subsample_count_transfn(internal, sample text) -> internal
 * cell_subsample_cells_transfn(internal, sample text, cell_id bigint,
 *								intensities real[] or double precision[],
 *								phenotypes bigint) -> internal
 *
 * The hook into the planner recognizes the aggregates by these functions.  The
 * executor calls them only if a plan was made anew without a scan; the result
 * is then null.  Errors: 0A000 if no call of cell_subsample awaits its pass.
 */
PG_FUNCTION_INFO_V1(cell_subsample_count_transfn);
Datum
cell_subsample_count_transfn(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	if (awaited == NULL)
		raise_direct_call("cell_subsample_count");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(cell_subsample_cells_transfn);
Datum
cell_subsample_cells_transfn(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	if (awaited == NULL)
		raise_direct_call("cell_subsample_cells");
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

const ScannedAggregate scanned_subsample_count = {
	.name = "cell_subsample_count",
	.transition = cell_subsample_count_transfn,
	.final = cell_subsample_finalfn,
	.columns = columns,
	.open_table = open_count,
	.begin = begin_count,
	.add_page = count_page,
	.next = next,
	.end = end,
	.only_scan = true,
};

const ScannedAggregate scanned_subsample_cells = {
	.name = "cell_subsample_cells",
	.transition = cell_subsample_cells_transfn,
	.final = cell_subsample_finalfn,
	.columns = columns,
	.open_table = open_cells,
	.begin = begin_cells,
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

/* Run the planned pass. */
static bool
run(Subsample *subsample)
{
	Subsample  *outer = awaited;
	bool		has_read = false;

	PG_TRY();
	{
		awaited = subsample;
		SourceRun(&subsample->source, receive_result, &has_read);
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
	bool		has_read = false;

	if (!cell_binary_scan || IsolationIsSerializable())
		return false;
	SourceOpen(&subsample->source, subsample->study,
			   subsample->pass == PASS_COUNT ? SOURCE_SCAN_SIZES : SOURCE_SCAN_INTENSITIES,
			   (Datum) 0, NULL);
	SourceCheck(&subsample->source, KEEP_SNAPSHOT);
	if (subsample->source.custom == &scan_node_methods)
		has_read = run(subsample);
	SourceClose(&subsample->source);
	return has_read;
}
