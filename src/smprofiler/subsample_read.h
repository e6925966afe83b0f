/*
 * subsample_read.h
 *		Reading the cells of a study for a subsample: its samples, and each
 *		cell with its intensities.  Which cells are taken is decided in
 *		subsample.c.
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
	uint64		cells;			/* number that was counted */
	uint64		size;			/* number that is taken */
	uint64		seen;			/* cells in the second read */
	CbChannel  *channels;		/* for the metadata */
	CbSelection selection;		/* for the body */
	uint8	   *records;		/* of the cells that are taken: cell_id, and a
								 * code for each channel */
} Sample;

/* The state of one call of cell_subsample or cell_subsample_metadata. */
typedef struct Subsample
{
	Study	   *study;
	Source		source;
	uint64		cells;			/* number that was asked for */
	uint64		seed;
	MemoryContext context;		/* for the samples, until the call ends */
	MemoryContext per_row;
	struct sample_table_hash *table;	/* the samples, by name */
	uint32		samples;		/* their number */
	Sample	   *last;			/* the sample of the previous row */
	const Sample *current;		/* the sample that an error's context names, or
								 * NULL */
	int64		current_id;		/* the cell that it names, or -1 */
} Subsample;

/* A cell, as read from a row of the source. */
typedef struct Cell
{
	Sample	   *sample;
	uint32		cell_id;
	uint64		phenotypes;
	uint8		codes[CB_FEATURES];
} Cell;

/*
 * Begin and end a call of a function with the arguments study and cells.
 * Errors of the first: 22023 for a negative number of cells, and those of
 * StudyNamed and StudyResolveIntensities.
 */
extern void SubsampleBegin(Subsample *subsample, FunctionCallInfo fcinfo);
extern void SubsampleEnd(Subsample *subsample);

/* An error context callback that names the current sample and cell. */
extern void SubsampleAddContext(void *argument);

/* Run a query of the source, and call a function for each row. */
extern void SubsampleReadSource(Subsample *subsample, SourceQuery query, SourceRow function);

/* Return the sample with this name, which is created if it is new. */
extern Sample *SubsampleSample(Subsample *subsample, const text *name);

/* Read a cell from a row of SOURCE_INTENSITIES, and check every column. */
extern void SubsampleReadCell(Subsample *subsample, TupleTableSlot *row, Cell *cell);

/*
 * Return the samples in the order of the bytes of their names, each with the
 * number of cells to take of it.  All cells must have been counted.
 */
extern Sample **SubsampleSamples(const Subsample *subsample);

#endif							/* CELL_BINARY_SUBSAMPLE_READ_H */
