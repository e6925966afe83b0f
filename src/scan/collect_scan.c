/*
 * collect_scan.c
 *		Adding the rows of a page of a long table to the records of their cells.
 */
#include "scan/collect_scan.h"

#include "long/collect.h"
#include "long/feature_records.h"
#include "scan/long_rows.h"

/* The columns of one table. */
typedef struct LongTable
{
	ColumnTerm	cell;
	ColumnTerm	feature;
	PositiveTerm positive;		/* of cell_collect_phenotypes */
	NumberTerm	number;			/* of cell_collect_intensities */
} LongTable;

typedef struct LongState
{
	MemoryContext context;
	const struct varlena *features;
	bool		with_values;
	FeatureRecords *records;	/* NULL before the first row */
	bool		is_done;		/* the result was returned */
} LongState;

/* The list of features, the fourth argument, is a constant. */
static int
columns(int arguments pg_attribute_unused())
{
	return 3;
}

/* Recognize the columns.  Returns NULL, or the argument that a scan cannot read. */
static const char *
recognize(LongTable *table, const TablePlan *plan, bool with_values)
{
	if (plan->sample != NULL)
		return "sample";
	if (!TextTerm(linitial(plan->arguments), &table->cell))
		return "cell";
	if (!TextTerm(lsecond(plan->arguments), &table->feature))
		return "feature";
	if (with_values)
		return NumberOf(lthird(plan->arguments), &table->number) ? NULL : "intensity";
	return PositiveOf(lthird(plan->arguments), &table->positive) ? NULL : "positive";
}

static void *
open_table(const TablePlan *plan, bool with_values, int *last_column, const char **why)
{
	LongTable  *table = palloc0(sizeof(LongTable));

	*why = recognize(table, plan, with_values);
	if (*why == NULL)
		*last_column = LastColumn(LastColumn(LastColumn(LastColumn(0, &table->cell),
														&table->feature),
											 &table->positive.column),
								  &table->number.column);
	return table;
}

static void *
open_phenotypes(const TablePlan *plan, int *last_column, const char **why)
{
	return open_table(plan, false, last_column, why);
}

static void *
open_intensities(const TablePlan *plan, int *last_column, const char **why)
{
	return open_table(plan, true, last_column, why);
}

static void *
begin(const ScanTask *task)
{
	LongState  *state = palloc0(sizeof(LongState));
	const LongTable *table = task->first_table;

	if (task->constant_is_null)
		return NULL;
	state->context = task->context;
	state->features = PG_DETOAST_DATUM(task->constant);
	state->with_values = table->number.column.number != 0;
	return state;
}

/* Read the bytes of a text column.  Returns false for a null or a compressed value. */
static inline bool
read_text(const TupleShape *shape, const uint8 *data, const ColumnTerm *column, ValueBytes *text)
{
	int32		offset = shape->offset[column->number - 1];

	if (unlikely(offset == COLUMN_IS_NULL))
		return false;
	*text = ReadText(data + offset);
	return text->length >= 0;
}

/* Add a row.  Returns false if the executor would raise an error, or must read it. */
static pg_attribute_always_inline bool
add_row(LongState *state, const LongTable *table, const TupleShape *shape, const uint8 *data,
		const bool with_values)
{
	FeatureRecords *records = state->records;
	FeatureRecord *record;
	ValueBytes	cell;
	ValueBytes	feature;
	LongValue	value;
	double		number;
	int			bit;

	if (!read_text(shape, data, &table->cell, &cell) ||
		!read_text(shape, data, &table->feature, &feature))
		return false;
	value = with_values ? ReadNumber(&table->number, shape, data, &number) :
		ReadPositive(&table->positive, shape, data);
	if (unlikely(value == LONG_UNREADABLE || (!with_values && value == LONG_NULL)))
		return false;

	record = FeatureRecordsFind(records, cell.bytes, cell.length);
	bit = FeatureListBit(records->features, feature.bytes, feature.length);
	if (unlikely(bit < 0 || (record->seen >> bit & 1)))
		return false;
	record->seen |= UINT64CONST(1) << bit;
	/* Not a branch, because it would be mispredicted. */
	if (!with_values)
		record->set |= (uint64) (value == LONG_TRUE) << bit;
	else if (value == LONG_TRUE)
		FeatureRecordSetValue(record, bit, number);
	return true;
}

/* Add the rows on a page.  Inline this where the flag is a constant. */
static pg_attribute_always_inline bool
add_rows(LongState *state, const LongTable *table, TableScan *scan, const bool with_values)
{
	for (int i = 0; i < scan->pages.count; i++)
	{
		const uint8 *data = TableScanData(scan, i);
		ConditionResult result = ConditionsTest(&scan->conditions, &scan->shape, data);

		if (result == CONDITION_FALSE)
			continue;
		if (unlikely(result == CONDITION_UNREADABLE))
			return false;
		if (unlikely(state->records == NULL))
			state->records = FeatureRecordsCreate(state->context, state->features, with_values);
		if (unlikely(!add_row(state, table, &scan->shape, data, with_values)))
			return false;
	}
	return true;
}

static bool
add_phenotypes(void *state, void *table, TableScan *scan)
{
	return add_rows(state, table, scan, false);
}

static bool
add_intensities(void *state, void *table, TableScan *scan)
{
	return add_rows(state, table, scan, true);
}

static bool
next(void *of_scan, ScanResult *result)
{
	LongState  *state = of_scan;

	if (state->is_done)
		return false;
	state->is_done = true;
	result->payload = state->records == NULL ? (Datum) 0 :
		PointerGetDatum(FeatureRecordsFinish(state->records));
	return true;
}

/* There is only memory. */
static void
end(void *state pg_attribute_unused())
{
}

const ScannedAggregate scanned_collect_phenotypes = {
	.name = "cell_collect_phenotypes",
	.transition = cell_collect_phenotypes_transfn,
	.final = cell_collect_finalfn,
	.columns = columns,
	.open_table = open_phenotypes,
	.begin = begin,
	.add_page = add_phenotypes,
	.next = next,
	.end = end,
};

const ScannedAggregate scanned_collect_intensities = {
	.name = "cell_collect_intensities",
	.transition = cell_collect_intensities_transfn,
	.final = cell_collect_finalfn,
	.columns = columns,
	.open_table = open_intensities,
	.begin = begin,
	.add_page = add_intensities,
	.next = next,
	.end = end,
};
