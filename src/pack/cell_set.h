/*
 * cell_set.h
 *		The cells of one payload while they are collected: the state of the
 *		aggregates cell_pack and cell_pack_intensities.
 *
 * Cells stand in one growable buffer, as records.  A record is a cell of
 * layout compact; or, for a layout that takes untruncated positions, a
 * Centroid; or a byte for each channel, the intensities of a cell.  It is
 * preceded by the cell's id where that is needed: while ids are those of the
 * row before plus one, as they come from a table in the order of its key, the
 * first one tells all.
 */
#ifndef CELL_BINARY_CELL_SET_H
#define CELL_BINARY_CELL_SET_H

#include "compat.h"

#include "format/compact.h"
#include "format/layout.h"
#include "pack/record_trim.h"

/* A cell with an untruncated position. */
typedef struct Centroid
{
	double		x;
	double		y;
	uint64		phenotypes;
} Centroid;

StaticAssertDecl(sizeof(Centroid) == 24, "Centroid has padding");

typedef struct CellSet
{
	const CbLayout *layout;		/* NULL: records are intensities */
	bool		has_ids;
	bool		has_fractions;	/* records are Centroids */
	bool		stores_ids;		/* records start with their ids */
	bool		ascending;		/* so far ids came strictly ascending */
	bool		is_finished;	/* the buffer has become the result */
	bool		is_trimmed;		/* records are trimmed */
	uint32		body;			/* bytes of a record behind its id */
	uint32		width;			/* of a record */
	uint32		first_id;		/* of the first record */
	int64		last_id;		/* of the last one, if ids are stored; -1
								 * before the first */
	uint32		differing_bits; /* the highest one is the highest bit in which
								 * stored ids differ */
	CbExtent	extent;			/* of the cells, if the layout needs it */
	uint64		count;
	uint64		capacity;
	uint64		max_count;		/* that fit into a payload */
	Size		size;			/* of the buffer */
	char	   *buffer;			/* room for a bytea's and the layout's header,
								 * then the records */
	char	   *records;
	RecordTrim	trim;
} CellSet;

/*
 * Start a set of cells for a payload in that layout.  It is allocated in a
 * child of the aggregate's context: one for all groups.
 */
extern CellSet *CellSetCreate(MemoryContext aggcontext, const CbLayout *layout,
							  bool has_ids, bool has_fractions);

/* The same for the intensities of cells in so many channels. */
extern CellSet *CellSetCreateIntensities(MemoryContext aggcontext, uint32 channels);

/* The same for cells that are to be merged with those of another set. */
extern CellSet *CellSetCreateLike(MemoryContext aggcontext, const CellSet *other);

/* Make room for so many more records, or report that they don't fit. */
extern void CellSetGrow(CellSet *set, uint64 more);

/* Start to store ids, as they don't follow from the first any longer. */
extern void CellSetStoreIds(CellSet *set);

/* Raise 22023: the arrays of intensities of a payload have different lengths. */
pg_noreturn extern void RaiseMixedChannels(uint32 first, uint32 other);

/* Add all cells of another set, which is left as it is. */
extern void CellSetMerge(CellSet *set, const CellSet *other);

/*
 * The payload.  Where it is one cell after another it is made in the set's own
 * buffer, so that cells cannot be added any more; otherwise it is allocated in
 * the current context.
 */
extern bytea *CellSetPayload(CellSet *set);

/* Copy up to CB_BATCH cells, from first on, into a batch. */
extern void CellSetLoadBatch(const CellSet *set, uint64 first, CbBatch *batch);

/*
 * Bytes before the records.  As many as before a payload's cells, so that the
 * payload can be built where the records are.
 */
static inline Size
CellSetHeaderRoom(const CbLayout *layout)
{
	return VARHDRSZ + (layout != NULL && layout->cell_size > 0 ? layout->header_size : 0);
}

/* Bytes of a record that is not trimmed. */
static inline uint32
CellSetRecordWidth(const CellSet *set)
{
	return set->body + (set->stores_ids ? ID_SIZE : 0);
}

/* The address of a further record of the set's width. */
static inline uint8 *
CellSetNext(CellSet *set)
{
	if (unlikely(set->count == set->capacity))
		CellSetGrow(set, 1);
	return (uint8 *) set->records + set->width * set->count++;
}

/* The address of a further record, behind its id if that is stored. */
static inline uint8 *
CellSetNextWithId(CellSet *set, uint32 cell_id)
{
	uint8	   *record;

	if (unlikely(set->count == 0))
		set->first_id = cell_id;

	if (!set->stores_ids)
	{
		if (likely(cell_id == set->first_id + set->count))
			return CellSetNext(set);
		CellSetStoreIds(set);
	}

	record = CellSetNext(set);
	memcpy(record, &cell_id, sizeof(cell_id));
	/* Without a branch: in random order it would be mispredicted. */
	set->ascending &= cell_id > set->last_id;
	set->last_id = cell_id;
	set->differing_bits |= cell_id ^ set->first_id;
	return record + sizeof(cell_id);
}

/* Write a cell with an untruncated position where a record is to have it. */
static inline void
CellSetPutCentroid(uint8 *record, double x, double y, uint64 phenotypes)
{
	Centroid	centroid = {x, y, phenotypes};

	memcpy(record, &centroid, sizeof(centroid));
}

#endif							/* CELL_BINARY_CELL_SET_H */
