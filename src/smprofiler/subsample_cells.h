/*
 * subsample_cells.h
 *		The samples of a study, the cells that a subsample may take of each, and
 *		the extremes of their channels.
 *
 * A scan reads the cells of a study (subsample_scan.c), or the executor does
 * (subsample_read.c).  How many cells are taken of a sample is known only at the
 * end; until then, the cells whose keys are small enough are kept as candidates.
 * In the rare case that these are too few, a second reading keeps more.
 */
#ifndef CELL_BINARY_SUBSAMPLE_CELLS_H
#define CELL_BINARY_SUBSAMPLE_CELLS_H

#include "compat.h"

#include "format/cell.h"
#include "smprofiler/extremes.h"
#include "smprofiler/sampling.h"
#include "study/registry.h"

/* What a call needs of the cells; the values are bits. */
typedef enum SubsampleNeeds
{
	NEEDS_CELLS = 1,			/* the cells that are taken */
	NEEDS_PHENOTYPES = 2,		/* and their phenotypes */
	NEEDS_EXTREMES = 4,			/* the extremes of the channels */
} SubsampleNeeds;

/*
 * A sample of the study.  A candidate is its key and its record: its cell_id, a
 * code for each channel and, if they are needed, its phenotypes.
 */
typedef struct Sample
{
	const char *name;
	int			name_length;
	bool		is_virtual;		/* its cells are left out */
	uint64		cells;			/* read so far */
	uint64		size;			/* number to take, once all cells are read */
	CbExtremes *extremes;
	uint64		limit;			/* keys above it are no candidates */
	Size		count;			/* of candidates */
	Size		room;			/* for candidates */
	uint8	   *candidates;
} Sample;

/* The state of one call. */
typedef struct Subsample
{
	const Study *study;
	SubsampleNeeds needs;
	bool		is_double;		/* the intensities are double precision */
	uint64		wanted;			/* number of cells that was asked for */
	uint64		seed;
	double		deviations;		/* for cb_candidate_limit */
	MemoryContext context;		/* for the samples, until the call ends */
	struct sample_table_hash *table;	/* the samples, by name */
	uint32		samples;		/* their number */
	uint64		cells;			/* of all samples, read so far */
	Size		candidates;		/* of all samples */
	Size		most_candidates;	/* from here on, some of all samples are dropped */
	Sample	   *last;			/* the sample of the previous cell */
	const Sample *current;		/* the sample that an error's context names, or
								 * NULL */
	int64		current_id;		/* the cell that it names, or -1 */
} Subsample;

/*
 * Begin and end a call for a study whose intensities are resolved.  Errors of
 * the first: 22023 for a negative number of cells.
 */
extern void SubsampleBegin(Subsample *subsample, const Study *study, SubsampleNeeds needs,
						   int64 cells, int64 seed);
extern void SubsampleEnd(Subsample *subsample);

/* An error context callback that names the current sample and cell. */
extern void SubsampleAddContext(void *argument);

/* Begin to read the cells, and forget what was read before. */
extern void SubsampleBeginCells(Subsample *subsample);

/* Return the sample with this name, which is created if it is new. */
extern Sample *SubsampleSample(Subsample *subsample, const char *name, int length);

/*
 * Return the samples in the order of the bytes of their names, each with the
 * number of cells to take of it.  All cells must have been read.  Errors: 54000
 * as below.
 */
extern Sample **SubsampleSamples(const Subsample *subsample);

/*
 * Make room for another candidate of a sample.  Errors: 54000 if the cells to
 * take do not fit into a payload.
 */
extern void SubsampleMakeRoom(Subsample *subsample, Sample *sample);

/* Return the bytes of the record of a candidate. */
static inline uint32
SubsampleRecordWidth(const Subsample *subsample)
{
	return sizeof(uint32) + subsample->study->features +
		(subsample->needs & NEEDS_PHENOTYPES ? sizeof(uint64) : 0);
}

/* Return the bytes of a candidate, which is a record after its key. */
static inline uint32
SubsampleCandidateWidth(const Subsample *subsample)
{
	return sizeof(uint64) + SubsampleRecordWidth(subsample);
}

/*
 * Add a cell of a sample that is not virtual.  Inline this where needs and
 * is_double are constants.
 */
static pg_attribute_always_inline void
SubsampleAdd(Subsample *subsample, Sample *sample, uint32 cell_id, uint64 phenotypes,
			 const char *intensities, const SubsampleNeeds needs, const bool is_double)
{
	int			features = subsample->study->features;
	uint8	   *candidate;
	uint64		key;

	sample->cells++;
	subsample->cells++;
	if (needs & NEEDS_EXTREMES)
	{
		if (is_double)
			cb_double_extremes_add(sample->extremes, intensities, features, phenotypes);
		else
			cb_float_extremes_add(sample->extremes, intensities, features, phenotypes);
	}
	if (!(needs & NEEDS_CELLS))
		return;
	key = cb_subsample_key(subsample->seed, cell_id);
	if (key > sample->limit)
		return;
	if (unlikely(sample->count == sample->room))
		SubsampleMakeRoom(subsample, sample);
	subsample->candidates++;
	candidate = sample->candidates + sample->count++ * SubsampleCandidateWidth(subsample);
	memcpy(candidate, &key, sizeof(uint64));
	memcpy(candidate + sizeof(uint64), &cell_id, sizeof(uint32));
	candidate += sizeof(uint64) + sizeof(uint32);
	if (is_double)
		cb_doubles_encode(intensities, features, candidate);
	else
		cb_floats_encode(intensities, features, candidate);
	if (needs & NEEDS_PHENOTYPES)
		memcpy(candidate + features, &phenotypes, sizeof(uint64));
}

#endif							/* CELL_BINARY_SUBSAMPLE_CELLS_H */
