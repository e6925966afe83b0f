/*
 * cells.c
 *		Recognizing the arguments of cell_pack, and arranging the features for
 *		the tuples of one shape.
 */
#include "scan/cells.h"

#include "nodes/nodeFuncs.h"

/* Recognize a coordinate, which cell_pack takes as integer or double precision. */
static bool
recognize_coordinate(const Cells *cells, Expr *argument, ColumnTerm *term)
{
	return cells->fractions ? DoubleTerm(argument, term) : IntegerTerm(argument, term);
}

const char *
CellsRecognize(Cells *cells, List *arguments)
{
	ListCell   *argument = list_head(arguments);

	memset(cells, 0, sizeof(*cells));
	cells->shape = PG_UINT64_MAX;
	cells->with_id = list_length(arguments) > 3;
	if (cells->with_id)
	{
		if (!IntegerTerm(lfirst(argument), &cells->cell_id))
			return "cell_id";
		argument = lnext(arguments, argument);
	}
	cells->fractions = exprType(lfirst(argument)) == FLOAT8OID;
	if (!recognize_coordinate(cells, lfirst(argument), &cells->x))
		return "x";
	argument = lnext(arguments, argument);
	if (!recognize_coordinate(cells, lfirst(argument), &cells->y))
		return "y";
	argument = lnext(arguments, argument);
	return PhenotypesOf(lfirst(argument), &cells->phenotypes.term) ? NULL : "phenotypes";
}

int
PhenotypesLastColumn(const PhenotypeColumns *columns, int last)
{
	last = LastColumn(last, &columns->term.phenotypes);
	for (int i = 0; i < columns->term.features; i++)
		last = LastColumn(last, &columns->term.feature[i]);
	return last;
}

int
CellsLastColumn(const Cells *cells)
{
	int			last = LastColumn(LastColumn(LastColumn(0, &cells->cell_id), &cells->x), &cells->y);

	return PhenotypesLastColumn(&cells->phenotypes, last);
}

static bool
is_null(const TupleShape *shape, const ColumnTerm *column)
{
	return shape->offset[column->number - 1] == COLUMN_IS_NULL;
}

/* Return the offset of a column, and note if it is null. */
static int32
offset_of(PhenotypeColumns *columns, const TupleShape *shape, const ColumnTerm *column)
{
	int32		offset = shape->offset[column->number - 1];

	columns->has_null |= offset == COLUMN_IS_NULL;
	return offset;
}

/* Return how many features from a first one on are boolean and adjacent. */
static int
adjacent_features(const PhenotypesTerm *term, const TupleShape *shape, int first)
{
	int			count = 0;

	while (first + count < term->features && term->feature[first + count].type == BOOLOID &&
		   shape->offset[term->feature[first + count].number - 1] ==
		   shape->offset[term->feature[first].number - 1] + count)
		count++;
	return count;
}

static void
add_eight(PhenotypeColumns *columns, int32 offset, int bit)
{
	columns->eight[columns->eights++] = (EightFeatures) {offset, bit};
}

void
PhenotypesFit(PhenotypeColumns *columns, const TupleShape *shape)
{
	const PhenotypesTerm *term = &columns->term;
	int			adjacent;

	columns->has_null = false;
	columns->eights = columns->singles = 0;
	if (term->phenotypes.number != 0)
		(void) offset_of(columns, shape, &term->phenotypes);
	for (int i = 0; i < term->features; i += Max(adjacent, 1))
	{
		int32		offset;

		if (is_null(shape, &term->feature[i]) && term->null_is_false >> i & 1)
		{
			adjacent = 1;
			continue;
		}
		offset = offset_of(columns, shape, &term->feature[i]);
		adjacent = adjacent_features(term, shape, i);
		if (adjacent < 8)
		{
			for (int j = i; j < i + Max(adjacent, 1); j++)
				columns->single[columns->singles++] = j;
			continue;
		}
		for (int j = 0; j + 8 <= adjacent; j += 8)
			add_eight(columns, offset + j, i + j);
		/* The last eight may overlap the ones before. */
		if (adjacent % 8 != 0)
			add_eight(columns, offset + adjacent - 8, i + adjacent - 8);
	}
}

void
CellsFit(Cells *cells, const TableScan *scan)
{
	const TupleShape *shape = &scan->shape;

	cells->shape = scan->shapes;
	PhenotypesFit(&cells->phenotypes, shape);
	cells->has_null = cells->phenotypes.has_null || is_null(shape, &cells->x) ||
		is_null(shape, &cells->y) || (cells->with_id && is_null(shape, &cells->cell_id));
}
