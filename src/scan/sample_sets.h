/*
 * sample_sets.h
 *		A set of cells for each sample, by the bytes of the sample.
 *
 * The rows of a sample mostly come one after another, so the sample of a row is
 * first compared with that of the row before.
 *
 * The sets of all other samples may take as much memory as a hash table of the
 * executor (work_mem times hash_mem_multiplier).  When they take more, they are
 * written to a temporary file, and merged at the end with the cells that came
 * later.  What remains in memory of each sample and of each set in the file may
 * take as much again; the executor groups the rows if it takes more.
 */
#ifndef CELL_BINARY_SAMPLE_SETS_H
#define CELL_BINARY_SAMPLE_SETS_H

#include "compat.h"

#include "pack/cell_set.h"
#include "scan/scanned_aggregate.h"
#include "heap/heap_compat.h"

/* The most samples, each of which has a payload. */
#define MOST_SAMPLES 100000

/* The cells of a sample. */
typedef struct SampleSet
{
	ValueBytes	sample;
	CellSet    *set;			/* NULL if all its cells are in the file */
	Size		held;			/* size of the set, as counted in SampleSets */
	List	   *written;		/* WrittenSets, in the order of their cells */
} SampleSet;

typedef struct SampleSets
{
	MemoryContext context;
	const CbLayout *layout;
	uint32		channels;		/* in a layout of intensities */
	bool		grouped;
	bool		with_id;
	bool		fractions;
	struct samples_hash *hash;
	List	   *all;			/* in the order of their first rows */
	int			next;			/* number of the set whose payload is next */
	Size		memory;			/* that all sets but the current may take */
	Size		held;			/* that they take */
	Size		fixed;			/* that is taken by what cannot be written */
	Size		largest;		/* size of the largest buffer before the current */
	BufFile    *file;			/* NULL before the first set is written */
	SampleSet  *current;		/* of the last row; NULL before the first */
} SampleSets;

/* Begin with no sets.  They are made in this memory context, or its children. */
extern void SampleSetsBegin(SampleSets *sets, const ScanTask *task, const CbLayout *layout,
							uint32 channels, bool with_id, bool fractions);

/*
 * Go to the set of a sample that is not that of the last row; write the other
 * sets to the file if they take too much memory.  Returns NULL if there are too
 * many samples, or too many sets in the file.
 */
extern CellSet *SampleSetsGoTo(SampleSets *sets, ValueBytes sample);

/*
 * Return the next sample's payload, or false after the last one.  If the rows
 * are not grouped, there is one payload, which is 0 without cells.
 */
extern bool SampleSetsNext(SampleSets *sets, ScanResult *result);

/* Close the file, unless an error does. */
extern void SampleSetsEnd(SampleSets *sets);

/*
 * Return the set of a row; NULL if its sample, which is in this column, cannot be
 * read, or if there are too many.
 */
static inline CellSet *
SampleSetsOf(SampleSets *sets, const ColumnTerm *column, const TableScan *scan, const uint8 *data)
{
	const SampleSet *current = sets->current;
	int32		offset;
	ValueBytes	sample;

	if (!sets->grouped)
		return current->set;
	offset = scan->shape.offset[column->number - 1];
	if (unlikely(offset == COLUMN_IS_NULL))
		return NULL;
	sample = ReadBytes(data + offset, column->type);
	if (unlikely(sample.length < 0))
		return NULL;
	if (likely(current != NULL && sample.length == current->sample.length &&
			   SameBytes(sample.bytes, current->sample.bytes, sample.length)))
		return current->set;
	return SampleSetsGoTo(sets, sample);
}

#endif							/* CELL_BINARY_SAMPLE_SETS_H */
