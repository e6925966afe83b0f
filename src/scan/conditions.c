/*
 * conditions.c
 *		Evaluating the values with which a query compares columns.
 */
#include "scan/conditions.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "executor/executor.h"
#include "utils/lsyscache.h"

void
ConditionsInit(Conditions *conditions, List *expressions, PlanState *parent)
{
	ListCell   *cell;

	conditions->count = 0;
	conditions->condition = palloc0(Max(list_length(expressions), 1) * sizeof(Condition));
	conditions->test = palloc0(Max(list_length(expressions), 1) * sizeof(Condition));
	foreach(cell, expressions)
	{
		Condition  *condition = &conditions->condition[conditions->count++];

		if (!ConditionOf(lfirst(cell), &condition->term))
			elog(ERROR, "condition of a scan is not recognized");
		if (condition->term.value != NULL)
			condition->expression = ExecInitExpr(condition->term.value, parent);
	}
}

/* Convert the value that an integer column is compared with. */
static int64
integer_value(const Condition *condition)
{
	switch (condition->term.value_type)
	{
		case INT2OID:
			return DatumGetInt16(condition->value);
		case INT4OID:
			return DatumGetInt32(condition->value);
		default:
			return DatumGetInt64(condition->value);
	}
}

/* Set the integers that meet a condition.  Returns false if there are none. */
static bool
set_range(Condition *condition)
{
	int64		value = integer_value(condition);

	condition->low = PG_INT64_MIN;
	condition->high = PG_INT64_MAX;
	switch (condition->term.strategy)
	{
		case BTLessStrategyNumber:
			if (value == PG_INT64_MIN)
				return false;
			condition->high = value - 1;
			break;
		case BTLessEqualStrategyNumber:
			condition->high = value;
			break;
		case BTEqualStrategyNumber:
			condition->low = condition->high = value;
			break;
		case BTGreaterEqualStrategyNumber:
			condition->low = value;
			break;
		default:
			if (value == PG_INT64_MAX)
				return false;
			condition->low = value + 1;
			break;
	}
	return true;
}

bool
ConditionSetValue(Condition *condition, Datum value, bool isnull)
{
	condition->value = value;
	condition->bytes = NULL;
	if (isnull)
		return false;
	switch (condition->term.value_type)
	{
		case UUIDOID:
			condition->bytes = DatumGetPointer(value);
			condition->length = UUID_LEN;
			return true;
		case TEXTOID:
		case VARCHAROID:
			condition->value = PointerGetDatum(PG_DETOAST_DATUM(value));
			condition->bytes = VARDATA_ANY(DatumGetPointer(condition->value));
			condition->length = VARSIZE_ANY_EXHDR(DatumGetPointer(condition->value));
			return true;
		default:
			return set_range(condition);
	}
}

/*
 * Add a condition to the tests.  If there is a test of its column, a range of
 * integers narrows the range of the test, and IS NOT NULL adds nothing.
 */
static void
add_test(Conditions *conditions, const Condition *condition)
{
	for (int i = 0; i < conditions->tests; i++)
	{
		Condition  *test = &conditions->test[i];

		if (test->term.column.number != condition->term.column.number)
			continue;
		if (condition->term.strategy == 0)
			return;
		if (test->term.strategy == 0)
		{
			*test = *condition;
			return;
		}
		if (test->bytes == NULL)
		{
			test->low = Max(test->low, condition->low);
			test->high = Min(test->high, condition->high);
			return;
		}
	}
	conditions->test[conditions->tests++] = *condition;
}

void
ConditionsEvaluate(Conditions *conditions, ExprContext *context)
{
	conditions->never = false;
	conditions->tests = 0;
	for (int i = 0; i < conditions->count; i++)
	{
		Condition  *condition = &conditions->condition[i];
		bool		isnull;
		Datum		value;

		if (condition->expression != NULL)
		{
			value = ExecEvalExpr(condition->expression, context, &isnull);
			if (!ConditionSetValue(condition, value, isnull))
			{
				conditions->never = true;
				return;
			}
		}
		add_test(conditions, condition);
	}
}

int
ConditionsKeys(const Conditions *conditions, Relation index, ScanKey *keys)
{
	int			columns = IndexRelationGetNumberOfKeyAttributes(index);
	int			count = 0;

	*keys = palloc(Max(columns * conditions->count, 1) * sizeof(ScanKeyData));
	for (int column = 0; column < columns; column++)
	{
		int			found = count;

		for (int i = 0; i < conditions->count; i++)
		{
			const Condition *condition = &conditions->condition[i];
			int			strategy;
			Oid			left;
			Oid			right;

			if (condition->term.strategy == 0 ||
				condition->term.column.number != index->rd_index->indkey.values[column] ||
				condition->term.collation != index->rd_indcollation[column] ||
				!op_in_opfamily(condition->term.operator, index->rd_opfamily[column]))
				continue;
			get_op_opfamily_properties(condition->term.operator, index->rd_opfamily[column],
									   false, &strategy, &left, &right);
			/* A cast of the column needs another operator than the index. */
			if (left != index->rd_opcintype[column])
				continue;
			ScanKeyEntryInitialize(&(*keys)[count++], 0, column + 1, strategy, right,
								   condition->term.collation,
								   get_opcode(condition->term.operator), condition->value);
		}
		/* Only the first columns of a B-tree narrow the pages to read. */
		if (count == found)
			break;
	}
	return count;
}

int
ConditionsLastColumn(const Conditions *conditions, int last)
{
	for (int i = 0; i < conditions->count; i++)
		last = LastColumn(last, &conditions->condition[i].term.column);
	return last;
}
