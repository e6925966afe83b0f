/*
 * conditions.h
 *		The conditions on the tuples of a scan, with the values of one execution.
 */
#ifndef CELL_BINARY_CONDITIONS_H
#define CELL_BINARY_CONDITIONS_H

#include "compat.h"

#include "access/skey.h"
#include "catalog/pg_type.h"
#include "nodes/execnodes.h"
#include "same_bytes.h"
#include "heap/tuple_shape.h"
#include "scan/terms.h"
#include "utils/rel.h"
#include "utils/uuid.h"

typedef struct Condition
{
	ConditionTerm term;
	ExprState  *expression;		/* of the value; NULL for IS NOT NULL */
	Datum		value;
	int64		low;			/* of an integer column; both included */
	int64		high;
	const char *bytes;			/* of any other column */
	int			length;
} Condition;

typedef struct Conditions
{
	int			count;
	Condition  *condition;
	int			tests;			/* fewer than the conditions, because several on
								 * one column are tested as one */
	Condition  *test;
	bool		never;			/* no tuple can meet them */
} Conditions;

/* Begin with the conditions of a query, whose terms were recognized when it was planned. */
extern void ConditionsInit(Conditions *conditions, List *expressions, PlanState *parent);

/* Set the value of a condition.  Returns false if no column can meet it. */
extern bool ConditionSetValue(Condition *condition, Datum value, bool isnull);

/* Set the values for an execution of the query. */
extern void ConditionsEvaluate(Conditions *conditions, ExprContext *context);

/*
 * Make the keys to look up in an index, and return their number; 0 if the index
 * has no column with a condition that the index can look up.
 */
extern int	ConditionsKeys(const Conditions *conditions, Relation index, ScanKey *keys);

/* Return the number of the last column with a condition, or last if that is higher. */
extern int	ConditionsLastColumn(const Conditions *conditions, int last);

/* The bytes of a value: of a fixed length, or of a text. */
typedef struct ValueBytes
{
	const char *bytes;
	int			length;			/* -1: compressed or stored out of line */
} ValueBytes;

/* Return the value of an integer column. */
static inline int64
ReadInteger(const uint8 *value, Oid type)
{
	switch (type)
	{
		case INT2OID:
			return *(const int16 *) value;
		case INT4OID:
			return *(const int32 *) value;
		default:
			return *(const int64 *) value;
	}
}

/* Return the value of a column of an integer or floating-point type. */
static inline double
ReadDouble(const uint8 *value, Oid type)
{
	switch (type)
	{
		case FLOAT4OID:
			return *(const float4 *) value;
		case FLOAT8OID:
			return *(const float8 *) value;
		default:
			return (double) ReadInteger(value, type);
	}
}

/* Return the bytes of a text. */
static pg_attribute_always_inline ValueBytes
ReadText(const uint8 *value)
{
	if (unlikely(VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value)))
		return (ValueBytes) {NULL, -1};
	return (ValueBytes) {(const char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

/* Return the bytes of a value of a type that SampleTerm allows. */
static pg_attribute_always_inline ValueBytes
ReadBytes(const uint8 *value, Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
			return ReadText(value);
		case UUIDOID:
			return (ValueBytes) {(const char *) value, UUID_LEN};
		case INT2OID:
			return (ValueBytes) {(const char *) value, sizeof(int16)};
		case INT4OID:
			return (ValueBytes) {(const char *) value, sizeof(int32)};
		default:
			return (ValueBytes) {(const char *) value, sizeof(int64)};
	}
}

typedef enum ConditionResult
{
	CONDITION_FALSE,			/* or null */
	CONDITION_TRUE,
	CONDITION_UNREADABLE		/* a value is compressed or stored out of line */
} ConditionResult;

/* Test whether a tuple meets one condition; offset is of its column. */
static pg_attribute_always_inline ConditionResult
ConditionTest(const Condition *condition, const uint8 *data, int32 offset)
{
	ValueBytes	value;

	if (offset == COLUMN_IS_NULL)
		return CONDITION_FALSE;
	if (condition->term.strategy == 0)
		return CONDITION_TRUE;
	if (condition->bytes == NULL)
	{
		int64		number = ReadInteger(data + offset, condition->term.column.type);

		return number >= condition->low && number <= condition->high;
	}
	value = ReadBytes(data + offset, condition->term.column.type);
	if (unlikely(value.length < 0))
		return CONDITION_UNREADABLE;
	return value.length == condition->length &&
		SameBytes(value.bytes, condition->bytes, value.length);
}

/* Test whether a tuple of this shape meets all conditions. */
static pg_attribute_always_inline ConditionResult
ConditionsTest(const Conditions *conditions, const TupleShape *shape, const uint8 *data)
{
	for (int i = 0; i < conditions->tests; i++)
	{
		const Condition *condition = &conditions->test[i];
		ConditionResult result = ConditionTest(condition, data,
											   shape->offset[condition->term.column.number - 1]);

		if (result != CONDITION_TRUE)
			return result;
	}
	return CONDITION_TRUE;
}

#endif							/* CELL_BINARY_CONDITIONS_H */
