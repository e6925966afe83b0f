/*
 * errors.c
 *		The errors that a user can cause.
 */
#include "errors.h"

#include "common/shortest_dec.h"
#include "port/pg_bitutils.h"
#include "settings.h"

/* A double as shortest text that reads back as the same one. */
static const char *
double_text(double value)
{
	char	   *text = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);

	double_to_shortest_decimal_buf(value, text);
	return text;
}

void
ReportNullArgument(const char *argument, const char *row)
{
	ReportNull(argument, row, psprintf("Leave such rows out with FILTER (WHERE %s IS NOT NULL), or replace the null with coalesce().",
									   argument));
}

void
ReportNull(const char *argument, const char *row, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", argument),
			 row ? errdetail("It is null for %s.", row) : 0,
			 errhint("%s", hint)));
}

void
ReportCoordinate(const char *axis, double value, const char *row)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s coordinate %s of %s is out of range",
					axis, double_text(value), row),
			 errdetail("Once truncated, a coordinate must be a number from %d to %d.",
					   PG_INT32_MIN, PG_INT32_MAX)));
}

void
ReportCellId(int64 cell_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("cell_id " INT64_FORMAT " is out of range", cell_id),
			 errdetail("A cell_id must be from 0 to %u.", PG_UINT32_MAX)));
}

void
ReportTooManyFeatures(int features, int max_features)
{
	ereport(ERROR,
			(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
			 errmsg("cannot have more than %d features", max_features),
			 errdetail("There are %d.", features)));
}

void
ReportFeatureDimensions(int dimensions)
{
	ereport(ERROR,
			(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
			 errmsg("array of features must have one dimension"),
			 errdetail("It has %d.", dimensions)));
}

void
ReportNullFeature(int feature)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("feature %d must not be null", feature),
			 errhint("Say with coalesce() whether a cell with an unknown value counts as positive.")));
}

void
ReportFeatureIndex(int feature, int max_feature)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("feature index %d is out of range", feature),
			 errdetail("A feature index must be from 0 to %d.", max_feature)));
}

void
ReportNullFeatureName(int feature)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("name of feature %d must not be null", feature)));
}

void
ReportUnknownFeature(const char *feature, int length, const char *owner)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("feature \"%.*s\" of %s is not in the list of features", length, feature, owner)));
}

void
ReportFeatureTwice(const char *feature, int length, const char *owner)
{
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("%s has more than one row for feature \"%.*s\"", owner, length, feature),
			 errhint("Group the rows by sample, and remove repeated ones.")));
}

void
ReportFeatureMissing(const char *feature, int length, const char *owner)
{
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("%s has no row for feature \"%.*s\"", owner, length, feature),
			 errdetail("A cell must have a row for each feature, whether it is positive or not.")));
}

void
ReportMixedFeatures(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("all rows of a group must have the same list of features"),
			 errhint("Group the rows by their list of features.")));
}

void
ReportCellText(const char *text, int length)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid cell identifier: \"%.*s\"", length, text),
			 errdetail("It must be a number from 0 to %u, in decimal digits without leading zeros.", PG_UINT32_MAX)));
}

/* The names of all layouts. */
static const char *
layout_names(void)
{
	StringInfoData names;
	const CbLayout *layout;

	initStringInfo(&names);
	for (size_t i = 0; (layout = cb_layout_at(i)) != NULL; i++)
		appendStringInfo(&names, "%s\"%s\"", i > 0 ? ", " : "", layout->name);
	return names.data;
}

void
ReportNullLayout(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("layout must not be null"),
			 errhint("The layouts are %s.", layout_names())));
}

void
ReportUnknownLayout(const char *name, int length)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown layout \"%.*s\"", length, name),
			 errhint("The layouts are %s.", layout_names())));
}

void
ReportMixedLayouts(const CbLayout *first, const CbLayout *other)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("all rows of a payload must have the same layout"),
			 errdetail("There are rows with layout \"%s\" and with layout \"%s\".",
					   first->name, other->name),
			 errhint("Group the rows by their layout.")));
}

void
ReportMixedChannels(int first, int other)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("all rows of a payload must have the same number of intensities"),
			 errdetail("There are rows with %d and with %d.", first, other)));
}

void
ReportIntensityDimensions(int64 cell_id, int dimensions)
{
	ereport(ERROR,
			(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
			 errmsg("array of intensities must have one dimension"),
			 errdetail("That of cell_id " INT64_FORMAT " has %d.", cell_id, dimensions)));
}

void
ReportNoIntensities(int64 cell_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("array of intensities of cell_id " INT64_FORMAT " is empty", cell_id)));
}

void
ReportTooManyIntensities(int64 cell_id, int intensities, int max_intensities)
{
	ereport(ERROR,
			(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
			 errmsg("cannot have more than %d intensities", max_intensities),
			 errdetail("There are %d of cell_id " INT64_FORMAT ".", intensities, cell_id)));
}

void
ReportNullIntensity(int64 cell_id, int element)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("element %d of the intensities of cell_id " INT64_FORMAT " must not be null", element, cell_id)));
}

void
ReportIntensity(int64 cell_id, int element)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("element %d of the intensities of cell_id " INT64_FORMAT " is NaN", element, cell_id)));
}

/* What to do with a sample that is too large for a layout. */
static const char *
parts_hint(const CbLayout *layout)
{
	return layout->needs_extent ?
		"Pack the sample in parts, for example by tiles or by ranges of cell_id, and in another layout: this one shifts the coordinates of each part by itself." :
		"Pack the sample in parts, for example by tiles or by ranges of cell_id.";
}

/* A payload is too large; fact begins the detail. */
pg_noreturn static void
report_too_large(const char *payload, const char *fact, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s would exceed %d bytes", payload, MaxPayloadSize()),
			 MaxPayloadSize() < LARGEST_BYTEA ?
			 errdetail("%s; the limit is \"cell_binary.max_payload_size\".", fact) :
			 errdetail("%s; the limit is the size of a bytea.", fact),
			 hint ? errhint("%s", hint) : 0));
}

/* The same of a layout. */
pg_noreturn static void
report_layout_too_large(const CbLayout *layout, const char *fact)
{
	report_too_large(psprintf("payload in layout \"%s\"", layout->name), fact, parts_hint(layout));
}

void
ReportPayloadTooLarge(const CbLayout *layout, uint64 max_cells)
{
	report_layout_too_large(layout, psprintf("At most " UINT64_FORMAT " cells fit", max_cells));
}

void
ReportMeasuredTooLarge(const CbLayout *layout, uint64 cells, uint64 bytes)
{
	report_layout_too_large(layout, psprintf("The " UINT64_FORMAT " cells take " UINT64_FORMAT " bytes", cells, bytes));
}

void
ReportIntensitiesTooLarge(int channels, uint64 max_cells)
{
	report_too_large("payload of intensities",
					 psprintf("At most " UINT64_FORMAT " cells with %d intensities fit", max_cells, channels),
					 "Pack the sample in parts, for example by ranges of cell_id.");
}

void
ReportFeaturesTooLarge(uint64 max_cells)
{
	report_too_large("value with the features of cells",
					 psprintf("At most " UINT64_FORMAT " cells fit", max_cells),
					 "Group the rows by sample, or collect a sample in parts.");
}

/* Bytes are not what cell_collect_phenotypes or cell_collect_intensities collected. */
pg_noreturn static void
report_invalid_collected(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid collection of the features of cells"),
			 errdetail("%s", detail),
			 errhint("cell_collected_phenotypes takes the value of cell_collect_phenotypes, and cell_collected_intensities that of cell_collect_intensities.")));
}

void
ReportCollectedValues(uint32 values, bool with_values)
{
	report_invalid_collected(psprintf("There are %u values for a cell, and %s.", values,
									  with_values ? "must be from 1 to 64" : "must be none"));
}

void
ReportCollectedSize(Size size, Size header, Size width)
{
	report_invalid_collected(psprintf("The size is %zu bytes, and must be %zu and a multiple of %zu.", size, header, width));
}

void
ReportPartialSetTooLarge(uint64 cells, uint64 max_cells)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("parallel worker has too many cells of one payload"),
			 errdetail("It collected " UINT64_FORMAT " cells, and can hand over " UINT64_FORMAT ".",
					   cells, max_cells),
			 errhint("Set \"max_parallel_workers_per_gather\" to 0 for this query.")));
}

/* The failed check, as the detail of "invalid payload". */
static const char *
decoding_fault_detail(const CbLayout *layout, const CbFault *fault)
{
	switch (fault->code)
	{
		case CB_HEADER_CUT:
			return psprintf("A header takes " INT64_FORMAT " bytes, but the payload has " INT64_FORMAT ".",
							fault->expected, fault->found);
		case CB_WRONG_LENGTH:
			return psprintf("By its header, which gives " UINT64_FORMAT " cells, the payload would have " INT64_FORMAT " bytes, but it has " INT64_FORMAT ".",
							fault->cell, fault->expected, fault->found);
		case CB_ID_NOT_ASCENDING:
			return psprintf("The cell at position " UINT64_FORMAT " has cell_id " INT64_FORMAT ", which does not come after " INT64_FORMAT ".",
							fault->cell, fault->found, fault->expected);
		case CB_WRONG_EXTENT:
			return psprintf("The header gives " INT64_FORMAT " as %s, but the cells have " INT64_FORMAT ".",
							fault->found, fault->field, fault->expected);
		case CB_WRONG_BYTE:
			return psprintf("Byte " UINT64_FORMAT " is " INT64_FORMAT ", where the layout has " INT64_FORMAT ".",
							fault->cell, fault->found, fault->expected);
		case CB_WRONG_FIELD:
			return psprintf("The header gives " INT64_FORMAT " as %s, which is not possible.",
							fault->found, fault->field);
		case CB_WRONG_PARENT:
			return psprintf("Feature " UINT64_FORMAT " has the parent " INT64_FORMAT ", which is not a lower feature with a plane.",
							fault->cell, fault->found);
		case CB_FIRST_NOT_ZERO:
			return psprintf("The first cell has a %s, although there is none before it.",
							fault->field);
		case CB_ID_TOO_LARGE:
			return psprintf("There would be a cell_id over %u.", PG_UINT32_MAX);
		case CB_COORDINATE_OUTSIDE:
			return psprintf("The cell at position " UINT64_FORMAT " would have the %s coordinate " INT64_FORMAT ", which is over %d.",
							fault->cell, fault->field, fault->found, PG_INT32_MAX);
		case CB_BITS_BEHIND_LAST:
			return "There are bits behind those of the last cell.";
		case CB_NOT_NEEDED:
			return psprintf("The cells don't need the header's %s.", fault->field);
		default:
			elog(ERROR, "unexpected fault %d of layout \"%s\"", (int) fault->code, layout->name);
	}
}

void
ReportRepeatedId(uint32 cell_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("more than one row has cell_id %u", cell_id),
			 errhint("A cell_id must be unique in its sample: group the rows by sample, and remove repeated ones.")));
}

void
ReportFault(const CbLayout *layout, const CbFault *fault)
{
	switch (fault->code)
	{
		case CB_ID_REPEATED:
			ReportRepeatedId((uint32) fault->cell);
		case CB_COORDINATE_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("%s coordinate " INT64_FORMAT " of cell_id " UINT64_FORMAT " is out of range for layout \"%s\"",
							fault->field, fault->found, fault->cell, layout->name),
					 errdetail("The layout shifts coordinates so that they start at 1, and stores at most " INT64_FORMAT ".",
							   fault->expected)));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("invalid payload for layout \"%s\"", layout->name),
					 errdetail_internal("%s", decoding_fault_detail(layout, fault)),
					 errhint("The layout must be the one that the payload was packed with.")));
	}
}

void
ReportNotEncodable(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("NaN cannot be encoded in one byte")));
}

void
ReportFloat8Code(int code)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("code %d is out of range", code),
			 errdetail("A code must be from 0 to %d.", UINT8_MAX)));
}

/* A text is not a shapefile, for the reason in the detail. */
pg_noreturn static void
report_invalid_shape(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid shapefile"),
			 errdetail_internal("%s", detail),
			 errhint("The contents must be an ESRI shapefile (.shp) with one polygon, in base64.")));
}

void
ReportShapeText(void)
{
	report_invalid_shape("The text is not base64.");
}

void
ReportShapeFault(const CbShapeFault *fault)
{
	const char *detail;

	switch (fault->code)
	{
		case CB_SHAPE_CUT:
			detail = psprintf("A file with a polygon has at least " INT64_FORMAT " bytes, but there are " INT64_FORMAT ".",
							  fault->expected, fault->found);
			break;
		case CB_SHAPE_WRONG_FIELD:
			detail = psprintf("The %s is " INT64_FORMAT ", and must be " INT64_FORMAT ".",
							  fault->field, fault->found, fault->expected);
			break;
		case CB_SHAPE_TOO_FEW:
			detail = psprintf("The number of %s is " INT64_FORMAT ", and must be at least " INT64_FORMAT ".",
							  fault->field, fault->found, fault->expected);
			break;
		case CB_SHAPE_WRONG_LENGTH:
			detail = fault->found > fault->expected ?
				psprintf("By its header the file has " INT64_FORMAT " bytes, but there are more.", fault->expected) :
				psprintf("By its header the file has " INT64_FORMAT " bytes, but there are " INT64_FORMAT ".",
						 fault->expected, fault->found);
			break;
		case CB_SHAPE_WRONG_RECORD:
			detail = psprintf("By its header the record has " INT64_FORMAT " bytes, but its rings and vertices take " INT64_FORMAT ".",
							  fault->found, fault->expected);
			break;
		case CB_SHAPE_NOT_ONE_RECORD:
			detail = psprintf("The first record ends at byte " INT64_FORMAT ", but the file has " INT64_FORMAT ".",
							  fault->expected, fault->found);
			break;
		case CB_SHAPE_WRONG_RING:
			detail = psprintf("Ring " UINT64_FORMAT " cannot begin with vertex " INT64_FORMAT ".",
							  fault->position, fault->found);
			break;
		case CB_SHAPE_OPEN_RING:
			detail = psprintf("Ring " UINT64_FORMAT " does not end with its first vertex.", fault->position);
			break;
		case CB_SHAPE_NOT_FINITE:
			detail = psprintf("The %s coordinate of vertex " UINT64_FORMAT " is NaN or infinite.",
							  fault->field, fault->position);
			break;
		case CB_SHAPE_TOO_LARGE:
			detail = psprintf("The %s coordinates are too large to be added.", fault->field);
			break;
		default:
			elog(ERROR, "unexpected fault %d of a shapefile", (int) fault->code);
	}
	report_invalid_shape(detail);
}

/* The names of all codings. */
static const char *
coding_names(void)
{
	StringInfoData names;
	const Coding *coding;

	initStringInfo(&names);
	for (size_t i = 0; (coding = CodingAt(i)) != NULL; i++)
		appendStringInfo(&names, "%s\"%s\"", i > 0 ? ", " : "", coding->name);
	return names.data;
}

void
ReportUnknownCoding(const char *name, int length)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown coding \"%.*s\"", length, name),
			 errhint("The codings are %s.", coding_names())));
}

void
ReportNoLevels(const Coding *coding)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("coding \"%s\" has no levels", coding->name),
			 errhint("Leave the level out, or null.")));
}

void
ReportLevel(const Coding *coding, int level)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("level %d is out of range for coding \"%s\"", level, coding->name),
			 errdetail("A level must be from %d to %d; the default is %d.",
					   coding->min_level, coding->max_level, coding->default_level)));
}

void
ReportEncodedTooLarge(const Coding *coding)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("payload encoded in coding \"%s\" would exceed %d bytes",
					coding->name, LARGEST_BYTEA),
			 errdetail("The limit is the size of a bytea.")));
}

void
ReportDecodedTooLarge(const Coding *coding)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("payload decoded from coding \"%s\" would exceed %d bytes",
					coding->name, MaxPayloadSize()),
			 MaxPayloadSize() < LARGEST_BYTEA ?
			 errdetail("The limit is \"cell_binary.max_payload_size\".") :
			 errdetail("The limit is the size of a bytea.")));
}

/* Bytes are not of that coding, for the reason in the detail. */
pg_noreturn static void
report_invalid_coding(const Coding *coding, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid bytes for coding \"%s\"", coding->name),
			 errdetail_internal("%s", detail),
			 errhint("The coding must be the one that the payload was encoded in.")));
}

void
ReportInvalidCoding(const Coding *coding, const char *fault)
{
	report_invalid_coding(coding, psprintf("The library %s says \"%s\".", coding->library,
										   fault ? fault : "invalid data"));
}

void
ReportTruncatedCoding(const Coding *coding)
{
	report_invalid_coding(coding, "The bytes end before the encoded payload does.");
}

void
ReportTrailingBytes(const Coding *coding, Size end, Size size)
{
	report_invalid_coding(coding, psprintf("The encoded payload ends after byte " UINT64_FORMAT " of " UINT64_FORMAT ".",
										   (uint64) end, (uint64) size));
}

void
ReportWindowTooLarge(const Coding *coding, int max_window)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("window for coding \"%s\" is too large", coding->name),
			 errdetail("The bytes cannot be decoded with a window of %d bytes, the most that RFC 9659 allows.", max_window),
			 errhint("Encode the payload with a smaller window, for example with \"zstd --zstd=wlog=%d\".", pg_leftmost_one_pos32(max_window))));
}

void
ReportCodingMemory(const Coding *coding)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory"),
			 errdetail("The library %s, for coding \"%s\", got none.", coding->library, coding->name)));
}
