/*
 * subsample.c
 *		A subsample of a study's cells with their intensities, as SMProfiler
 *		serves it: cell_subsample returns the body, cell_subsample_metadata its
 *		description.  Reading the cells is in subsample_scan.c and
 *		subsample_read.c.
 *
 * Both functions are stable, so all calls in one statement use the statement's
 * snapshot.  Only the cells that are taken are kept in memory.  Their keys
 * decide which cells are taken, not the order of the rows.
 */
#include "smprofiler/subsample_cells.h"

#include "fault.h"
#include "miscadmin.h"
#include "pack/huge_pages.h"
#include "pack/radix_sort.h"
#include "settings.h"
#include "smprofiler/subsample_read.h"
#include "smprofiler/subsample_scan.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

/* Make a pass over all cells, by a scan if a scan can read them. */
static void
make_pass(Subsample *subsample, SubsamplePass pass)
{
	subsample->pass = pass;
	if (!SubsampleScan(subsample))
		SubsampleRead(subsample);
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
	Sample	  **samples;
	StringInfoData json;

	SubsampleBegin(&subsample, fcinfo);
	make_pass(&subsample, PASS_EXTREMES);
	samples = SubsampleSamples(&subsample);

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"subsample_counts\":[");
	for (uint32 i = 0; i < subsample.samples; i++)
	{
		CHECK_FOR_INTERRUPTS();
		appendStringInfo(&json, "%s{\"specimen\":", i > 0 ? "," : "");
		escape_json(&json, samples[i]->name);
		appendStringInfo(&json, ",\"count\":" UINT64_FORMAT ",\"thresholds\":[", samples[i]->size);
		for (int k = 0; k < subsample.study->features; k++)
			appendStringInfo(&json, "%s%d", k > 0 ? "," : "",
							 threshold(&subsample, samples[i], k));
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
	SubsampleEnd(&subsample);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(json.data, json.len));
}

/*
 * Give each sample room for the records of the cells that are taken of it.
 * The body is allocated in the caller's memory context; the keys are released
 * with the subsample.
 */
static bytea *
make_room(Subsample *subsample, Sample **samples)
{
	MemoryContext caller = CurrentMemoryContext;
	uint32		width = SubsampleRecordWidth(subsample);
	uint64		total = 0;
	uint64		fit = MaxPayloadSize() / subsample->study->features;
	bytea	   *body;
	CbTaken    *taken;

	for (uint32 i = 0; i < subsample->samples; i++)
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
	for (uint32 i = 0; i < subsample->samples; i++)
	{
		samples[i]->records = (uint8 *) VARDATA(body) + total * width;
		samples[i]->selection.taken = taken + total;
		total += samples[i]->size;
	}
	return body;
}

/* Return whether the guess which keys are too large has left out a cell to take. */
static bool
fell_short(const Subsample *subsample, Sample *const *samples)
{
	for (uint32 i = 0; i < subsample->samples; i++)
		if (samples[i]->seen == samples[i]->cells &&
			samples[i]->selection.count < samples[i]->size)
			return true;
	return false;
}

/*
 * Sort the cells taken of a sample by id, and move them, without their ids, to
 * the end of the body so far.  That is never after the place where they were.
 */
static uint8 *
append_sample(Subsample *subsample, const Sample *sample, uint8 *to)
{
	uint32		width = SubsampleRecordWidth(subsample);
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
 * Returns a byte for each channel of each cell that is taken.  Samples are in
 * the order of the bytes of their names, and the cells of a sample are in the
 * order of their ids.
 *
 * Errors: 42704 for an unknown study; 42P01 and 42703 if its source, or a
 * column of the source, no longer exists; 55000 if the study has no
 * intensities; 42501 if the caller cannot read the source; 22023 for a
 * negative number of cells; 54000 if the result would be too large; 22003,
 * 22004, 22023, 2202E and 54023 for a cell's intensities or features; 21000
 * for a repeated cell_id; 40001 if the source differs when it is read again.
 */
PG_FUNCTION_INFO_V1(cell_subsample);
Datum
cell_subsample(PG_FUNCTION_ARGS)
{
	Subsample	subsample;
	ErrorContextCallback context = {.callback = SubsampleAddContext, .arg = &subsample};
	Sample	  **samples;
	bytea	   *body;
	uint8	   *end;

	SubsampleBegin(&subsample, fcinfo);
	subsample.seed = (uint64) PG_GETARG_INT64(2);
	make_pass(&subsample, PASS_COUNT);
	samples = SubsampleSamples(&subsample);
	body = make_room(&subsample, samples);
	make_pass(&subsample, PASS_TAKE);
	subsample.no_guess = fell_short(&subsample, samples);
	if (subsample.no_guess)
		make_pass(&subsample, PASS_TAKE);

	context.previous = error_context_stack;
	error_context_stack = &context;
	end = (uint8 *) VARDATA(body);
	for (uint32 i = 0; i < subsample.samples; i++)
	{
		subsample.current = samples[i];
		if (samples[i]->seen != samples[i]->cells)
			RaiseUnsteady(subsample.study);
		end = append_sample(&subsample, samples[i], end);
	}
	error_context_stack = context.previous;
	SET_VARSIZE(body, end - (uint8 *) body);
	SubsampleEnd(&subsample);
	PG_RETURN_BYTEA_P(body);
}
