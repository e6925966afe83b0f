/*
 * subsample_cells.c
 *		The samples of a study, by name, the candidates of each, and how many
 *		cells a subsample takes of each.
 */
#include "smprofiler/subsample_cells.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "pack/huge_pages.h"
#include "settings.h"
#include "smprofiler/virtual_sample.h"
#include "utils/memutils.h"

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

/*
 * How many deviations the limit is above the mean at first.  The keys of one in a
 * billion samples are fewer.
 */
#define FIRST_DEVIATIONS 6

void
SubsampleBegin(Subsample *subsample, const Study *study, SubsampleNeeds needs, int64 cells,
			   int64 seed)
{
	if (cells < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of cells " INT64_FORMAT " is out of range", cells),
				 errdetail("It must not be negative.")));
	*subsample = (Subsample) {
		.study = study,
		.needs = needs,
		.is_double = study->intensities.type == FLOAT8ARRAYOID,
		.wanted = cells,
		.seed = (uint64) seed,
		.deviations = FIRST_DEVIATIONS,
		.context = AllocSetContextCreate(CurrentMemoryContext, "cell_binary subsample",
										 ALLOCSET_DEFAULT_SIZES),
		.current_id = -1,
	};
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

/* Until there are so many candidates, each sample keeps its own. */
#define FIRST_CANDIDATES 16384

void
SubsampleBeginCells(Subsample *subsample)
{
	MemoryContextReset(subsample->context);
	subsample->table = sample_table_create(subsample->context, 64, NULL);
	subsample->samples = 0;
	subsample->cells = 0;
	subsample->candidates = 0;
	subsample->most_candidates = FIRST_CANDIDATES;
	subsample->last = NULL;
}

/* Lower the limit of a sample to what the cells so far allow, and drop candidates above it. */
static void
drop_candidates(Subsample *subsample, Sample *sample)
{
	uint32		width = SubsampleCandidateWidth(subsample);
	Size		kept = 0;

	sample->limit = cb_candidate_limit(sample->cells, subsample->cells, subsample->wanted,
									   subsample->deviations);
	if (sample->limit == PG_UINT64_MAX)
		return;
	for (Size i = 0; i < sample->count; i++)
	{
		const uint8 *candidate = sample->candidates + i * width;
		uint64		key;

		memcpy(&key, candidate, sizeof(uint64));
		if (key > sample->limit)
			continue;
		if (kept < i)
			memcpy(sample->candidates + kept * width, candidate, width);
		kept++;
	}
	subsample->candidates -= sample->count - kept;
	sample->count = kept;
}

/* Give a sample room for a quarter more candidates than it has. */
static void
set_room(const Subsample *subsample, Sample *sample)
{
	Size		room = sample->count + Max(sample->count / 4, 16);
	Size		bytes = room * SubsampleCandidateWidth(subsample);

	sample->candidates = sample->candidates == NULL ?
		MemoryContextAllocHuge(subsample->context, bytes) :
		repalloc_huge(sample->candidates, bytes);
	AdviseHugePages(sample->candidates, bytes);
	sample->room = room;
}

/* Drop candidates of all samples, and give back most of the room that they had. */
static void
drop_all_candidates(Subsample *subsample)
{
	sample_table_iterator iterator;
	SampleEntry *entry;

	sample_table_start_iterate(subsample->table, &iterator);
	while ((entry = sample_table_iterate(subsample->table, &iterator)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		drop_candidates(subsample, entry->sample);
		if (entry->sample->count < entry->sample->room / 2)
			set_room(subsample, entry->sample);
	}
}

/* Raise an error if the cells to take so far do not fit into a payload. */
static void
check_size(const Subsample *subsample)
{
	uint64		fit = MaxPayloadSize() / subsample->study->features;

	/* Rows have no limit. */
	if (subsample->needs & NEEDS_PHENOTYPES)
		return;
	if (Min(subsample->cells, subsample->wanted) > fit)
		RaiseTooLarge(psprintf("subsample of study \"%s\"", subsample->study->name),
					  psprintf("At most " UINT64_FORMAT " cells fit, with an intensity for each of "
							   "%d features", fit, subsample->study->features), NULL);
}

/*
 * The samples keep the candidates that were good enough when they came.  Those of
 * all samples are dropped whenever there are a quarter more than after the last
 * time.  Otherwise a sample drops its own, and gets more room if few were dropped.
 */
void
SubsampleMakeRoom(Subsample *subsample, Sample *sample)
{
	CHECK_FOR_INTERRUPTS();
	check_size(subsample);
	if (subsample->candidates >= subsample->most_candidates)
	{
		drop_all_candidates(subsample);
		subsample->most_candidates = FIRST_CANDIDATES + subsample->candidates / 4 * 5;
	}
	else
		drop_candidates(subsample, sample);
	if (sample->count >= sample->room - sample->room / 8)
		set_room(subsample, sample);
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
	sample->limit = PG_UINT64_MAX;
	sample->is_virtual = strcmp(sample->name, VIRTUAL_SAMPLE) == 0;
	if (subsample->needs & NEEDS_EXTREMES)
	{
		if (subsample->is_double)
		{
			sample->extremes = palloc(cb_double_extremes_size(channels));
			cb_double_extremes_init(sample->extremes, channels);
		}
		else
		{
			sample->extremes = palloc(cb_float_extremes_size(channels));
			cb_float_extremes_init(sample->extremes, channels);
		}
	}
	if (!sample->is_virtual)
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

	if (subsample->needs & NEEDS_CELLS)
		check_size(subsample);
	sample_table_start_iterate(subsample->table, &iterator);
	while ((entry = sample_table_iterate(subsample->table, &iterator)) != NULL)
		if (!entry->sample->is_virtual)
			samples[i++] = entry->sample;
	qsort(samples, count, sizeof(Sample *), compare_names);

	for (i = 0; i < count; i++)
		cells[i] = samples[i]->cells;
	cb_subsample_sizes(cells, sizes, count, subsample->wanted);
	for (i = 0; i < count; i++)
		samples[i]->size = sizes[i];
	return samples;
}
