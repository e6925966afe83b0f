/*
 * collect.c
 *		The aggregates cell_collect_phenotypes and cell_collect_intensities:
 *		the rules for their arguments, and their support functions.  The state
 *		is in feature_records.c, and reading the result is in collected.c.
 */
#include "arguments.h"
#include "libpq/pqformat.h"
#include "long/feature_records.h"
#include "pack/cell_transfer.h"
#include "utils/builtins.h"

/* Arguments of the transition functions after the state. */
enum
{
	CELL = 1,
	FEATURE,
	VALUE,
	FEATURES
};

/* Return the state in an argument, or NULL before the first row. */
static inline FeatureRecords *
state_argument(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : (FeatureRecords *) PG_GETARG_POINTER(arg);
}

/* Name the cell of the current row, for an error message. */
static const char *
row_name(FunctionCallInfo fcinfo)
{
	text	   *cell = PG_GETARG_TEXT_PP(CELL);

	return psprintf("cell %.*s", (int) VARSIZE_ANY_EXHDR(cell), VARDATA_ANY(cell));
}

/*
 * Return the record of the row's cell, and set *bit to the bit of the row's
 * feature, which is marked as seen.
 */
static pg_attribute_always_inline FeatureRecord *
find_record(FunctionCallInfo fcinfo, FeatureRecords **state, const bool with_values, int *bit)
{
	FeatureRecords *records = state_argument(fcinfo, 0);
	FeatureRecord *record;
	FeatureList *features;
	text	   *cell;
	text	   *feature;

	if (unlikely(PG_ARGISNULL(CELL)))
		RaiseNull("cell", NULL, "Leave such rows out with FILTER (WHERE cell IS NOT NULL).");
	if (unlikely(PG_ARGISNULL(FEATURE)))
		RaiseNull("feature", row_name(fcinfo),
				  "Leave such rows out with FILTER (WHERE feature IS NOT NULL).");
	if (unlikely(PG_ARGISNULL(FEATURES)))
		RaiseNull("features", row_name(fcinfo), "Pass an array of the names of all features.");

	features = FeatureListArgument(fcinfo, FEATURES);
	if (unlikely(records == NULL))
	{
		MemoryContext aggcontext;

		if (!AggCheckCallContext(fcinfo, &aggcontext))
			elog(ERROR, "transition function called in non-aggregate context");
		records = FeatureRecordsCreate(aggcontext, features->array, with_values);
	}
	FeatureRecordsCheckList(records, features);
	*state = records;

	cell = PG_GETARG_TEXT_PP(CELL);
	record = FeatureRecordsFind(records, VARDATA_ANY(cell), VARSIZE_ANY_EXHDR(cell));
	feature = PG_GETARG_TEXT_PP(FEATURE);
	*bit = FeatureListBit(features, VARDATA_ANY(feature), VARSIZE_ANY_EXHDR(feature));
	if (unlikely(*bit < 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feature \"%s\" of %s is not in the list of features",
						text_to_cstring(feature), row_name(fcinfo))));
	if (unlikely(record->seen >> *bit & 1))
		RaiseFeatureTwice(features, *bit, row_name(fcinfo));
	record->seen |= UINT64CONST(1) << *bit;
	return record;
}

/*
 * cell_collect_phenotypes_transfn(internal, cell text, feature text,
 *								positive boolean, features text[]) -> internal
 *
 * Not strict, so that a NULL is an error.  Errors: 22004 for a NULL, 22P02 for
 * an invalid cell, 22023 for a feature that is not in the list or for a second
 * list, 21000 for a second row of a cell and feature, 54000 for too many
 * cells, and those of FeatureListMake.
 */
PG_FUNCTION_INFO_V1(cell_collect_phenotypes_transfn);
Datum
cell_collect_phenotypes_transfn(PG_FUNCTION_ARGS)
{
	FeatureRecords *records;
	int			bit;
	FeatureRecord *record = find_record(fcinfo, &records, false, &bit);

	if (unlikely(PG_ARGISNULL(VALUE)))
		RaiseNull("positive", row_name(fcinfo),
				  "Use coalesce(positive, false) to count a null as negative.");
	record->set |= (uint64) PG_GETARG_BOOL(VALUE) << bit;
	PG_RETURN_POINTER(records);
}

/*
 * cell_collect_intensities_transfn(internal, cell text, feature text,
 *								 intensity double precision,
 *								 features text[]) -> internal
 *
 * Not strict, because an intensity may be NULL.  Errors: those of
 * cell_collect_phenotypes_transfn.
 */
PG_FUNCTION_INFO_V1(cell_collect_intensities_transfn);
Datum
cell_collect_intensities_transfn(PG_FUNCTION_ARGS)
{
	FeatureRecords *records;
	int			bit;
	FeatureRecord *record = find_record(fcinfo, &records, true, &bit);

	if (!PG_ARGISNULL(VALUE))
		FeatureRecordSetValue(record, bit, PG_GETARG_FLOAT8(VALUE));
	PG_RETURN_POINTER(records);
}

/* cell_collect_combinefn(internal, internal) -> internal; not strict */
PG_FUNCTION_INFO_V1(cell_collect_combinefn);
Datum
cell_collect_combinefn(PG_FUNCTION_ARGS)
{
	FeatureRecords *records = state_argument(fcinfo, 0);
	FeatureRecords *other = state_argument(fcinfo, 1);
	MemoryContext aggcontext;

	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR, "cell_collect_combinefn called in non-aggregate context");

	if (other == NULL)
	{
		if (records == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(records);
	}
	/* Copy even the first state, because other is released after this call. */
	if (records == NULL)
		records = FeatureRecordsCreate(aggcontext, other->features->array, other->values > 0);
	FeatureRecordsCheckList(records, other->features);
	FeatureRecordsMerge(records, other);
	PG_RETURN_POINTER(records);
}

/*
 * cell_collect_serialfn(internal) -> bytea; strict
 *
 * Returns the list of features, whether there are values, and the records.
 * What the state knows of their order is not included, because merging the
 * records finds it again.
 */
PG_FUNCTION_INFO_V1(cell_collect_serialfn);
Datum
cell_collect_serialfn(PG_FUNCTION_ARGS)
{
	FeatureRecords *records = (FeatureRecords *) PG_GETARG_POINTER(0);
	Size		size = VARSIZE_ANY_EXHDR(records->features->array);
	uint64		max_count = size < FEATURE_BYTES_MAX ? (FEATURE_BYTES_MAX - size) / records->width :
		0;
	StringInfoData bytes;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "cell_collect_serialfn called in non-aggregate context");
	FeatureRecordsJoin(records);
	if (records->count > max_count)
		RaisePartialTooLarge(records->count, max_count);

	pq_begintypsend(&bytes);
	enlargeStringInfo(&bytes, sizeof(uint32) + size + 1 + records->count * records->width);
	pq_sendint32(&bytes, size);
	pq_sendbytes(&bytes, VARDATA_ANY(records->features->array), size);
	pq_sendbyte(&bytes, records->values > 0);
	pq_sendbytes(&bytes, (char *) FeatureRecordAt(records, 0), records->count * records->width);
	PG_RETURN_BYTEA_P(pq_endtypsend(&bytes));
}

/* cell_collect_deserialfn(bytea, internal) -> internal; strict */
PG_FUNCTION_INFO_V1(cell_collect_deserialfn);
Datum
cell_collect_deserialfn(PG_FUNCTION_ARGS)
{
	bytea	   *serialized = PG_GETARG_BYTEA_PP(0);
	FeatureRecords *records;
	StringInfoData bytes;
	bytea	   *features;
	Size		size;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "cell_collect_deserialfn called in non-aggregate context");

	initReadOnlyStringInfo(&bytes, VARDATA_ANY(serialized), VARSIZE_ANY_EXHDR(serialized));
	size = pq_getmsgint(&bytes, 4);
	features = palloc(VARHDRSZ + size);
	SET_VARSIZE(features, VARHDRSZ + size);
	memcpy(VARDATA(features), pq_getmsgbytes(&bytes, size), size);
	records = FeatureRecordsCreate(CurrentMemoryContext, features, pq_getmsgbyte(&bytes));

	/* The records are only read, and the bytes outlive them. */
	size = bytes.len - bytes.cursor;
	records->count = records->capacity = size / records->width;
	records->buffer = (char *) pq_getmsgbytes(&bytes, size) - VARHDRSZ;
	PG_RETURN_POINTER(records);
}

/*
 * cell_collect_finalfn(internal) -> bytea; NULL without rows
 *
 * This turns the state into the result, hence FINALFUNC_MODIFY = READ_WRITE.
 * It may be called again for the same state: see cell_pack_finalfn.
 */
PG_FUNCTION_INFO_V1(cell_collect_finalfn);
Datum
cell_collect_finalfn(PG_FUNCTION_ARGS)
{
	FeatureRecords *records = state_argument(fcinfo, 0);
	bytea	   *result;

	if (records == NULL)
		PG_RETURN_NULL();
	result = FeatureRecordsFinish(records);
	HandOverAggregateResult(fcinfo, result);
	PG_RETURN_BYTEA_P(result);
}
