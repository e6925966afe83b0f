/*
 * pack.c
 *		The aggregate cell_pack: the rules for its arguments, and its support
 *		functions.  cell_pack_intensities shares all of them except the
 *		transition function, which is in intensity/intensities.c.
 */
#include "arguments.h"
#include "common/shortest_dec.h"
#include "pack/cell_merge.h"
#include "pack/cell_payload.h"
#include "pack/cell_transfer.h"

/*
 * Arguments of the transition functions after the state:
 *
 *	x, y, phenotypes
 *	cell_id, x, y, phenotypes
 *	cell_id, x, y, phenotypes, layout
 */
enum
{
	ARGS_WITHOUT_ID = 4,
	ARGS_WITH_ID = 5,
	ARGS_WITH_LAYOUT = 6
};

/* Return the state so far, or NULL before the first row. */
static inline CellSet *
current_set(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(0) ? NULL : (CellSet *) PG_GETARG_POINTER(0);
}

/*
 * Create the set for the first row.  If the coordinates can have fractions,
 * the layout decides whether the set keeps them.
 */
static CellSet *
create_set(FunctionCallInfo fcinfo, bool fractions)
{
	const CbLayout *layout = &cb_compact;
	MemoryContext aggcontext;

	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR, "cell_pack transition function called in non-aggregate context");

	if (PG_NARGS() == ARGS_WITH_LAYOUT)
		layout = GetRowLayout(fcinfo, ARGS_WITH_LAYOUT - 1);
	if (layout->has_intensities)
		RaiseNoCoordinates(layout, "cell_pack_intensities");
	return CellSetCreate(aggcontext, layout, PG_NARGS() >= ARGS_WITH_ID,
						 fractions && layout->takes_fractions);
}

/* Name the current row, for an error message. */
static const char *
row_name(FunctionCallInfo fcinfo)
{
	CellSet    *set = current_set(fcinfo);

	if (PG_NARGS() >= ARGS_WITH_ID && !PG_ARGISNULL(1))
		return psprintf("cell_id " INT64_FORMAT, PG_GETARG_INT64(1));
	return psprintf("row " UINT64_FORMAT, (set ? set->count : 0) + 1);
}

/* Raise 22004 for a row in which an argument is NULL. */
pg_noreturn static void
refuse_nulls(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"cell_id", "x", "y", "phenotypes"};
	const char *const *name = PG_NARGS() >= ARGS_WITH_ID ? names : names + 1;

	for (int i = 1; i < Min(PG_NARGS(), ARGS_WITH_ID); i++)
		if (PG_ARGISNULL(i))
			RaiseNullInRow(name[i - 1], row_name(fcinfo));
	RaiseNull("layout", NULL, psprintf("The layouts are %s.", LayoutNames()));
}

pg_noreturn static void
refuse_coordinate(FunctionCallInfo fcinfo, const char *axis, double value)
{
	char		text[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(value, text);
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s coordinate %s of %s is out of range", axis, text, row_name(fcinfo)),
			 errdetail("After truncation, a coordinate must be a number from %d to %d.",
					   PG_INT32_MIN, PG_INT32_MAX)));
}

/*
 * Return a double precision coordinate.  Errors: 22003 unless truncation gives
 * an int32.
 */
static inline double
get_centroid(FunctionCallInfo fcinfo, int arg, const char *axis)
{
	double		value = PG_GETARG_FLOAT8(arg);

	if (unlikely(!FitsPixel(value)))
		refuse_coordinate(fcinfo, axis, value);
	return value;
}

/*
 * Add one row to the set; all transition functions share this.  args is a
 * constant at each call, so the compiler removes the code that a form does not
 * need.
 */
static pg_attribute_always_inline Datum
add_row(FunctionCallInfo fcinfo, const int args, const bool fractions)
{
	const bool	with_id = args >= ARGS_WITH_ID;
	const int	first = with_id ? 2 : 1;
	CellSet    *set = current_set(fcinfo);
	RowCell		cell;

	for (int i = 1; i < args; i++)
		if (unlikely(PG_ARGISNULL(i)))
			refuse_nulls(fcinfo);

	if (with_id)
		cell.cell_id = GetCellId(fcinfo, 1);
	cell.phenotypes = (uint64) PG_GETARG_INT64(first + 2);

	if (unlikely(set == NULL))
		set = create_set(fcinfo, fractions);
	else if (args == ARGS_WITH_LAYOUT)
		CheckRowLayout(fcinfo, ARGS_WITH_LAYOUT - 1, set->layout);

	if (fractions)
	{
		cell.x = get_centroid(fcinfo, first, "x");
		cell.y = get_centroid(fcinfo, first + 1, "y");
		cell.pixel_x = (int32) cell.x;
		cell.pixel_y = (int32) cell.y;
	}
	else
	{
		cell.x = cell.y = 0;	/* not used */
		cell.pixel_x = PG_GETARG_INT32(first);
		cell.pixel_y = PG_GETARG_INT32(first + 1);
	}
	CellSetAdd(set, &cell, with_id, fractions, args == ARGS_WITH_LAYOUT);
	PG_RETURN_POINTER(set);
}

/*
 * The forms of the aggregate that share a C function differ in their number of
 * arguments.
 */
static pg_attribute_always_inline Datum
add_row_of_any_form(FunctionCallInfo fcinfo, const bool fractions)
{
	switch (PG_NARGS())
	{
		case ARGS_WITHOUT_ID:
			return add_row(fcinfo, ARGS_WITHOUT_ID, fractions);
		case ARGS_WITH_ID:
			return add_row(fcinfo, ARGS_WITH_ID, fractions);
		case ARGS_WITH_LAYOUT:
			return add_row(fcinfo, ARGS_WITH_LAYOUT, fractions);
		default:
			elog(ERROR, "cell_pack transition function called with %d arguments", PG_NARGS());
	}
}

/*
 * cell_pack_transfn(internal, [cell_id bigint,] x integer, y integer,
 *					 phenotypes bigint [, layout text]) -> internal
 *
 * Not strict: a NULL argument is an error.  Errors: 22004 for a NULL, 22003
 * for a cell_id or coordinate out of range, 22023 for an unknown layout or a
 * second one, 54000 if the payload would be too large.
 */
PG_FUNCTION_INFO_V1(cell_pack_transfn_integer);
Datum
cell_pack_transfn_integer(PG_FUNCTION_ARGS)
{
	return add_row_of_any_form(fcinfo, false);
}

/* The same with x and y in double precision. */
PG_FUNCTION_INFO_V1(cell_pack_transfn_double);
Datum
cell_pack_transfn_double(PG_FUNCTION_ARGS)
{
	return add_row_of_any_form(fcinfo, true);
}

/*
 * The same with a cell_layout.  These have names of their own for a session that
 * loaded the library of version 0.1.0, which would take the layout for a text.  The
 * session then reports that the library lacks the function.
 */
PG_FUNCTION_INFO_V1(cell_pack_layout_transfn_integer);
Datum
cell_pack_layout_transfn_integer(PG_FUNCTION_ARGS)
{
	return add_row_of_any_form(fcinfo, false);
}

PG_FUNCTION_INFO_V1(cell_pack_layout_transfn_double);
Datum
cell_pack_layout_transfn_double(PG_FUNCTION_ARGS)
{
	return add_row_of_any_form(fcinfo, true);
}

/* cell_pack_combinefn(internal, internal) -> internal; not strict */
PG_FUNCTION_INFO_V1(cell_pack_combinefn);
Datum
cell_pack_combinefn(PG_FUNCTION_ARGS)
{
	CellSet    *set = current_set(fcinfo);
	CellSet    *other = PG_ARGISNULL(1) ? NULL : (CellSet *) PG_GETARG_POINTER(1);
	MemoryContext aggcontext;

	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR, "cell_pack_combinefn called in non-aggregate context");

	if (other == NULL)
	{
		if (set == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(set);
	}
	/* Copy even the first set, because other is released after this call. */
	if (set == NULL)
		set = CellSetCreateLike(aggcontext, other);
	CellSetMerge(set, other);
	PG_RETURN_POINTER(set);
}

/*
 * cell_pack_serialfn(internal) -> bytea; strict
 *
 * Returns the state's own buffer, with a trailer after its cells.
 */
PG_FUNCTION_INFO_V1(cell_pack_serialfn);
Datum
cell_pack_serialfn(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "cell_pack_serialfn called in non-aggregate context");
	bytes = CellSetSerialize((CellSet *) PG_GETARG_POINTER(0));
	HandOverAggregateResult(fcinfo, bytes);
	PG_RETURN_BYTEA_P(bytes);
}

/* cell_pack_deserialfn(bytea, internal) -> internal; strict */
PG_FUNCTION_INFO_V1(cell_pack_deserialfn);
Datum
cell_pack_deserialfn(PG_FUNCTION_ARGS)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "cell_pack_deserialfn called in non-aggregate context");
	PG_RETURN_POINTER(CellSetDeserialize(PG_GETARG_BYTEA_PP(0)));
}

/*
 * cell_pack_finalfn(internal) -> bytea; NULL without rows
 *
 * This may turn the state into the payload, hence FINALFUNC_MODIFY =
 * READ_WRITE.  It may be called again for the same state, because a rescan of
 * a hashed aggregate finalizes the same states.  Errors: 21000 for a repeated
 * cell_id, 22003 for a coordinate that the layout cannot store, 54000 if the
 * payload would be too large.
 */
PG_FUNCTION_INFO_V1(cell_pack_finalfn);
Datum
cell_pack_finalfn(PG_FUNCTION_ARGS)
{
	CellSet    *set = current_set(fcinfo);
	bytea	   *payload;

	if (set == NULL)
		PG_RETURN_NULL();
	payload = CellSetPayload(set);
	HandOverAggregateResult(fcinfo, payload);
	PG_RETURN_BYTEA_P(payload);
}

/*
 * cell_empty(layout text) -> bytea; strict
 *
 * Returns the payload of a sample without cells.
 */
PG_FUNCTION_INFO_V1(cell_empty);
Datum
cell_empty(PG_FUNCTION_ARGS)
{
	const CbLayout *layout = GetLayoutArgument(fcinfo, 0);
	const CbExtent nothing = cb_extent_of_nothing();
	CbWriter	writer;
	bytea	   *payload;
	Size		size;

	cb_writer_init(&writer, layout, layout->has_intensities ? 1 : 0, 0, &nothing);
	size = VARHDRSZ + cb_writer_size(&writer);
	payload = palloc(size);
	SET_VARSIZE(payload, size);
	cb_writer_begin(&writer, (uint8_t *) VARDATA(payload));
	PG_RETURN_BYTEA_P(payload);
}
