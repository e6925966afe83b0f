/*
 * shape.c
 *		cell_shape_centroid: where a cell is, from the outline that SPT stores.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "core/base64.h"
#include "core/shape.h"
#include "errors.h"
#include "funcapi.h"
#include "miscadmin.h"

/* Bytes that are decoded between two looks for interrupts; a multiple of 3. */
#define BYTES_PER_CHECK (3 * 256 * 1024)

/* What is decoded to see the header, in whole groups of base64. */
#define HEAD_SIZE (3 * ((CB_SHAPE_FILE_HEADER + 2) / 3))

/* Decode up to room bytes, and return how many they are. */
static Size
decode(CbBase64 *decoder, uint8 *to, Size room)
{
	Size		done = 0;

	while (done < room && !decoder->at_end)
	{
		size_t		count;

		CHECK_FOR_INTERRUPTS();
		if (!cb_base64_decode(decoder, to + done, Min(room - done, BYTES_PER_CHECK), &count))
			ReportShapeText(decoder);
		done += count;
	}
	return done;
}

/*
 * Read the polygon in a text.  The header says how much there is to decode: no
 * more memory is taken, nor more than the text can fill.
 */
static void
read_shape(const text *contents, double *x, double *y)
{
	CbBase64	decoder;
	CbShape		shape;
	uint8		head[HEAD_SIZE];
	uint8	   *bytes = head;
	Size		count;

	cb_base64_init(&decoder, VARDATA_ANY(contents), VARSIZE_ANY_EXHDR(contents));
	count = decode(&decoder, head, HEAD_SIZE);
	if (count >= CB_SHAPE_FILE_HEADER)
	{
		CbShapeFault fault;
		uint64		size = cb_shape_file_size(head, &fault);
		Size		room;

		if (size == 0)
			ReportShapeFault(&fault);
		/* A group more than that, so that bytes behind the file show. */
		room = 3 * (Min(size, decoder.length / 4 * 3) / 3 + 1);
		bytes = palloc(room);
		memcpy(bytes, head, count);
		count += decode(&decoder, bytes + count, room - count);
	}

	if (!cb_shape_open(&shape, bytes, count))
		ReportShapeFault(&shape.fault);
	while (shape.position < shape.vertices)
	{
		CHECK_FOR_INTERRUPTS();
		if (!cb_shape_read(&shape))
			ReportShapeFault(&shape.fault);
	}
	if (!cb_shape_centroid(&shape, x, y))
		ReportShapeFault(&shape.fault);
	if (bytes != head)
		pfree(bytes);
}

/* The columns of the result, looked up at the first of many calls. */
static TupleDesc
result_columns(FunctionCallInfo fcinfo)
{
	FmgrInfo   *function = fcinfo->flinfo;

	if (function->fn_extra == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(function->fn_mcxt);
		TupleDesc	columns;

		if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		function->fn_extra = BlessTupleDesc(columns);
		MemoryContextSwitchTo(caller);
	}
	return function->fn_extra;
}

/*
 * cell_shape_centroid(contents text) -> (x, y double precision); strict
 *
 * The mean of the vertices, without the last one, of the polygon in a shapefile
 * in base64.  Errors: 22P03 if it is none.
 */
PG_FUNCTION_INFO_V1(cell_shape_centroid);
Datum
cell_shape_centroid(PG_FUNCTION_ARGS)
{
	text	   *contents = PG_GETARG_TEXT_PP(0);
	double		x;
	double		y;
	Datum		values[2];
	bool		nulls[2] = {false};

	read_shape(contents, &x, &y);
	PG_FREE_IF_COPY(contents, 0);
	values[0] = Float8GetDatum(x);
	values[1] = Float8GetDatum(y);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(result_columns(fcinfo), values, nulls)));
}
