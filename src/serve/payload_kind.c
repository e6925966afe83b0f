/*
 * payload_kind.c
 *		The table of the payloads of a study, and cutting a part from a subsample.
 */
#include "serve/payload_kind.h"

#include "arguments.h"
#include "pack/huge_pages.h"
#include "smprofiler/subsample.h"
#include "utils/builtins.h"

static bytea *
copy_bytes(const char *bytes, Size length)
{
	bytea	   *copy = palloc_extended(VARHDRSZ + length, MCXT_ALLOC_HUGE);

	AdviseHugePages(copy, VARHDRSZ + length);
	SET_VARSIZE(copy, VARHDRSZ + length);
	memcpy(VARDATA(copy), bytes, length);
	return copy;
}

static bytea *
cut_metadata(const bytea *subsample)
{
	return copy_bytes(VARDATA_ANY(subsample), SubsampleMetadataLength(subsample));
}

static bytea *
cut_body(const bytea *subsample)
{
	Size		start = SubsampleMetadataLength(subsample) + 1;

	return copy_bytes(VARDATA_ANY(subsample) + start, VARSIZE_ANY_EXHDR(subsample) - start);
}

const PayloadKind subsample_kind = {.name = "subsample"};
static const PayloadKind metadata_kind = {.name = "subsample_metadata", .cut = cut_metadata};
static const PayloadKind body_kind = {.name = "subsample_body", .cut = cut_body};

static const PayloadKind *const study_kinds[] = {&subsample_kind, &metadata_kind, &body_kind};

PayloadKind
GetPayloadKindArgument(FunctionCallInfo fcinfo, int arg)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	const CbLayout *layout = cb_layout_named(name, strlen(name));
	StringInfoData names;

	if (layout != NULL)
		return (PayloadKind) {.name = layout->name, .layout = layout};
	initStringInfo(&names);
	for (size_t i = 0; i < lengthof(study_kinds); i++)
	{
		if (strcmp(study_kinds[i]->name, name) == 0)
			return *study_kinds[i];
		appendStringInfo(&names, "%s\"%s\"", i > 0 ? ", " : "", study_kinds[i]->name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown layout \"%s\"", name),
			 errhint("The layouts of samples are %s; those of studies are %s.", LayoutNames(),
					 names.data)));
}
