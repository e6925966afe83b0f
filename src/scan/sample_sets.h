/*
 * sample_sets.h
 *		A set of cells for each sample, by the bytes of the sample.
 *
 * The rows of a sample mostly come one after another, so the sample of a row is
 * first compared with that of the row before.
 */
#ifndef CELL_BINARY_SAMPLE_SETS_H
#define CELL_BINARY_SAMPLE_SETS_H

#include "compat.h"

#include "pack/cell_set.h"
#include "scan/scanned_aggregate.h"

/* The cells of a sample. */
typedef struct SampleSet
{
	ValueBytes	sample;
	CellSet    *set;
} SampleSet;

typedef struct SampleSets
{
	MemoryContext context;
	const CbLayout *layout;
	bool		grouped;
	bool		with_id;
	bool		fractions;
	struct samples_hash *hash;
	List	   *all;			/* in the order of their first rows */
	int			next;			/* number of the set whose payload is next */
	SampleSet  *current;		/* of the last row; NULL before the first */
} SampleSets;

/* Begin with no sets.  They are made in this memory context, or its children. */
extern void SampleSetsBegin(SampleSets *sets, const ScanTask *task, const CbLayout *layout,
							bool with_id, bool fractions);

/* Go to the set of a sample that is not that of the last row. */
extern CellSet *SampleSetsGoTo(SampleSets *sets, ValueBytes sample);

/*
 * Return the next sample's payload, or false after the last one.  If the rows
 * are not grouped, there is one payload, which is 0 without cells.
 */
extern bool SampleSetsNext(SampleSets *sets, ScanResult *result);

/* Return the set of a row's sample. */
static inline CellSet *
SampleSetsFind(SampleSets *sets, ValueBytes sample)
{
	const SampleSet *current = sets->current;

	if (likely(current != NULL && sample.length == current->sample.length &&
			   SameBytes(sample.bytes, current->sample.bytes, sample.length)))
		return current->set;
	return SampleSetsGoTo(sets, sample);
}

#endif							/* CELL_BINARY_SAMPLE_SETS_H */
