/*
 * cell_set.h
 *		The cells of one payload while they are collected: the state of the
 *		aggregate cell_pack.
 *
 * Cells stand in one growable buffer, as records of one of three forms.
 */
#ifndef CELL_BINARY_CELL_SET_H
#define CELL_BINARY_CELL_SET_H

#include "compat.h"

#include "core/compact.h"
#include "core/layout.h"

typedef enum CellForm
{
	CELLS_WITHOUT_ID,			/* already cells of layout compact, in order */
	CELLS_WITH_ID,				/* PixelRecord */
	CELLS_WITH_CENTROID			/* CentroidRecord, for layouts that take
								 * fractions */
} CellForm;

/* The mask is split so that a record has no padding. */
typedef struct PixelRecord
{
	uint32		cell_id;
	int32		x;
	int32		y;
	uint32		phenotypes_low;
	uint32		phenotypes_high;
} PixelRecord;

typedef struct CentroidRecord
{
	uint32		cell_id;
	uint32		unused;
	double		x;
	double		y;
	uint64		phenotypes;
} CentroidRecord;

StaticAssertDecl(sizeof(PixelRecord) == 20, "PixelRecord has padding");
StaticAssertDecl(sizeof(CentroidRecord) == 32, "CentroidRecord has padding");

typedef struct CellSet
{
	CellForm	form;
	const CbLayout *layout;
	uint32		width;			/* of a record */
	uint32		last_id;		/* of the record that came last */
	bool		ascending;		/* so far ids came strictly ascending */
	uint64		count;
	uint64		capacity;
	uint64		max_count;		/* that fit into a payload */
	char	   *buffer;			/* room for a bytea's and the layout's header,
								 * then the records */
	char	   *records;
} CellSet;

/*
 * Start a set of cells for a payload in that layout.  It is allocated in a
 * child of the aggregate's context: one for all groups.
 */
extern CellSet *CellSetCreate(MemoryContext aggcontext, CellForm form,
							  const CbLayout *layout);

/* Make room for so many more records, or report that they don't fit. */
extern void CellSetGrow(CellSet *set, uint64 more);

/* Add all cells of another set, which is left as it is. */
extern void CellSetMerge(CellSet *set, const CellSet *other);

/*
 * The payload.  Without ids it is the set's own buffer; with them it is
 * allocated in the current context and the records are left sorted.
 */
extern bytea *CellSetPayload(CellSet *set);

/* A set as bytes for another process of the same server, and back. */
extern bytea *CellSetSerialize(const CellSet *set);

/*
 * The set that comes back lives in the current context, cannot grow, and its
 * records are those in the bytes: both only as long as the bytes do.
 */
extern CellSet *CellSetDeserialize(const bytea *bytes);

/* The address of a further record of the set's width. */
static inline void *
CellSetNext(CellSet *set)
{
	if (unlikely(set->count == set->capacity))
		CellSetGrow(set, 1);
	return set->records + set->width * set->count++;
}

/* Note the id of the record just added. */
static inline void
CellSetNoteId(CellSet *set, uint32 cell_id)
{
	if (unlikely(cell_id <= set->last_id && set->count > 1))
		set->ascending = false;
	set->last_id = cell_id;
}

/* Add a cell without an id. */
static inline void
CellSetAddCell(CellSet *set, int32 x, int32 y, uint64 phenotypes)
{
	cb_compact_put_cell(CellSetNext(set), x, y, phenotypes);
}

/* Add a cell with an id. */
static inline void
CellSetAddPixel(CellSet *set, uint32 cell_id, int32 x, int32 y, uint64 phenotypes)
{
	PixelRecord *record = CellSetNext(set);

	record->cell_id = cell_id;
	record->x = x;
	record->y = y;
	record->phenotypes_low = (uint32) phenotypes;
	record->phenotypes_high = (uint32) (phenotypes >> 32);
	CellSetNoteId(set, cell_id);
}

/* Add a cell with an id and an untruncated position. */
static inline void
CellSetAddCentroid(CellSet *set, uint32 cell_id, double x, double y, uint64 phenotypes)
{
	CentroidRecord *record = CellSetNext(set);

	record->cell_id = cell_id;
	record->unused = 0;
	record->x = x;
	record->y = y;
	record->phenotypes = phenotypes;
	CellSetNoteId(set, cell_id);
}

#endif							/* CELL_BINARY_CELL_SET_H */
