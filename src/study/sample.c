/*
 * sample.c
 *		Conversion of a sample between its value, its name and its hash.
 */
#include "study/sample.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

Oid
SampleParameterType(Oid column_type)
{
	return column_type == VARCHAROID ? TEXTOID : column_type;
}

Datum
SampleValue(Oid column_type, const char *given, const char **name)
{
	Oid			type = SampleParameterType(column_type);
	Oid			input;
	Oid			parameter;
	Datum		value;
	int			length;

	getTypeInputInfo(type, &input, &parameter);
	value = OidInputFunctionCall(input, unconstify(char *, given), parameter, -1);
	*name = SampleName(type, value, &length);
	*name = pnstrdup(*name, length);
	return value;
}

const char *
SampleName(Oid type, Datum value, int *length)
{
	char	   *name;
	Oid			output;
	bool		is_varlena;

	if (type == TEXTOID || type == VARCHAROID)
	{
		text	   *name_text = DatumGetTextPP(value);

		*length = VARSIZE_ANY_EXHDR(name_text);
		return VARDATA_ANY(name_text);
	}
	getTypeOutputInfo(type, &output, &is_varlena);
	name = OidOutputFunctionCall(output, value);
	*length = strlen(name);
	return name;
}

int64
SampleHash(const char *name, int length)
{
	uint64		hash = DatumGetUInt64(hash_any_extended((const unsigned char *) name, length, 0));

	return hash != 0 ? (int64) hash : 1;
}
