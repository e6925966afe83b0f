/*
 * cells.h
 *		Reading the cells of a table: the columns that are the arguments of
 *		cell_pack, and the phenotypes alone.
 */
#ifndef CELL_BINARY_CELLS_H
#define CELL_BINARY_CELLS_H

#include "compat.h"

#include "format/byteorder.h"
#include "pack/cell_set.h"
#include "scan/table_scan.h"

/* Eight adjacent columns of type boolean, which are read at once. */
typedef struct EightFeatures
{
	int32		offset;			/* in the data of a tuple */
	int			bit;			/* of the first one */
} EightFeatures;

/* The columns of the phenotypes, and how to read them from the tuples of a shape. */
typedef struct PhenotypeColumns
{
	PhenotypesTerm term;
	bool		has_null;		/* a column is null */
	int			eights;
	EightFeatures eight[CB_FEATURES / 8 * 2];
	int			singles;
	int			single[CB_FEATURES];	/* features that are not in an eight */
} PhenotypeColumns;

/* Return the number of the last column, or last if that is higher. */
extern int	PhenotypesLastColumn(const PhenotypeColumns *columns, int last);

/* Prepare to read the tuples of a shape. */
extern void PhenotypesFit(PhenotypeColumns *columns, const TupleShape *shape);

typedef struct Cells
{
	bool		with_id;
	bool		fractions;		/* the coordinates are cast to double precision */
	ColumnTerm	cell_id;
	ColumnTerm	x;
	ColumnTerm	y;
	PhenotypeColumns phenotypes;
	uint64		shape;			/* which one, as scan->shapes counts them */
	bool		has_null;		/* a column is null */
} Cells;

/*
 * Recognize the arguments of cell_pack, without the layout.  Returns NULL, or
 * says which argument a scan cannot read.
 */
extern const char *CellsRecognize(Cells *cells, List *arguments);

/* Return the number of the last column that is read. */
extern int	CellsLastColumn(const Cells *cells);

/* Prepare to read the tuples of the current shape. */
extern void CellsFit(Cells *cells, const TableScan *scan);

/* Gather eight bytes, each 0 or 1, into the bits of one. */
static inline uint64
GatherBits(const uint8 *bytes)
{
	return cb_get_le64(bytes) * UINT64CONST(0x0102040810204080) >> 56;
}

/* Read the phenotypes.  Returns false if an integer feature is neither 0 nor 1. */
static pg_attribute_always_inline bool
PhenotypesRead(const PhenotypeColumns *columns, const TupleShape *shape, const uint8 *data,
			   uint64 *phenotypes)
{
	const PhenotypesTerm *term = &columns->term;

	if (term->phenotypes.number != 0)
	{
		*phenotypes = ReadInteger(data + shape->offset[term->phenotypes.number - 1],
								  term->phenotypes.type);
		return true;
	}
	*phenotypes = 0;
	for (int i = 0; i < columns->eights; i++)
		*phenotypes |= GatherBits(data + columns->eight[i].offset) << columns->eight[i].bit;
	for (int i = 0; i < columns->singles; i++)
	{
		int			bit = columns->single[i];
		const ColumnTerm *column = &term->feature[bit];
		const uint8 *value = data + shape->offset[column->number - 1];
		uint64		positive = column->type == BOOLOID ? *value != 0 :
			(uint64) ReadInteger(value, column->type);

		if (unlikely(positive > 1))
			return false;
		*phenotypes |= positive << bit;
	}
	return true;
}

/*
 * Read a cell.  Inline this where the flags are constants.  Returns false if
 * cell_pack would raise an error.
 */
static pg_attribute_always_inline bool
CellsRead(const Cells *cells, const TupleShape *shape, const uint8 *data, RowCell *cell,
		  const bool with_id, const bool fractions)
{
	const uint8 *x = data + shape->offset[cells->x.number - 1];
	const uint8 *y = data + shape->offset[cells->y.number - 1];

	if (unlikely(cells->has_null))
		return false;
	if (with_id)
	{
		int64		cell_id = ReadInteger(data + shape->offset[cells->cell_id.number - 1],
										  cells->cell_id.type);

		if (unlikely(cell_id < 0 || cell_id > PG_UINT32_MAX))
			return false;
		cell->cell_id = (uint32) cell_id;
	}
	if (fractions)
	{
		cell->x = ReadDouble(x, cells->x.type);
		cell->y = ReadDouble(y, cells->y.type);
		if (unlikely(!FitsPixel(cell->x) || !FitsPixel(cell->y)))
			return false;
		cell->pixel_x = (int32) cell->x;
		cell->pixel_y = (int32) cell->y;
	}
	else
	{
		cell->x = cell->y = 0;	/* not used */
		cell->pixel_x = (int32) ReadInteger(x, cells->x.type);
		cell->pixel_y = (int32) ReadInteger(y, cells->y.type);
	}
	return PhenotypesRead(&cells->phenotypes, shape, data, &cell->phenotypes);
}

#endif							/* CELL_BINARY_CELLS_H */
