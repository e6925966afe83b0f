/*
 * subsample_cells.h
 *		The samples of a study, the cells that a subsample takes of each, and the
 *		extremes of their channels.
 *
 * A call makes one or two passes over the cells of a study.  A scan reads them
 * for a pass (subsample_scan.c), or the executor does (subsample_read.c).
 */
#ifndef CELL_BINARY_SUBSAMPLE_CELLS_H
#define CELL_BINARY_SUBSAMPLE_CELLS_H

#include "compat.h"

#include "format/cell.h"
#include "smprofiler/numbers.h"
#include "smprofiler/sampling.h"
#include "study/registry.h"
#include "study/source.h"

typedef enum SubsamplePass
{
	PASS_COUNT,					/* count the cells of each sample */
	PASS_TAKE,					/* take cells of each sample */
	PASS_EXTREMES				/* count the cells, and find the extremes */
} SubsamplePass;

/* A sample of the study. */
typedef struct Sample
{
	const char *name;
	int			name_length;
	uint64		cells;			/* number that was counted */
	uint64		size;			/* number that is taken */
	uint64		seen;			/* cells in the second pass */
	CbExtremes *extremes;		/* for the metadata */
	CbSelection selection;		/* for the body */
	uint8	   *records;		/* of the cells that are taken: cell_id, and a
								 * code for each channel */
} Sample;

/* The state of one call of cell_subsample or cell_subsample_metadata. */
typedef struct Subsample
{
	Study	   *study;
	bool		is_double;		/* the intensities are double precision */
	Source		source;
	uint64		cells;			/* number that was asked for */
	uint64		seed;
	SubsamplePass pass;
	bool		no_guess;		/* PASS_TAKE does not guess which keys are too large */
	MemoryContext context;		/* for the samples, until the call ends */
	struct sample_table_hash *table;	/* the samples, by name */
	uint32		samples;		/* their number */
	Sample	   *last;			/* the sample of the previous cell */
	const Sample *current;		/* the sample that an error's context names, or
								 * NULL */
	int64		current_id;		/* the cell that it names, or -1 */
} Subsample;

/*
 * Begin and end a call of a function with the arguments study and cells.
 * Errors of the first: 22023 for a negative number of cells, and those of
 * StudyNamed and StudyResolveIntensities.
 */
extern void SubsampleBegin(Subsample *subsample, FunctionCallInfo fcinfo);
extern void SubsampleEnd(Subsample *subsample);

/* An error context callback that names the current sample and cell. */
extern void SubsampleAddContext(void *argument);

/* Begin a pass with no cells, and forget what it has read before. */
extern void SubsampleBeginPass(Subsample *subsample);

/* Return the sample with this name, which is created if it is new. */
extern Sample *SubsampleSample(Subsample *subsample, const char *name, int length);

/*
 * Return the samples in the order of the bytes of their names, each with the
 * number of cells to take of it.  All cells must have been counted.
 */
extern Sample **SubsampleSamples(const Subsample *subsample);

/* Raise 40001: two passes with one snapshot have read different cells. */
pg_noreturn extern void RaiseUnsteady(const Study *study);

/* Return the bytes of a cell that is taken, with its id. */
static inline uint32
SubsampleRecordWidth(const Subsample *subsample)
{
	return sizeof(uint32) + subsample->study->features;
}

/*
 * Add a cell in PASS_TAKE.  Inline this where is_double is a constant.  Errors:
 * 40001 if the sample had fewer cells in PASS_COUNT.
 */
static pg_attribute_always_inline void
SubsampleTake(Subsample *subsample, Sample *sample, uint32 cell_id, const char *intensities,
			  const bool is_double)
{
	uint32		place;
	uint8	   *record;

	if (unlikely(sample->seen++ == sample->cells))
		RaiseUnsteady(subsample->study);
	place = cb_select(&sample->selection, cb_subsample_key(subsample->seed, cell_id));
	if (place == CB_LEFT)
		return;
	record = sample->records + (uint64) place * SubsampleRecordWidth(subsample);
	memcpy(record, &cell_id, sizeof(uint32));
	if (is_double)
		cb_doubles_encode(intensities, subsample->study->features, record + sizeof(uint32));
	else
		cb_floats_encode(intensities, subsample->study->features, record + sizeof(uint32));
}

/* Add a cell in PASS_EXTREMES, as above. */
static pg_attribute_always_inline void
SubsampleExtend(Subsample *subsample, Sample *sample, uint64 phenotypes, const char *intensities,
				const bool is_double)
{
	sample->cells++;
	if (is_double)
		cb_double_extremes_add(sample->extremes, intensities, subsample->study->features,
							   phenotypes);
	else
		cb_float_extremes_add(sample->extremes, intensities, subsample->study->features,
							  phenotypes);
}

#endif							/* CELL_BINARY_SUBSAMPLE_CELLS_H */
