/*
 * one_payload.c
 *		Running a query that returns the payload of one sample, or what is known
 *		of the payload.
 */
#include "study/one_payload.h"

#include "catalog/pg_type.h"
#include "pack/cell_payload.h"
#include "pack/huge_pages.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Copy a payload into a memory context. */
static bytea *
copy_payload(const bytea *payload, MemoryContext context)
{
	bytea	   *copy = MemoryContextAlloc(context, VARSIZE_ANY(payload));

	AdviseHugePages(copy, VARSIZE_ANY(payload));
	memcpy(copy, payload, VARSIZE_ANY(payload));
	return copy;
}

/* The payload in the first column of a row, and one that outlives the query. */
typedef struct PackedSample
{
	KeptPayload kept;
	bytea	   *payload;
} PackedSample;

/* Take the payload of a row, and copy it unless it is the one that outlives the query. */
static void
take_payload(TupleTableSlot *row, void *argument)
{
	PackedSample *packed = argument;
	bool		isnull;
	bytea	   *value = (bytea *) DatumGetPointer(slot_getattr(row, 1, &isnull));

	if (isnull)
		return;
	packed->payload = value == packed->kept.payload ? value :
		copy_payload(value, packed->kept.parent);
}

bytea *
PackOne(Source *source, MemoryContext context)
{
	PackedSample packed = {.kept.parent = context};

	CellSetKeepNext(&packed.kept);
	PG_TRY();
	{
		SourceRun(source, take_payload, &packed);
	}
	PG_FINALLY();
	{
		CellSetKeepNext(NULL);
	}
	PG_END_TRY();
	return packed.payload;
}

/* What put_ready fills. */
typedef struct FetchedRow
{
	const Source *source;
	MemoryContext context;
	ReadyPayload *ready;
	bool		found;
} FetchedRow;

pg_noreturn static void
raise_bad_row(const Source *source, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("relation of payloads \"%s\" has an invalid row",
					get_rel_name(source->relation)),
			 errdetail_internal("%s", detail)));
}

/* Return the first column of a row that is null, or NULL. */
static const char *
null_column(TupleTableSlot *row)
{
	slot_getallattrs(row);
	for (int i = 0; i < row->tts_tupleDescriptor->natts; i++)
		if (row->tts_isnull[i])
			return NameStr(TupleDescAttr(row->tts_tupleDescriptor, i)->attname);
	return NULL;
}

void
CheckReadyRow(const Source *source, TupleTableSlot *row)
{
	TupleDesc	columns = row->tts_tupleDescriptor;
	const char *null = null_column(row);

	if (null != NULL)
		raise_bad_row(source, psprintf("Column \"%s\" is null.", null));
	for (int i = 0; i < columns->natts; i++)
	{
		const FormData_pg_attribute *column = TupleDescAttr(columns, i);

		if (column->atttypid == INT8OID && DatumGetInt64(row->tts_values[i]) < 0)
			raise_bad_row(source, psprintf("Column \"%s\" is " INT64_FORMAT ".",
										   NameStr(column->attname),
										   DatumGetInt64(row->tts_values[i])));
	}
}

/*
 * Return whether a text is a strong entity tag of RFC 9110: services send it in a
 * header of HTTP, and a line break would end the header.
 */
static bool
is_entity_tag(const char *text)
{
	size_t		length = strlen(text);

	if (length < 2 || text[0] != '"' || text[length - 1] != '"')
		return false;
	for (size_t i = 1; i < length - 1; i++)
		if (text[i] < '!' || text[i] > '~' || text[i] == '"')
			return false;
	return true;
}

static void
take_ready(TupleTableSlot *row, void *argument)
{
	FetchedRow *fetched = argument;
	ReadyPayload *ready = fetched->ready;
	MemoryContext caller;

	if (null_column(row) != NULL)
		return;
	if (fetched->found)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("relation of payloads \"%s\" has more than one row for a payload",
						get_rel_name(fetched->source->relation))));
	fetched->found = true;
	CheckReadyRow(fetched->source, row);
	caller = MemoryContextSwitchTo(fetched->context);
	if (fetched->source->query == SOURCE_READY)
	{
		struct varlena *value = (struct varlena *) DatumGetPointer(row->tts_values[0]);

		/* Detoasting makes a copy of its own. */
		ready->payload = VARATT_IS_EXTENDED(value) ? DatumGetByteaP(row->tts_values[0]) :
			copy_payload((bytea *) value, fetched->context);
	}
	else
	{
		ready->cells = DatumGetInt64(row->tts_values[0]);
		ready->bytes = DatumGetInt64(row->tts_values[1]);
		ready->etag = TextDatumGetCString(row->tts_values[2]);
		if (!is_entity_tag(ready->etag))
			raise_bad_row(fetched->source, "Column \"etag\" is not a strong entity tag.");
	}
	MemoryContextSwitchTo(caller);
}

bool
FetchOne(Source *source, MemoryContext context, ReadyPayload *ready)
{
	FetchedRow	fetched = {.source = source, .context = context, .ready = ready};

	memset(ready, 0, sizeof(*ready));
	SourceRun(source, take_ready, &fetched);
	return fetched.found;
}
