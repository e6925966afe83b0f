/*
 * subsample_read.h
 *		Reading the cells of a study for a subsample: its samples, and a cell with
 *		its intensities from a row.  Which cells are taken is decided in subsample.c.
 */
#ifndef CELL_BINARY_SUBSAMPLE_READ_H
#define CELL_BINARY_SUBSAMPLE_READ_H

#include "compat.h"

#include "format/cell.h"
#include "smprofiler/sampling.h"
#include "study/registry.h"
#include "study/source.h"

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

/* A call of one of the functions. */
typedef struct Subsample
{
	Study	   *study;
	Source		source;
	uint64		cells;			/* that are asked for */
	uint64		seed;
	MemoryContext context;		/* for the samples, until the call ends */
	MemoryContext per_row;
	struct sample_table_hash *table;	/* the samples by name */
	uint32		samples;		/* how many there are */
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

/* Begin a call of a function with the arguments study and cells; end it. */
extern void SubsampleBegin(Subsample *subsample, FunctionCallInfo fcinfo);
extern void SubsampleEnd(Subsample *subsample);

/* An error context callback that names the current sample and cell. */
extern void SubsampleAddContext(void *argument);

/* Run a query of the source, and call a function for each row. */
extern void SubsampleReadSource(Subsample *subsample, SourceQuery query, SourceRow function);

/* The sample of that name; made if there was none. */
extern Sample *SubsampleSample(Subsample *subsample, const text *name);

/* A cell from a row of SOURCE_INTENSITIES, of which every column is checked. */
extern void SubsampleReadCell(Subsample *subsample, TupleTableSlot *row, Cell *cell);

/*
 * The samples in the order of their names' bytes, now that all cells are counted,
 * each with how many cells are to be taken of it.
 */
extern Sample **SubsampleSamples(const Subsample *subsample);

#endif							/* CELL_BINARY_SUBSAMPLE_READ_H */
