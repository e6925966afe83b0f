/*
 * arguments.c
 *		Reading the SQL arguments that several functions share, and raising
 *		their errors.  An argument of a single function is read in that
 *		function.
 */
#include "arguments.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"

const char *
LayoutNames(void)
{
	StringInfoData names;
	const CbLayout *layout;

	initStringInfo(&names);
	for (size_t i = 0; (layout = cb_layout_at(i)) != NULL; i++)
		appendStringInfo(&names, "%s\"%s\"", i > 0 ? ", " : "", layout->name);
	return names.data;
}

const CbLayout *
GetLayoutArgument(FunctionCallInfo fcinfo, int arg)
{
	text	   *name = PG_GETARG_TEXT_PP(arg);
	const CbLayout *layout = cb_layout_named(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));

	if (layout == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown layout \"%s\"", text_to_cstring(name)),
				 errhint("The layouts are %s.", LayoutNames())));
	return layout;
}

void
RaiseNoCoordinates(const CbLayout *layout, const char *instead)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("layout \"%s\" has neither coordinates nor phenotypes", layout->name),
			 errhint("Use %s().", instead)));
}

void
RaiseMixedLayouts(const CbLayout *first, const CbLayout *other)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("all rows of a payload must have the same layout"),
			 errdetail("There are rows with layout \"%s\" and rows with layout \"%s\".",
					   first->name, other->name),
			 errhint("Group the rows by their layout.")));
}

void
RaiseCellId(int64 cell_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("cell_id " INT64_FORMAT " is out of range", cell_id),
			 errdetail("A cell_id must be from 0 to %u.", PG_UINT32_MAX)));
}

void
RaiseNull(const char *argument, const char *row, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", argument),
			 row ? errdetail("It is null for %s.", row) : 0,
			 hint ? errhint("%s", hint) : 0));
}

void
RaiseNullInRow(const char *argument, const char *row)
{
	RaiseNull(argument, row,
			  psprintf("Leave such rows out with FILTER (WHERE %s IS NOT NULL), or replace the "
					   "null with coalesce(); for a study, do so in a view.", argument));
}

void
RaiseRepeatedFeature(const char *feature)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("feature \"%s\" is named twice", feature)));
}

void
RaiseNotPositive(int64 value)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("value " INT64_FORMAT " of a feature is neither 0 nor 1", value)));
}

void
RaiseFeatureArray(const ArrayType *array, int features)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("array of features must have one dimension"),
				 errdetail("The array has %d dimensions.", ARR_NDIM(array))));
	ereport(ERROR,
			(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
			 errmsg("cannot have more than %d features", CB_FEATURES),
			 errdetail("The array has %d elements.", features)));
}

int
ArrayStrings(ArrayType *array, const char ***strings)
{
	Oid			type = ARR_ELEMTYPE(array);
	Datum	   *elements;
	bool	   *isnull;
	int			count;

	if (type == NAMEOID)
		deconstruct_array(array, type, NAMEDATALEN, false, TYPALIGN_CHAR,
						  &elements, &isnull, &count);
	else
		deconstruct_array(array, type, -1, false, TYPALIGN_INT, &elements, &isnull, &count);

	*strings = palloc0(Max(count, 1) * sizeof(char *));
	for (int i = 0; i < count; i++)
		if (!isnull[i])
			(*strings)[i] = type == NAMEOID ? pstrdup(NameStr(*DatumGetName(elements[i]))) :
				TextDatumGetCString(elements[i]);
	return count;
}

const char *
RepeatedString(int count, const char **strings)
{
	uint32	   *hashes = palloc(Max(count, 1) * sizeof(uint32));
	const char *repeated = NULL;

	for (int i = 0; i < count && repeated == NULL; i++)
	{
		hashes[i] = hash_bytes((const unsigned char *) strings[i], strlen(strings[i]));
		for (int j = 0; j < i && repeated == NULL; j++)
			if (hashes[i] == hashes[j] && strcmp(strings[i], strings[j]) == 0)
				repeated = strings[i];
	}
	pfree(hashes);
	return repeated;
}
