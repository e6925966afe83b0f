/*
 * arguments.c
 *		Reading the SQL arguments that several functions share, and raising
 *		their errors.  An argument of a single function is read in that
 *		function.
 */
#include "arguments.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

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

/* Return the name that a value gives a layout; its type is text or the enum cell_layout. */
static char *
layout_name(Oid type, Datum value)
{
	HeapTuple	row;
	char	   *name;

	if (type == TEXTOID)
		return TextDatumGetCString(value);
	row = SearchSysCache1(ENUMOID, value);
	if (!HeapTupleIsValid(row))
		elog(ERROR, "cache lookup failed for enum %u", DatumGetObjectId(value));
	name = pstrdup(NameStr(((Form_pg_enum) GETSTRUCT(row))->enumlabel));
	ReleaseSysCache(row);
	return name;
}

const CbLayout *
LayoutIfKnown(Oid type, Datum value)
{
	const char *name = layout_name(type, value);

	return cb_layout_named(name, strlen(name));
}

/* Return the layout that a value names.  Errors: 22023 for an unknown name. */
static const CbLayout *
layout_of(Oid type, Datum value)
{
	const CbLayout *layout = LayoutIfKnown(type, value);

	if (layout == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown layout \"%s\"", layout_name(type, value)),
				 errhint("The layouts are %s.", LayoutNames())));
	return layout;
}

const CbLayout *
GetLayoutArgument(FunctionCallInfo fcinfo, int arg)
{
	return layout_of(TEXTOID, PG_GETARG_DATUM(arg));
}

const CbLayout *
GetRowLayout(FunctionCallInfo fcinfo, int arg)
{
	RowLayout  *last = fcinfo->flinfo->fn_extra;

	if (last == NULL)
	{
		last = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(RowLayout));
		last->type = get_fn_expr_argtype(fcinfo->flinfo, arg);
		fcinfo->flinfo->fn_extra = last;
	}
	last->layout = layout_of(last->type, PG_GETARG_DATUM(arg));
	if (last->type != TEXTOID)
		last->label = PG_GETARG_OID(arg);
	return last->layout;
}

/*
 * Return the extension's enum of layouts, or InvalidOid.  Other roles can create
 * objects in the extension's schema if it is public, for example; only a superuser
 * can have created the extension's objects.
 */
static Oid
layout_type(Oid schema)
{
	HeapTuple	row = SearchSysCache2(TYPENAMENSP, CStringGetDatum("cell_layout"),
									  ObjectIdGetDatum(schema));
	Oid			type = InvalidOid;
	Form_pg_type form;

	if (!HeapTupleIsValid(row))
		return InvalidOid;
	form = (Form_pg_type) GETSTRUCT(row);
	if (form->typtype == TYPTYPE_ENUM && superuser_arg(form->typowner))
		type = form->oid;
	ReleaseSysCache(row);
	return type;
}

Datum
LayoutValue(Oid schema, const CbLayout *layout, Oid *type)
{
	Oid			label = InvalidOid;

	*type = layout_type(schema);
	if (OidIsValid(*type))
		label = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid, ObjectIdGetDatum(*type),
								CStringGetDatum(layout->name));
	if (OidIsValid(label))
		return ObjectIdGetDatum(label);
	*type = TEXTOID;
	return CStringGetTextDatum(layout->name);
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
