/*
 * subsample.c
 *		A part of a study's cells with their intensities, as SPT serves it:
 *		cell_subsample gives the body, cell_subsample_metadata what is to be
 *		known of it.
 *
 * Both are stable: what one statement calls sees one snapshot, that of the
 * statement.  Of the cells, only those that are taken are kept: which ones
 * these are, their keys decide, and not the order in which rows come.
 */
#include "compat.h"

#include "arguments.h"
#include "common/hashfn.h"
#include "format/cell.h"
#include "smprofiler/sampling.h"
#include "pack/huge_pages.h"
#include "smprofiler/intensities.h"
#include "fault.h"
#include "limit.h"
#include "miscadmin.h"
#include "study/own_table.h"
#include "pack/radix_sort.h"
#include "study/source.h"
#include "study/study.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* A sample of the study. */
typedef struct Sample
{
	const char *name;
	int			name_length;
	uint64		cells;			/* as many as were counted */
	uint64		size;			/* as many as are taken */
	uint64		seen;			/* of the cells, when they are read again */
	CbChannel  *channels;		/* for the metadata */
	CbSelection selection;		/* for the body */
	uint8	   *records;		/* of what is taken: cell_id, and a code for
								 * each channel */
} Sample;

/* Samples by name. */
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

/* A call of one of the functions. */
typedef struct Subsample
{
	Study	   *study;
	Source		source;
	uint64		cells;			/* that are asked for */
	uint64		seed;
	MemoryContext context;		/* for the samples, until the call ends */
	MemoryContext per_row;
	sample_table_hash *table;
	Sample	   *last;			/* the sample of the row before */
	const Sample *current;		/* what an error's context is to name */
	int64		current_id;		/* -1: no cell of it */
} Subsample;

/* A cell as a row of the source has it. */
typedef struct Cell
{
	Sample	   *sample;
	uint32		cell_id;
	uint64		phenotypes;
	uint8		codes[CB_FEATURES];
} Cell;

/* Begin a call with the arguments study and cells. */
static void
begin_subsample(Subsample *subsample, FunctionCallInfo fcinfo)
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

static void
end_subsample(Subsample *subsample)
{
	MemoryContextDelete(subsample->context);
}

/* Says which cell something is wrong with. */
static void
add_context(void *argument)
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

/* Run a query of the source, and call a function for each row. */
static void
read_source(Subsample *subsample, SourceQuery query, SourceRow function)
{
	ErrorContextCallback context = {.callback = add_context, .arg = subsample,
									.previous = error_context_stack};

	SourceOpen(&subsample->source, subsample->study, query, (Datum) 0, NULL);
	SourceCheck(&subsample->source, KEEP_SNAPSHOT);
	error_context_stack = &context;
	SourceRun(&subsample->source, function, subsample);
	error_context_stack = context.previous;
	SourceClose(&subsample->source);
}

/*
 * The sample of a row, which most often is that of the row before; a new one if
 * there is none of that name.
 */
static Sample *
sample_named(Subsample *subsample, const text *name)
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
	}
	subsample->last = entry->sample;
	return entry->sample;
}

/* A column of a cell is null; the error's context names the cell. */
pg_noreturn static void
raise_null(const Study *study, const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("column \"%s\" of source \"%s\" of study \"%s\" must not be null",
					column, get_rel_name(study->source), study->name),
			 errhint("A view can leave such cells out, or replace the null with coalesce(), and be "
					 "the source.")));
}

/* Two readings by one snapshot gave different cells. */
pg_noreturn static void
raise_unsteady(const Study *study)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("source of study \"%s\" gave other cells when it was read again", study->name),
			 errdetail("It is read twice, by one snapshot."),
			 errhint("Rows of a view must not depend on volatile functions.")));
}

/* The phenotypes of a cell, from the columns behind the first three of its row. */
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

/* Read a row of SOURCE_INTENSITIES, and check all of it. */
static void
read_cell(Subsample *subsample, TupleTableSlot *row, Cell *cell)
{
	const Study *study = subsample->study;
	MemoryContext caller = MemoryContextSwitchTo(subsample->per_row);
	ArrayType  *intensities;
	int			channels;

	slot_getallattrs(row);
	cell->sample = sample_named(subsample, DatumGetTextPP(row->tts_values[0]));
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

/* The samples in the order of their names' bytes, now that all are counted. */
static Sample **
samples_in_order(const Subsample *subsample)
{
	uint32		count = subsample->table->members;
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

/* Count a cell, and note what its channels have. */
static void
add_to_channels(TupleTableSlot *row, void *argument)
{
	Subsample  *subsample = argument;
	int			features = subsample->study->features;
	Sample	   *sample;
	Cell		cell;

	read_cell(subsample, row, &cell);
	sample = cell.sample;
	if (sample->channels == NULL)
		sample->channels = MemoryContextAllocZero(subsample->context, features * sizeof(CbChannel));
	sample->cells++;
	for (int i = 0; i < features; i++)
		cb_channel_add(&sample->channels[i], cell.codes[i], cell.phenotypes >> i & 1);
}

/*
 * cell_subsample_metadata(study text, cells bigint) -> json; strict
 *
 * Errors: as of cell_subsample.
 */
PG_FUNCTION_INFO_V1(cell_subsample_metadata);
Datum
cell_subsample_metadata(PG_FUNCTION_ARGS)
{
	Subsample	subsample;
	Sample	  **samples;
	StringInfoData json;

	begin_subsample(&subsample, fcinfo);
	read_source(&subsample, SOURCE_INTENSITIES, add_to_channels);
	samples = samples_in_order(&subsample);

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"subsample_counts\":[");
	for (uint32 i = 0; i < subsample.table->members; i++)
	{
		CHECK_FOR_INTERRUPTS();
		appendStringInfo(&json, "%s{\"specimen\":", i > 0 ? "," : "");
		escape_json(&json, samples[i]->name);
		appendStringInfo(&json, ",\"count\":" UINT64_FORMAT ",\"thresholds\":[", samples[i]->size);
		for (int k = 0; k < subsample.study->features; k++)
			appendStringInfo(&json, "%s%d", k > 0 ? "," : "",
							 cb_channel_threshold(&samples[i]->channels[k]));
		appendStringInfoString(&json, "]}");
	}
	appendStringInfoString(&json, "],\"channel_order\":[");
	for (int k = 0; k < subsample.study->features; k++)
	{
		if (k > 0)
			appendStringInfoChar(&json, ',');
		escape_json(&json, subsample.study->feature_names[k]);
	}
	appendStringInfoString(&json, "]}");
	end_subsample(&subsample);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(json.data, json.len));
}

/* Bytes of a cell that is taken, before its id is taken off. */
static uint32
record_width(const Subsample *subsample)
{
	return sizeof(uint32) + subsample->study->features;
}

/* Note how many cells a sample has. */
static void
note_size(TupleTableSlot *row, void *argument)
{
	Subsample  *subsample = argument;
	MemoryContext caller = MemoryContextSwitchTo(subsample->per_row);

	slot_getallattrs(row);
	sample_named(subsample,
				 DatumGetTextPP(row->tts_values[0]))->cells = DatumGetInt64(row->tts_values[1]);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(subsample->per_row);
}

/* Take a cell, unless there are enough with smaller keys. */
static void
select_cell(TupleTableSlot *row, void *argument)
{
	Subsample  *subsample = argument;
	Sample	   *sample;
	Cell		cell;
	uint32		place;

	read_cell(subsample, row, &cell);
	sample = cell.sample;
	if (sample->seen++ == sample->cells)
		raise_unsteady(subsample->study);
	place = cb_select(&sample->selection, cb_subsample_key(subsample->seed, cell.cell_id));
	if (place != CB_LEFT)
	{
		uint8	   *record = sample->records + (uint64) place * record_width(subsample);

		memcpy(record, &cell.cell_id, sizeof(uint32));
		memcpy(record + sizeof(uint32), cell.codes, subsample->study->features);
	}
}

/* Give each sample room for what is taken of it: records, one after another. */
static bytea *
make_room(Subsample *subsample, Sample **samples)
{
	MemoryContext caller = CurrentMemoryContext;
	uint32		width = record_width(subsample);
	uint64		total = 0;
	uint64		fit = MaxPayloadSize() / subsample->study->features;
	bytea	   *body;
	CbTaken    *taken;

	for (uint32 i = 0; i < subsample->table->members; i++)
		total += samples[i]->size;
	if (total > fit)
		RaiseTooLarge(psprintf("subsample of study \"%s\"", subsample->study->name),
					  psprintf("At most %llu of the %llu cells fit, with an intensity for each of "
							   "%d features", (unsigned long long) fit,
							   (unsigned long long) total, subsample->study->features), NULL);

	body = MemoryContextAllocHuge(caller, VARHDRSZ + total * width);
	AdviseHugePages(body, VARHDRSZ + total * width);
	taken = MemoryContextAllocHuge(subsample->context, Max(total, 1) * sizeof(CbTaken));
	AdviseHugePages(taken, Max(total, 1) * sizeof(CbTaken));
	total = 0;
	for (uint32 i = 0; i < subsample->table->members; i++)
	{
		samples[i]->records = (uint8 *) VARDATA(body) + total * width;
		cb_selection_init(&samples[i]->selection, taken + total, (uint32) samples[i]->size);
		total += samples[i]->size;
	}
	return body;
}

/*
 * Order what is taken of a sample by the ids, and move it, without them, to
 * where the body has come to: not behind where it was.
 */
static uint8 *
append_sample(Subsample *subsample, const Sample *sample, uint8 *to)
{
	uint32		width = record_width(subsample);
	int			features = subsample->study->features;
	uint32		parted = cb_selection_parted(&sample->selection);
	int64		previous = -1;
	uint32		cell_id;

	if (parted != CB_LEFT)
	{
		memcpy(&cell_id, sample->records + (uint64) parted * width, sizeof(uint32));
		RaiseRepeatedId(cell_id);
	}
	RadixSort((char *) sample->records, sample->size, width, PG_UINT32_MAX);
	for (uint64 i = 0; i < sample->size; i++)
	{
		const uint8 *record = sample->records + i * width;

		if (i % CB_BATCH == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy(&cell_id, record, sizeof(uint32));
		if (cell_id == previous)
			RaiseRepeatedId(cell_id);
		previous = cell_id;
		memmove(to, record + sizeof(uint32), features);
		to += features;
	}
	return to;
}

/*
 * cell_subsample(study text, cells bigint, seed bigint) -> bytea; strict
 *
 * Errors: 42704 unknown study, 42P01 and 42703 its source or a column of it is
 * gone, 55000 it has no intensities, 42501 the caller may not read the source,
 * 22023 a negative number of cells, 54000 too many, 22003, 22004, 22023, 2202E
 * and 54023 a cell's intensities or features, 21000 a repeated cell_id, 40001
 * the source is not the same when it is read again.
 */
PG_FUNCTION_INFO_V1(cell_subsample);
Datum
cell_subsample(PG_FUNCTION_ARGS)
{
	Subsample	subsample;
	ErrorContextCallback context = {.callback = add_context, .arg = &subsample};
	Sample	  **samples;
	bytea	   *body;
	uint8	   *end;

	begin_subsample(&subsample, fcinfo);
	subsample.seed = (uint64) PG_GETARG_INT64(2);
	read_source(&subsample, SOURCE_SIZES, note_size);
	samples = samples_in_order(&subsample);
	body = make_room(&subsample, samples);
	read_source(&subsample, SOURCE_INTENSITIES, select_cell);

	context.previous = error_context_stack;
	error_context_stack = &context;
	end = (uint8 *) VARDATA(body);
	for (uint32 i = 0; i < subsample.table->members; i++)
	{
		subsample.current = samples[i];
		if (samples[i]->seen != samples[i]->cells)
			raise_unsteady(subsample.study);
		end = append_sample(&subsample, samples[i], end);
	}
	error_context_stack = context.previous;
	SET_VARSIZE(body, end - (uint8 *) body);
	end_subsample(&subsample);
	PG_RETURN_BYTEA_P(body);
}
