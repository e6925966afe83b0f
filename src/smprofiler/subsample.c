/*
 * subsample.c
 *		A subsample of a study's cells with their intensities, as SMProfiler
 *		serves it: the metadata, which describes the samples in JSON, and the
 *		body, a byte for each channel of each cell.  cell_subsample returns the
 *		body, cell_subsample_metadata the metadata, and SubsamplePack both;
 *		cell_subsample_rows returns the cells as rows.  Reading the cells is in
 *		subsample_scan.c and subsample_read.c.
 *
 * Only the cells that may be taken are kept in memory.  Their keys decide which
 * cells are taken, not the order of the rows.
 */
#include "smprofiler/subsample.h"

#include "catalog/pg_type.h"
#include "fault.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pack/huge_pages.h"
#include "pack/radix_sort.h"
#include "settings.h"
#include "smprofiler/subsample_cells.h"
#include "smprofiler/subsample_read.h"
#include "smprofiler/subsample_scan.h"
#include "study/own_table.h"
#include "study/study.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/* Return whether a sample has fewer candidates than cells to take. */
static bool
fell_short(const Subsample *subsample, Sample *const *samples)
{
	for (uint32 i = 0; i < subsample->samples; i++)
		if (samples[i]->count < samples[i]->size)
			return true;
	return false;
}

/*
 * Read the cells of the study, by a scan if a scan can read them, and return the
 * samples.
 */
static Sample **
read_cells(Subsample *subsample)
{
	Sample	  **samples;

	for (;;)
	{
		if (!SubsampleScan(subsample))
			SubsampleRead(subsample);
		samples = SubsampleSamples(subsample);
		if (!(subsample->needs & NEEDS_CELLS) || !fell_short(subsample, samples))
			return samples;
		subsample->deviations *= 2;
	}
}

/* Return the threshold of a channel in a sample. */
static int
threshold(const Subsample *subsample, const Sample *sample, int channel)
{
	int			channels = subsample->study->features;
	CbChannel	codes = subsample->is_double ?
		cb_double_extremes_channel(sample->extremes, channels, channel) :
		cb_float_extremes_channel(sample->extremes, channels, channel);

	return cb_channel_threshold(&codes);
}

/* Append the metadata. */
static void
append_metadata(StringInfo json, const Subsample *subsample, Sample *const *samples)
{
	const Study *study = subsample->study;

	appendStringInfoString(json, "{\"subsample_counts\":[");
	for (uint32 i = 0; i < subsample->samples; i++)
	{
		CHECK_FOR_INTERRUPTS();
		appendStringInfo(json, "%s{\"specimen\":", i > 0 ? "," : "");
		escape_json(json, samples[i]->name);
		appendStringInfo(json, ",\"count\":" UINT64_FORMAT ",\"thresholds\":[", samples[i]->size);
		for (int k = 0; k < study->features; k++)
			appendStringInfo(json, "%s%d", k > 0 ? "," : "", threshold(subsample, samples[i], k));
		appendStringInfoString(json, "]}");
	}
	appendStringInfoString(json, "],\"channel_order\":[");
	for (int k = 0; k < study->features; k++)
	{
		if (k > 0)
			appendStringInfoChar(json, ',');
		escape_json(json, study->feature_names[k]);
	}
	appendStringInfoString(json, "]}");
}

/*
 * Copy the records of the candidates with the smallest keys to records.  Two
 * candidates with the same key have the same id.
 */
static void
take_records(const Subsample *subsample, const Sample *sample, uint64 *keys, char *records)
{
	uint32		width = SubsampleCandidateWidth(subsample);
	uint32		record_width = SubsampleRecordWidth(subsample);
	uint64		taken = 0;
	uint64		last;

	for (Size i = 0; i < sample->count; i++)
		memcpy(&keys[i], sample->candidates + i * width, sizeof(uint64));
	last = cb_kth_smallest(keys, sample->count, sample->size);
	for (Size i = 0; i < sample->count; i++)
	{
		const uint8 *candidate = sample->candidates + i * width;
		const uint8 *record = candidate + sizeof(uint64);
		uint64		key;

		memcpy(&key, candidate, sizeof(uint64));
		if (key > last)
			continue;
		if (taken == sample->size)
		{
			uint32		cell_id;

			memcpy(&cell_id, record, sizeof(uint32));
			RaiseRepeatedId(cell_id);
		}
		memcpy(records + taken++ * record_width, record, record_width);
	}
}

/* What receives the records of the cells that are taken. */
typedef void (*RecordReceiver) (void *argument, const Sample *sample, const char *record);

/* Sort the records of a sample by id, and hand them over. */
static void
put_records(const Subsample *subsample, const Sample *sample, char *records,
			RecordReceiver receive, void *argument)
{
	uint32		width = SubsampleRecordWidth(subsample);
	int64		previous = -1;

	RadixSort(records, sample->size, width, PG_UINT32_MAX);
	for (uint64 i = 0; i < sample->size; i++)
	{
		const char *record = records + i * width;
		uint32		cell_id;

		if (i % CB_BATCH == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy(&cell_id, record, sizeof(uint32));
		if (cell_id == previous)
			RaiseRepeatedId(cell_id);
		previous = cell_id;
		receive(argument, sample, record);
	}
}

/*
 * Hand over the records of all cells that are taken.  Samples are in the order of
 * the bytes of their names, and the cells of a sample are in the order of their
 * ids.
 */
static void
put_samples(Subsample *subsample, Sample *const *samples, RecordReceiver receive, void *argument)
{
	ErrorContextCallback context = {.callback = SubsampleAddContext, .arg = subsample,
									.previous = error_context_stack};

	error_context_stack = &context;
	for (uint32 i = 0; i < subsample->samples; i++)
	{
		Sample	   *sample = samples[i];
		uint64	   *keys;
		char	   *records;

		CHECK_FOR_INTERRUPTS();
		if (sample->size == 0)
			continue;
		subsample->current = sample;
		keys = MemoryContextAllocHuge(subsample->context, sample->count * sizeof(uint64));
		records = MemoryContextAllocHuge(subsample->context,
										 sample->size * SubsampleRecordWidth(subsample));
		take_records(subsample, sample, keys, records);
		pfree(keys);
		pfree(sample->candidates);
		put_records(subsample, sample, records, receive, argument);
		pfree(records);
	}
	error_context_stack = context.previous;
}

/* Where the codes of the next cell go. */
typedef struct Body
{
	int			features;
	uint8	   *to;
} Body;

static void
put_codes(void *argument, const Sample *sample pg_attribute_unused(), const char *record)
{
	Body	   *body = argument;

	memcpy(body->to, record + sizeof(uint32), body->features);
	body->to += body->features;
}

static uint64
cells_to_take(const Subsample *subsample, Sample *const *samples)
{
	uint64		cells = 0;

	for (uint32 i = 0; i < subsample->samples; i++)
		cells += samples[i]->size;
	return cells;
}

/* Allocate a payload that begins with some bytes and ends with the body, and write the body. */
static bytea *
make_payload(Subsample *subsample, Sample *const *samples, const char *start, Size length)
{
	uint64		cells = cells_to_take(subsample, samples);
	Size		size = length + cells * subsample->study->features;
	bytea	   *payload;
	Body		body;

	if (size > (Size) MaxPayloadSize())
		RaiseTooLarge(psprintf("subsample of study \"%s\"", subsample->study->name),
					  psprintf("The metadata and the " UINT64_FORMAT " cells take %zu bytes",
							   cells, size), NULL);
	payload = palloc_extended(VARHDRSZ + size, MCXT_ALLOC_HUGE);
	AdviseHugePages(payload, VARHDRSZ + size);
	SET_VARSIZE(payload, VARHDRSZ + size);
	if (length > 0)
		memcpy(VARDATA(payload), start, length);
	body.features = subsample->study->features;
	body.to = (uint8 *) VARDATA(payload) + length;
	put_samples(subsample, samples, put_codes, &body);
	return payload;
}

Size
SubsampleMetadataLength(const bytea *payload)
{
	const char *bytes = VARDATA_ANY(payload);
	const char *end = memchr(bytes, SUBSAMPLE_SEPARATOR, VARSIZE_ANY_EXHDR(payload));

	/* Another role can have written the row of the store. */
	if (end == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored subsample has no metadata"),
				 errhint("Call cell_invalidate() for the study.")));
	return end - bytes;
}

bytea *
SubsamplePack(const Study *study, int64 *cells)
{
	Subsample	subsample;
	Sample	  **samples;
	StringInfoData json;
	char	   *metadata;
	bytea	   *payload = NULL;

	SubsampleBegin(&subsample, study, NEEDS_CELLS | NEEDS_EXTREMES, study->subsample_cells,
				   study->subsample_seed);
	samples = read_cells(&subsample);
	*cells = (int64) cells_to_take(&subsample, samples);
	if (subsample.samples > 0)
	{
		initStringInfo(&json);
		append_metadata(&json, &subsample, samples);
		/* JSON is in UTF-8. */
		metadata = pg_server_to_any(json.data, json.len, PG_UTF8);
		if (metadata != json.data)
		{
			resetStringInfo(&json);
			appendStringInfoString(&json, metadata);
		}
		appendStringInfoChar(&json, SUBSAMPLE_SEPARATOR);
		payload = make_payload(&subsample, samples, json.data, json.len);
		pfree(json.data);
	}
	SubsampleEnd(&subsample);
	return payload;
}

/* Begin a call of a function whose first arguments are study and cells. */
static void
begin(Subsample *subsample, FunctionCallInfo fcinfo, SubsampleNeeds needs, int64 seed)
{
	Study	   *study = StudyNamed(OwnSchema(fcinfo), text_to_cstring(PG_GETARG_TEXT_PP(0)),
								   GetActiveSnapshot());

	StudyResolveIntensities(study);
	SubsampleBegin(subsample, study, needs, PG_GETARG_INT64(1), seed);
}

/*
 * cell_subsample_metadata(study text, cells bigint) -> json; strict
 *
 * Returns, for each sample, how many cells are taken and the thresholds of the
 * channels; and the order of the channels.  Errors: those of cell_subsample.
 */
PG_FUNCTION_INFO_V1(cell_subsample_metadata);
Datum
cell_subsample_metadata(PG_FUNCTION_ARGS)
{
	Subsample	subsample;
	StringInfoData json;

	begin(&subsample, fcinfo, NEEDS_EXTREMES, 0);
	initStringInfo(&json);
	append_metadata(&json, &subsample, read_cells(&subsample));
	SubsampleEnd(&subsample);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(json.data, json.len));
}

/*
 * cell_subsample(study text, cells bigint, seed bigint) -> bytea; strict
 *
 * Returns a byte for each channel of each cell that is taken.
 *
 * Errors: 42704 for an unknown study, or one without intensities; 42P01 and
 * 42703 if its source, or a column of the source, no longer exists; 42501 if the
 * caller cannot read the source; 22023 for a negative number of cells; 54000 if
 * the result would be too large; 22003, 22004, 22023, 2202E and 54023 for a
 * cell's intensities or features; 21000 for a repeated cell_id.
 */
PG_FUNCTION_INFO_V1(cell_subsample);
Datum
cell_subsample(PG_FUNCTION_ARGS)
{
	Subsample	subsample;
	bytea	   *body;

	begin(&subsample, fcinfo, NEEDS_CELLS, PG_GETARG_INT64(2));
	body = make_payload(&subsample, read_cells(&subsample), NULL, 0);
	SubsampleEnd(&subsample);
	PG_RETURN_BYTEA_P(body);
}

/* The columns of the result of cell_subsample_rows. */
enum
{
	ROW_SAMPLE,
	ROW_CELL_ID,
	ROW_PHENOTYPES,
	ROW_INTENSITIES,
	ROW_COLUMNS
};

/* What put_row needs to make a row from a record. */
typedef struct Rows
{
	ReturnSetInfo *result;
	int			features;
	MemoryContext per_row;
} Rows;

static void
put_row(void *argument, const Sample *sample, const char *record)
{
	Rows	   *rows = argument;
	MemoryContext caller = MemoryContextSwitchTo(rows->per_row);
	const uint8 *codes = (const uint8 *) record + sizeof(uint32);
	uint32		cell_id;
	uint64		phenotypes;
	Datum		numbers[CB_FEATURES];
	Datum		values[ROW_COLUMNS];
	bool		isnull[ROW_COLUMNS] = {false};

	memcpy(&cell_id, record, sizeof(uint32));
	memcpy(&phenotypes, codes + rows->features, sizeof(uint64));
	for (int k = 0; k < rows->features; k++)
		numbers[k] = Float8GetDatum(cb_minifloat_decode(codes[k]));
	values[ROW_SAMPLE] = PointerGetDatum(cstring_to_text_with_len(sample->name,
																  sample->name_length));
	values[ROW_CELL_ID] = Int64GetDatum(cell_id);
	values[ROW_PHENOTYPES] = Int64GetDatum((int64) phenotypes);
	values[ROW_INTENSITIES] = PointerGetDatum(construct_array(numbers, rows->features, FLOAT8OID,
															  sizeof(float8), FLOAT8PASSBYVAL,
															  TYPALIGN_DOUBLE));
	tuplestore_putvalues(rows->result->setResult, rows->result->setDesc, values, isnull);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(rows->per_row);
}

/*
 * cell_subsample_rows(study text, cells bigint, seed bigint)
 *		-> setof (sample text, cell_id bigint, phenotypes bigint,
 *				  intensities double precision[]); strict
 *
 * Returns the cells that cell_subsample takes, in the order of its body, with the
 * numbers of its codes.  Errors: those of cell_subsample, but there is no limit on
 * the size.
 */
PG_FUNCTION_INFO_V1(cell_subsample_rows);
Datum
cell_subsample_rows(PG_FUNCTION_ARGS)
{
	Subsample	subsample;
	Rows		rows = {.result = (ReturnSetInfo *) fcinfo->resultinfo};

	InitMaterializedSRF(fcinfo, 0);
	begin(&subsample, fcinfo, NEEDS_CELLS | NEEDS_PHENOTYPES, PG_GETARG_INT64(2));
	rows.features = subsample.study->features;
	rows.per_row = AllocSetContextCreate(CurrentMemoryContext, "cell_binary row",
										 ALLOCSET_SMALL_SIZES);
	put_samples(&subsample, read_cells(&subsample), put_row, &rows);
	SubsampleEnd(&subsample);
	return (Datum) 0;
}
