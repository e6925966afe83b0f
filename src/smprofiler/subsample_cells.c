/*
 * subsample_cells.c
 *		The samples of a study, by name, and how many cells a subsample takes of
 *		each.
 */
#include "smprofiler/subsample_cells.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "study/own_table.h"
#include "study/study.h"
#include "utils/builtins.h"
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
	subsample->is_double = subsample->study->intensities.type == FLOAT8ARRAYOID;
	subsample->cells = cells;
	subsample->context = AllocSetContextCreate(CurrentMemoryContext, "cell_binary subsample",
											   ALLOCSET_DEFAULT_SIZES);
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
RaiseUnsteady(const Study *study)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("source of study \"%s\" returned different cells when it was read again",
					study->name),
			 errdetail("The source is read twice with the same snapshot."),
			 errhint("The rows of a view must not depend on volatile functions.")));
}

void
SubsampleBeginPass(Subsample *subsample)
{
	sample_table_iterator iterator;
	SampleEntry *entry;

	if (subsample->pass != PASS_TAKE)
	{
		sample_table_reset(subsample->table);
		subsample->samples = 0;
		subsample->last = NULL;
		return;
	}
	sample_table_start_iterate(subsample->table, &iterator);
	while ((entry = sample_table_iterate(subsample->table, &iterator)) != NULL)
	{
		Sample	   *sample = entry->sample;

		sample->seen = 0;
		cb_selection_init(&sample->selection, sample->selection.taken, (uint32) sample->size);
		if (!subsample->no_guess)
			cb_selection_expect(&sample->selection, sample->cells);
	}
}

/* Create a sample without cells. */
static Sample *
create_sample(Subsample *subsample, const char *name, int length)
{
	MemoryContext caller = MemoryContextSwitchTo(subsample->context);
	int			channels = subsample->study->features;
	Sample	   *sample = palloc0(sizeof(Sample));

	sample->name = pnstrdup(name, length);
	sample->name_length = length;
	if (subsample->pass == PASS_EXTREMES && subsample->is_double)
	{
		sample->extremes = palloc(cb_double_extremes_size(channels));
		cb_double_extremes_init(sample->extremes, channels);
	}
	else if (subsample->pass == PASS_EXTREMES)
	{
		sample->extremes = palloc(cb_float_extremes_size(channels));
		cb_float_extremes_init(sample->extremes, channels);
	}
	subsample->samples++;
	MemoryContextSwitchTo(caller);
	return sample;
}

/*
 * Most cells have the sample of the previous cell, so that sample is tried
 * first.
 */
Sample *
SubsampleSample(Subsample *subsample, const char *name, int length)
{
	Sample	   *sample = subsample->last;
	SampleEntry *entry;
	char	   *key;
	bool		found;

	if (sample != NULL && sample->name_length == length &&
		memcmp(sample->name, name, length) == 0)
		return sample;

	key = pnstrdup(name, length);
	entry = sample_table_insert(subsample->table, key, &found);
	if (!found)
	{
		entry->sample = create_sample(subsample, name, length);
		entry->name = entry->sample->name;
	}
	pfree(key);
	subsample->last = entry->sample;
	return entry->sample;
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
