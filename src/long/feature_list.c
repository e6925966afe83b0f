/*
 * feature_list.c
 *		Making a list of features, and finding names in it.
 */
#include "long/feature_list.h"

#include "arguments.h"

#include "catalog/pg_type.h"
#include "nodes/primnodes.h"

/* Set the names of a list from an array. */
static void
set_names(FeatureList *list, ArrayType *array)
{
	Datum	   *names;
	bool	   *isnull;

	list->count = CountFeatures(array);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, &isnull, &list->count);
	for (int i = 0; i < list->count; i++)
	{
		text	   *name;

		if (isnull[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("name of feature %d must not be null", i)));
		name = DatumGetTextPP(names[i]);
		list->name[i] = VARDATA_ANY(name);
		list->length[i] = VARSIZE_ANY_EXHDR(name);
		for (int j = 0; j < i; j++)
			if (list->length[j] == list->length[i] &&
				memcmp(list->name[j], list->name[i], list->length[i]) == 0)
				RaiseRepeatedFeature(pnstrdup(list->name[i], list->length[i]));
	}
	pfree(names);
	pfree(isnull);
}

FeatureList *
FeatureListMake(const struct varlena *array)
{
	static uint64 lists = 0;
	FeatureList *list = palloc0(sizeof(FeatureList));
	Size		length = VARSIZE_ANY_EXHDR(array);

	list->number = ++lists;

	/* Copy with the 4-byte header, because an array must be aligned. */
	list->array = palloc(VARHDRSZ + length);
	SET_VARSIZE(list->array, VARHDRSZ + length);
	memcpy(VARDATA(list->array), VARDATA_ANY(array), length);

	for (int i = 0; i < CB_FEATURES; i++)
	{
		list->length[i] = -1;
		list->after[i] = (i + 1) % CB_FEATURES;
	}
	list->after[CB_FEATURES] = 0;
	list->last = CB_FEATURES;
	set_names(list, (ArrayType *) list->array);
	list->all = list->count == CB_FEATURES ? PG_UINT64_MAX : (UINT64CONST(1) << list->count) - 1;
	return list;
}

bool
FeatureListIsOf(const FeatureList *list, const struct varlena *array)
{
	return VARSIZE_ANY_EXHDR(array) == VARSIZE_ANY_EXHDR(list->array) &&
		memcmp(VARDATA_ANY(array), VARDATA_ANY(list->array), VARSIZE_ANY_EXHDR(array)) == 0;
}

/*
 * Return whether an argument of an aggregate's transition function is a
 * constant.
 */
static bool
is_constant_argument(FunctionCallInfo fcinfo, int arg)
{
	Aggref	   *aggref = AggGetAggref(fcinfo);

	return aggref != NULL && IsA(list_nth_node(TargetEntry, aggref->args, arg - 1)->expr, Const);
}

FeatureList *
FeatureListArgument(FunctionCallInfo fcinfo, int arg)
{
	FeatureList *list = fcinfo->flinfo->fn_extra;
	struct varlena *array;

	if (likely(list != NULL && list->is_constant))
		return list;

	array = PG_GETARG_VARLENA_PP(arg);
	if (list == NULL || !FeatureListIsOf(list, array))
	{
		MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		fcinfo->flinfo->fn_extra = NULL;
		if (list != NULL)
		{
			pfree(list->array);
			pfree(list);
		}
		list = FeatureListMake(array);
		list->is_constant = is_constant_argument(fcinfo, arg);
		fcinfo->flinfo->fn_extra = list;
		MemoryContextSwitchTo(caller);
	}
	return list;
}

int
FeatureListSearch(FeatureList *list, const char *name, int length)
{
	for (int i = 0; i < list->count; i++)
		if (list->length[i] == length && memcmp(list->name[i], name, length) == 0)
		{
			list->after[list->last] = i;
			list->last = i;
			return i;
		}
	return -1;
}
