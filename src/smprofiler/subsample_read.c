/*
 * subsample_read.c
 *		Reading the cells of a study for a subsample through the executor.
 *
 * The executor returns the columns of a cell as they are, so that an error
 * about a value can name the cell and the column.
 */
#include "smprofiler/subsample_read.h"

#include "arguments.h"
#include "catalog/pg_type.h"
#include "smprofiler/intensities.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* The rows of a pass. */
typedef struct Rows
{
	Subsample  *subsample;
	MemoryContext per_row;
} Rows;

/*
 * Raise 22004: a column of a cell is null.  The error's context names the
 * cell.
 */
pg_noreturn static void
raise_null(const Study *study, const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("column \"%s\" of source \"%s\" of study \"%s\" must not be null",
					column, get_rel_name(study->source), study->name),
			 errhint("Register a view that leaves such cells out, or that replaces the null with "
					 "coalesce().")));
}

/*
 * Return the phenotypes of a cell, from the columns after the first three of
 * its row.
 */
static uint64
read_phenotypes(const Study *study, const Datum *values, const bool *isnull)
{
	uint64		mask = 0;

	if (study->phenotypes.name != NULL)
	{
		if (isnull[0])
			raise_null(study, study->phenotypes.name);
		return (uint64) DatumGetInt64(values[0]);
	}
	for (int i = 0; i < study->feature_columns; i++)
	{
		int64		positive;

		if (isnull[i])
			raise_null(study, study->feature[i].name);
		positive = study->feature[i].type == BOOLOID ? (int64) DatumGetBool(values[i]) :
			DatumGetInt64(values[i]);
		mask |= (uint64) CheckPositive(positive) << i;
	}
	return mask;
}

static Sample *
read_sample(Subsample *subsample, Datum name)
{
	const text *bytes = DatumGetTextPP(name);

	return SubsampleSample(subsample, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

/* Check every column of a row of SOURCE_INTENSITIES, and add its cell. */
static void
add_cell(Subsample *subsample, TupleTableSlot *row)
{
	const Study *study = subsample->study;
	Sample	   *sample = read_sample(subsample, row->tts_values[0]);
	ArrayType  *intensities;
	uint32		cell_id;
	int			channels;
	uint64		phenotypes;

	subsample->current = sample;
	if (row->tts_isnull[1])
		raise_null(study, study->cell_id.name);
	cell_id = CheckCellId(DatumGetInt64(row->tts_values[1]));
	subsample->current_id = cell_id;

	if (row->tts_isnull[2])
		raise_null(study, study->intensities.name);
	intensities = DatumGetArrayTypeP(row->tts_values[2]);
	channels = IntensityChannels(intensities, cell_id);
	if (channels != study->features)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cell_id %u has %d intensities, but study \"%s\" has %d features",
						cell_id, channels, study->name, study->features)));
	CheckIntensities(intensities, cell_id);
	phenotypes = read_phenotypes(study, row->tts_values + 3, row->tts_isnull + 3);
	subsample->current = NULL;
	subsample->current_id = -1;

	if (subsample->pass == PASS_TAKE)
		SubsampleTake(subsample, sample, cell_id, ARR_DATA_PTR(intensities),
					  subsample->is_double);
	else
		SubsampleExtend(subsample, sample, phenotypes, ARR_DATA_PTR(intensities),
						subsample->is_double);
}

static void
receive_row(TupleTableSlot *row, void *argument)
{
	Rows	   *rows = argument;
	Subsample  *subsample = rows->subsample;
	MemoryContext caller = MemoryContextSwitchTo(rows->per_row);

	slot_getallattrs(row);
	if (subsample->pass == PASS_COUNT)
		read_sample(subsample, row->tts_values[0])->cells = DatumGetInt64(row->tts_values[1]);
	else
		add_cell(subsample, row);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(rows->per_row);
}

void
SubsampleRead(Subsample *subsample)
{
	Rows		rows = {.subsample = subsample};
	ErrorContextCallback context = {.callback = SubsampleAddContext, .arg = subsample,
									.previous = error_context_stack};

	rows.per_row = AllocSetContextCreate(subsample->context, "cell_binary row",
										 ALLOCSET_SMALL_SIZES);
	SubsampleBeginPass(subsample);
	SourceOpen(&subsample->source, subsample->study,
			   subsample->pass == PASS_COUNT ? SOURCE_SIZES : SOURCE_INTENSITIES, (Datum) 0, NULL);
	SourceCheck(&subsample->source, KEEP_SNAPSHOT);
	error_context_stack = &context;
	SourceRun(&subsample->source, receive_row, &rows);
	error_context_stack = context.previous;
	SourceClose(&subsample->source);
	MemoryContextDelete(rows.per_row);
}
