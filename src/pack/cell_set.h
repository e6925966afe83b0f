/*
 * cell_set.h
 *		The cells of one payload while they are collected: the state of the
 *		aggregates cell_pack and cell_pack_intensities.
 *
 * The cells are records in one buffer that grows.  A record is one of: a cell
 * of layout compact; a Centroid, for a layout that takes untruncated
 * coordinates; in layout intensity, one byte for each channel.  If needed, the
 * cell's id is stored before the record.  It is not needed while each id is the
 * id of the previous row plus one, as when a table is read in the order of its
 * key; then first_id determines all ids.
 */
#ifndef CELL_BINARY_CELL_SET_H
#define CELL_BINARY_CELL_SET_H

#include "compat.h"

#include "format/compact.h"
#include "format/layouts.h"
#include "pack/record_trim.h"

/* A cell with untruncated coordinates. */
typedef struct Centroid
{
	double		x;
	double		y;
	uint64		phenotypes;
} Centroid;

StaticAssertDecl(sizeof(Centroid) == 24, "Centroid has padding");

typedef struct CellSet
{
	const CbLayout *layout;
	bool		has_ids;
	bool		has_fractions;	/* records are Centroids */
	bool		stores_ids;		/* records start with their ids */
	bool		ascending;		/* ids were strictly ascending so far */
	bool		is_finished;	/* the buffer has become the result */
	bool		is_trimmed;		/* records are trimmed */
	uint32		body;			/* bytes of a record after its id */
	uint32		width;			/* of a record */
	uint32		first_id;		/* of the first record */
	int64		last_id;		/* id of the last record, if ids are stored; -1
								 * before the first */
	uint32		differing_bits; /* its highest set bit is the highest bit in
								 * which stored ids differ */
	CbExtent	extent;			/* of the cells, if the layout needs it */
	uint64		count;
	uint64		capacity;
	uint64		max_count;		/* that fit into a payload */
	Size		size;			/* of the buffer */
	Size		expected_size;	/* of the buffer at the end, or 0 if unknown */
	char	   *buffer;			/* room for the headers of the bytea and the
								 * layout, then the records */
	char	   *records;
	RecordTrim	trim;
} CellSet;

/*
 * Create a set of cells for a payload in this layout.  It is allocated in a
 * child of the aggregate's memory context, which all groups share.
 */
extern CellSet *CellSetCreate(MemoryContext aggcontext, const CbLayout *layout,
							  bool has_ids, bool has_fractions);

/* Create a set for the intensities of cells in this number of channels. */
extern CellSet *CellSetCreateIntensities(MemoryContext aggcontext, uint32 channels);

/* Create a set to merge the cells of another set into. */
extern CellSet *CellSetCreateLike(MemoryContext aggcontext, const CellSet *other);

/* Make room for this many more records.  Errors: 54000 if they don't fit. */
extern void CellSetGrow(CellSet *set, uint64 more);

/* Start to store ids, because first_id no longer determines them. */
extern void CellSetStoreIds(CellSet *set);

/*
 * Raise 54000: a payload in a layout would be too large; the detail begins
 * with fact.
 */
pg_noreturn extern void CellSetRaiseTooLarge(const CbLayout *layout, const char *fact);

/* Assert what every function must leave true. */
extern void CellSetCheck(const CellSet *set);

/* Copy up to CB_BATCH cells, starting at first, into a batch. */
extern void CellSetLoadBatch(const CellSet *set, uint64 first, CbBatch *batch);

/*
 * Return the bytes before the records.  They equal the bytes before a
 * payload's cells, so that the payload can be built in the place of the
 * records.
 */
static inline Size
CellSetHeaderRoom(const CbLayout *layout)
{
	return VARHDRSZ + (layout->cell_size > 0 ? layout->header_size : 0);
}

/* Return the bytes of a record that is not trimmed. */
static inline uint32
CellSetRecordWidth(const CellSet *set)
{
	return set->body + (set->stores_ids ? ID_SIZE : 0);
}

/* Copy a record without an id to a record with an id. */
static inline void
CellSetSpreadRecord(char *to, const char *from, uint32 from_width, uint32 cell_id)
{
	memmove(to + ID_SIZE, from, from_width);
	memcpy(to, &cell_id, ID_SIZE);
}

/* Add a record of the set's width, and return its address. */
static inline uint8 *
CellSetNext(CellSet *set)
{
	if (unlikely(set->count == set->capacity))
		CellSetGrow(set, 1);
	return (uint8 *) set->records + set->width * set->count++;
}

/*
 * Add a record with its id, if ids are stored, and return the address after
 * the id.
 */
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
	/*
	 * Not a branch, because it would be mispredicted if ids come in random
	 * order.
	 */
	set->ascending &= cell_id > set->last_id;
	set->last_id = cell_id;
	set->differing_bits |= cell_id ^ set->first_id;
	return record + sizeof(cell_id);
}

/* A cell of a row, for CellSetAdd. */
typedef struct RowCell
{
	uint32		cell_id;		/* if the set has ids */
	double		x;				/* if the row's coordinates can have fractions */
	double		y;
	int32		pixel_x;		/* truncated, if so */
	int32		pixel_y;
	uint64		phenotypes;
} RowCell;

/*
 * Return whether truncation of a coordinate gives an int32.  The comparison is
 * also false for NaN.
 */
static inline bool
FitsPixel(double coordinate)
{
	return coordinate > (double) PG_INT32_MIN - 1 && coordinate < (double) PG_INT32_MAX + 1;
}

/*
 * Add a cell.  Inline this where the flags are constants, so that the compiler
 * removes the code that is not needed: with_id must be the set's has_ids,
 * fractions says whether x and y are set, and any_layout is false if the
 * layout is compact.
 */
static pg_attribute_always_inline void
CellSetAdd(CellSet *set, const RowCell *cell, const bool with_id, const bool fractions,
		   const bool any_layout)
{
	uint8	   *record;

	if (any_layout && set->layout->needs_extent)
		cb_extent_add(&set->extent, fractions ? cell->x : cell->pixel_x,
					  fractions ? cell->y : cell->pixel_y);
	record = with_id ? CellSetNextWithId(set, cell->cell_id) : CellSetNext(set);
	if (any_layout && set->has_fractions)
	{
		Centroid	centroid = {cell->x, cell->y, cell->phenotypes};

		memcpy(record, &centroid, sizeof(centroid));
	}
	else
		cb_compact_put_cell(record, cell->pixel_x, cell->pixel_y, cell->phenotypes);
}

#endif							/* CELL_BINARY_CELL_SET_H */
