/*
 * subsample_read.c
 *		Reading the cells of a study for a subsample.  Which of them are taken
 *		is decided in subsample.c.
 */
#include "smprofiler/subsample_read.h"

#include "arguments.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "smprofiler/intensities.h"
#include "study/own_table.h"
#include "study/study.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* The samples, by name. */
typedef struct SampleEntry
{
	const char *name;
	Sample	   *sample;
	uint32		hash;
	char		status;
} SampleEntry;

#define SH_PREFIX sample_table
#define SH_ELEMENT_TYPE SampleEntry
#define SH_KEY_TYPE const char *
#define SH_KEY name
#define SH_HASH_KEY(table, key) hash_bytes((const unsigned char *) (key), strlen(key))
#define SH_EQUAL(table, a, b) (strcmp(a, b) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

void
SubsampleBegin(Subsample *subsample, FunctionCallInfo fcinfo)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int64		cells = PG_GETARG_INT64(1);

	if (cells < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of cells " INT64_FORMAT " is out of range", cells),
				 errdetail("It must not be negative.")));
	memset(subsample, 0, sizeof(*subsample));
	subsample->study = StudyNamed(OwnSchema(fcinfo), name, GetActiveSnapshot());
	StudyResolveIntensities(subsample->study);
	subsample->cells = cells;
	subsample->context = AllocSetContextCreate(CurrentMemoryContext, "cell_binary subsample",
											   ALLOCSET_DEFAULT_SIZES);
	subsample->per_row = AllocSetContextCreate(subsample->context, "cell_binary row",
											   ALLOCSET_SMALL_SIZES);
	subsample->table = sample_table_create(subsample->context, 64, NULL);
	subsample->current_id = -1;
}

void
SubsampleEnd(Subsample *subsample)
{
	MemoryContextDelete(subsample->context);
}

void
SubsampleAddContext(void *argument)
{
	const Subsample *subsample = argument;

	if (subsample->current == NULL)
		return;
	if (subsample->current_id >= 0)
		errcontext("cell_id " INT64_FORMAT " of sample \"%s\" of study \"%s\"",
				   subsample->current_id, subsample->current->name, subsample->study->name);
	else
		errcontext("sample \"%s\" of study \"%s\"", subsample->current->name,
				   subsample->study->name);
}

void
SubsampleReadSource(Subsample *subsample, SourceQuery query, SourceRow function)
{
	ErrorContextCallback context = {.callback = SubsampleAddContext, .arg = subsample,
									.previous = error_context_stack};

	SourceOpen(&subsample->source, subsample->study, query, (Datum) 0, NULL);
	SourceCheck(&subsample->source, KEEP_SNAPSHOT);
	error_context_stack = &context;
	SourceRun(&subsample->source, function, subsample);
	error_context_stack = context.previous;
	SourceClose(&subsample->source);
}

/*
 * Most rows have the sample of the previous row, so that sample is tried
 * first.
 */
Sample *
SubsampleSample(Subsample *subsample, const text *name)
{
	Sample	   *sample = subsample->last;
	int			length = VARSIZE_ANY_EXHDR(name);
	SampleEntry *entry;
	bool		found;

	if (sample != NULL && sample->name_length == length &&
		memcmp(sample->name, VARDATA_ANY(name), length) == 0)
		return sample;

	entry = sample_table_insert(subsample->table, text_to_cstring(name), &found);
	if (!found)
	{
		sample = MemoryContextAllocZero(subsample->context, sizeof(Sample));
		sample->name = MemoryContextStrdup(subsample->context, entry->name);
		sample->name_length = length;
		entry->name = sample->name;
		entry->sample = sample;
		subsample->samples++;
	}
	subsample->last = entry->sample;
	return entry->sample;
}

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

void
SubsampleReadCell(Subsample *subsample, TupleTableSlot *row, Cell *cell)
{
	const Study *study = subsample->study;
	MemoryContext caller = MemoryContextSwitchTo(subsample->per_row);
	ArrayType  *intensities;
	int			channels;

	slot_getallattrs(row);
	cell->sample = SubsampleSample(subsample, DatumGetTextPP(row->tts_values[0]));
	subsample->current = cell->sample;
	if (row->tts_isnull[1])
		raise_null(study, study->cell_id.name);
	cell->cell_id = CheckCellId(DatumGetInt64(row->tts_values[1]));
	subsample->current_id = cell->cell_id;

	if (row->tts_isnull[2])
		raise_null(study, study->intensities.name);
	intensities = DatumGetArrayTypeP(row->tts_values[2]);
	channels = IntensityChannels(intensities, cell->cell_id);
	if (channels != study->features)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cell_id %u has %d intensities, but study \"%s\" has %d features",
						cell->cell_id, channels, study->name, study->features)));
	EncodeIntensities(intensities, cell->cell_id, cell->codes);
	cell->phenotypes = read_phenotypes(study, row->tts_values + 3, row->tts_isnull + 3);

	subsample->current = NULL;
	subsample->current_id = -1;
	MemoryContextSwitchTo(caller);
	MemoryContextReset(subsample->per_row);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp((*(Sample *const *) a)->name, (*(Sample *const *) b)->name);
}

Sample **
SubsampleSamples(const Subsample *subsample)
{
	uint32		count = subsample->samples;
	Sample	  **samples = MemoryContextAlloc(subsample->context, Max(count, 1) * sizeof(Sample *));
	uint64	   *cells = MemoryContextAlloc(subsample->context, Max(count, 1) * sizeof(uint64));
	uint64	   *sizes = MemoryContextAlloc(subsample->context, Max(count, 1) * sizeof(uint64));
	sample_table_iterator iterator;
	SampleEntry *entry;
	uint32		i = 0;

	sample_table_start_iterate(subsample->table, &iterator);
	while ((entry = sample_table_iterate(subsample->table, &iterator)) != NULL)
		samples[i++] = entry->sample;
	qsort(samples, count, sizeof(Sample *), compare_names);

	for (i = 0; i < count; i++)
		cells[i] = samples[i]->cells;
	cb_subsample_sizes(cells, sizes, count, subsample->cells);
	for (i = 0; i < count; i++)
		samples[i]->size = sizes[i];
	return samples;
}
