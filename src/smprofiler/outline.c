/*
 * outline.c
 *		cell_shape_centroid: the position of a cell, from the outline that
 *		SMProfiler stores.  The shapefile is read in shapefile.c.
 */
#include "compat.h"

#include "miscadmin.h"
#include "smprofiler/base64.h"
#include "smprofiler/shapefile.h"
#include "utils/geo_decls.h"

/* Raise 22P03: a text is not a shapefile, for the reason in detail. */
pg_noreturn static void
raise_invalid(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid shapefile"),
			 errdetail_internal("%s", detail),
			 errhint("The contents must be an ESRI shapefile (.shp) with one polygon, in "
					 "base64.")));
}

pg_noreturn static void
raise_fault(const CbShapeFault *fault)
{
	const char *field = fault->field;
	const long long position = fault->position;
	const long long found = fault->found;
	const long long expected = fault->expected;
	const char *detail;

	switch (fault->code)
	{
		case CB_SHAPE_CUT:
			detail = psprintf("A file with a polygon has at least %lld bytes, but this file has "
							  "%lld.", expected, found);
			break;
		case CB_SHAPE_WRONG_FIELD:
			detail = psprintf("The %s is %lld, but it must be %lld.", field, found, expected);
			break;
		case CB_SHAPE_TOO_FEW:
			detail = psprintf("The number of %s is %lld, but it must be at least %lld.",
							  field, found, expected);
			break;
		case CB_SHAPE_WRONG_LENGTH:
			detail = found > expected ?
				psprintf("The header gives %lld bytes for the file, but the file has more.",
						 expected) :
				psprintf("The header gives %lld bytes for the file, but the file has %lld.",
						 expected, found);
			break;
		case CB_SHAPE_WRONG_RECORD:
			detail = psprintf("The header gives %lld bytes for the record, but its rings and "
							  "vertices take %lld.", found, expected);
			break;
		case CB_SHAPE_NOT_ONE_RECORD:
			detail = psprintf("The first record ends at byte %lld, but the file has %lld.",
							  expected, found);
			break;
		case CB_SHAPE_WRONG_RING:
			detail = psprintf("Ring %lld cannot begin with vertex %lld.", position, found);
			break;
		case CB_SHAPE_OPEN_RING:
			detail = psprintf("Ring %lld does not end with its first vertex.", position);
			break;
		case CB_SHAPE_NOT_FINITE:
			detail = psprintf("The %s coordinate of vertex %lld is NaN or infinite.",
							  field, position);
			break;
		case CB_SHAPE_TOO_LARGE:
			detail = psprintf("The %s coordinates are too large to be added.", field);
			break;
		default:
			elog(ERROR, "unexpected fault %d of a shapefile", (int) fault->code);
	}
	raise_invalid(detail);
}

/* Compute the centroid of the polygon in a text. */
static void
read_shape(const text *contents, double *x, double *y)
{
	int			length = VARSIZE_ANY_EXHDR(contents);
	uint8	   *bytes = palloc(BASE64_ROOM(length));
	int			count = DecodeBase64(VARDATA_ANY(contents), length, bytes);
	CbShape		shape;

	if (count < 0)
		raise_invalid("The text is not base64.");
	if (!cb_shape_open(&shape, bytes, count))
		raise_fault(&shape.fault);
	while (shape.position < shape.vertices)
	{
		CHECK_FOR_INTERRUPTS();
		if (!cb_shape_read(&shape))
			raise_fault(&shape.fault);
	}
	if (!cb_shape_centroid(&shape, x, y))
		raise_fault(&shape.fault);
	pfree(bytes);
}

/*
 * cell_shape_centroid(contents text) -> point; strict
 *
 * Returns the mean of the vertices, without the last one, of the polygon in a
 * shapefile in base64.  Errors: 22P03 if the text is not such a shapefile.
 */
PG_FUNCTION_INFO_V1(cell_shape_centroid);
Datum
cell_shape_centroid(PG_FUNCTION_ARGS)
{
	text	   *contents = PG_GETARG_TEXT_PP(0);
	Point	   *centroid = palloc(sizeof(Point));

	read_shape(contents, &centroid->x, &centroid->y);
	PG_FREE_IF_COPY(contents, 0);
	PG_RETURN_POINT_P(centroid);
}
