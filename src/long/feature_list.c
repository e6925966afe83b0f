/*
 * feature_list.c
 *		Making a list of features, and finding names in it.
 */
#include "long/feature_list.h"

#include "catalog/pg_type.h"
#include "errors.h"
#include "nodes/primnodes.h"
#include "study/study_errors.h"
#include "utils/array.h"

/* Take over the names of an array. */
static void
set_names(FeatureList *list, ArrayType *array)
{
	Datum	   *names;
	bool	   *isnull;

	if (ARR_NDIM(array) > 1)
		ReportFeatureDimensions(ARR_NDIM(array));
	list->count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (list->count > FEATURES_MAX)
		ReportTooManyFeatures(list->count, FEATURES_MAX);

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, &isnull, &list->count);
	for (int i = 0; i < list->count; i++)
	{
		text	   *name;

		if (isnull[i])
			ReportNullFeatureName(i);
		name = DatumGetTextPP(names[i]);
		list->name[i] = VARDATA_ANY(name);
		list->length[i] = VARSIZE_ANY_EXHDR(name);
		for (int j = 0; j < i; j++)
			if (list->length[j] == list->length[i] && memcmp(list->name[j], list->name[i], list->length[i]) == 0)
				ReportRepeatedFeature(pnstrdup(list->name[i], list->length[i]));
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

	/* With the longer header, which an array needs to be aligned. */
	list->array = palloc(VARHDRSZ + length);
	SET_VARSIZE(list->array, VARHDRSZ + length);
	memcpy(VARDATA(list->array), VARDATA_ANY(array), length);

	for (int i = 0; i < FEATURES_MAX; i++)
	{
		list->length[i] = -1;
		list->after[i] = (i + 1) % FEATURES_MAX;
	}
	list->after[FEATURES_MAX] = 0;
	list->last = FEATURES_MAX;
	set_names(list, (ArrayType *) list->array);
	list->all = list->count == FEATURES_MAX ? PG_UINT64_MAX : (UINT64CONST(1) << list->count) - 1;
	return list;
}

bool
FeatureListIsOf(const FeatureList *list, const struct varlena *array)
{
	return VARSIZE_ANY_EXHDR(array) == VARSIZE_ANY_EXHDR(list->array) &&
		memcmp(VARDATA_ANY(array), VARDATA_ANY(list->array), VARSIZE_ANY_EXHDR(array)) == 0;
}

/* Whether an argument of an aggregate's transition function is a constant. */
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
