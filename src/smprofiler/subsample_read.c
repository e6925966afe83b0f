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
#include "intensity/intensities.h"
#include "study/source.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* The rows of the query. */
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

/* Check every column of a row of SOURCE_INTENSITIES, and add its cell. */
static void
add_cell(Subsample *subsample, TupleTableSlot *row)
{
	const Study *study = subsample->study;
	const text *name = DatumGetTextPP(row->tts_values[0]);
	Sample	   *sample = SubsampleSample(subsample, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	ArrayType  *intensities;
	uint32		cell_id;
	int			channels;
	uint64		phenotypes;

	if (sample->is_virtual)
		return;
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

	if (subsample->is_double)
		SubsampleAdd(subsample, sample, cell_id, phenotypes, ARR_DATA_PTR(intensities),
					 subsample->needs, true);
	else
		SubsampleAdd(subsample, sample, cell_id, phenotypes, ARR_DATA_PTR(intensities),
					 subsample->needs, false);
}

static void
receive_row(TupleTableSlot *row, void *argument)
{
	Rows	   *rows = argument;
	MemoryContext caller = MemoryContextSwitchTo(rows->per_row);

	slot_getallattrs(row);
	add_cell(rows->subsample, row);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(rows->per_row);
}

void
SubsampleRead(Subsample *subsample)
{
	Rows		rows = {.subsample = subsample};
	Source		source;
	ErrorContextCallback context = {.callback = SubsampleAddContext, .arg = subsample,
									.previous = error_context_stack};

	rows.per_row = AllocSetContextCreate(CurrentMemoryContext, "cell_binary row",
										 ALLOCSET_SMALL_SIZES);
	SubsampleBeginCells(subsample);
	SourceOpen(&source, subsample->study, SOURCE_INTENSITIES, (SourceArguments) {0});
	SourceCheck(&source, KEEP_SNAPSHOT);
	error_context_stack = &context;
	SourceRun(&source, receive_row, &rows);
	error_context_stack = context.previous;
	SourceClose(&source);
	MemoryContextDelete(rows.per_row);
}
