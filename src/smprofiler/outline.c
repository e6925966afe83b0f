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

/* Describe why a file is not a shapefile with one polygon. */
static const char *
describe(const CbShapeFault *fault)
{
	const char *field = fault->field;
	const long long position = fault->position;
	const long long found = fault->found;
	const long long expected = fault->expected;

	switch (fault->code)
	{
		case CB_SHAPE_CUT:
			return psprintf("A file with a polygon has at least %lld bytes, but this file has "
							"%lld.", expected, found);
		case CB_SHAPE_WRONG_FIELD:
			return psprintf("The %s is %lld, but it must be %lld.", field, found, expected);
		case CB_SHAPE_TOO_FEW:
			return psprintf("The number of %s is %lld, but it must be at least %lld.",
							field, found, expected);
		case CB_SHAPE_WRONG_LENGTH:
			return found > expected ?
				psprintf("The header gives %lld bytes for the file, but the file has more.",
						 expected) :
				psprintf("The header gives %lld bytes for the file, but the file has %lld.",
						 expected, found);
		case CB_SHAPE_WRONG_RECORD:
			return psprintf("The header gives %lld bytes for the record, but its rings and "
							"vertices take %lld.", found, expected);
		case CB_SHAPE_NOT_ONE_RECORD:
			return psprintf("The first record ends at byte %lld, but the file has %lld.",
							expected, found);
		case CB_SHAPE_WRONG_RING:
			return psprintf("Ring %lld cannot begin with vertex %lld.", position, found);
		case CB_SHAPE_OPEN_RING:
			return psprintf("Ring %lld does not end with its first vertex.", position);
		case CB_SHAPE_NOT_FINITE:
			return psprintf("The %s coordinate of vertex %lld is NaN or infinite.",
							field, position);
		case CB_SHAPE_TOO_LARGE:
			return psprintf("The %s coordinates are too large to be added.", field);
		default:
			elog(ERROR, "unexpected fault %d of a shapefile", (int) fault->code);
	}
}

/* Compute the centroid of the polygon in a text.  Returns NULL, or why there is none. */
static const char *
read_shape(const text *contents, Point *centroid)
{
	int			length = VARSIZE_ANY_EXHDR(contents);
	uint8	   *bytes = palloc(BASE64_ROOM(length));
	int			count = DecodeBase64(VARDATA_ANY(contents), length, bytes);
	CbShape		shape;

	if (count < 0)
		return "The text is not base64.";
	if (!cb_shape_open(&shape, bytes, count))
		return describe(&shape.fault);
	while (shape.position < shape.vertices)
	{
		CHECK_FOR_INTERRUPTS();
		if (!cb_shape_read(&shape))
			return describe(&shape.fault);
	}
	if (!cb_shape_centroid(&shape, &centroid->x, &centroid->y))
		return describe(&shape.fault);
	pfree(bytes);
	return NULL;
}

/*
 * cell_shape_centroid(contents text, null_if_invalid boolean) -> point; strict
 *
 * Returns the mean of the vertices, without the last one, of the polygon in a
 * shapefile in base64.  If the text is not such a shapefile, returns NULL if
 * null_if_invalid.  Errors: 22P03 otherwise.
 */
PG_FUNCTION_INFO_V1(cell_shape_centroid);
Datum
cell_shape_centroid(PG_FUNCTION_ARGS)
{
	text	   *contents = PG_GETARG_TEXT_PP(0);
	Point	   *centroid = palloc(sizeof(Point));
	const char *fault = read_shape(contents, centroid);

	if (fault != NULL && PG_GETARG_BOOL(1))
		PG_RETURN_NULL();
	if (fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid shapefile"),
				 errdetail_internal("%s", fault),
				 errhint("The contents must be an ESRI shapefile (.shp) with one polygon, in "
						 "base64.")));
	PG_FREE_IF_COPY(contents, 0);
	PG_RETURN_POINT_P(centroid);
}
