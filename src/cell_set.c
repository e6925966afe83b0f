/*
 * cell_set.c
 *		Growing, merging, sorting and encoding the cells of one payload.
 */
#include "cell_set.h"

#include "errors.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "nodes/memnodes.h"
#include "port/pg_bitutils.h"
#include "settings.h"

/* A new set's buffer.  Small, as there may be a set for each of many groups. */
#define FIRST_BUFFER_SIZE 256

/* Cells between two looks for interrupts, a few microseconds of work. */
#define BATCH 1024

#define CONTEXT_NAME "cell_binary cell sets"

#define ST_SORT sort_pixels
#define ST_ELEMENT_TYPE PixelRecord
#define ST_COMPARE(a, b) (((a)->cell_id > (b)->cell_id) - ((a)->cell_id < (b)->cell_id))
#define ST_SCOPE static
#define ST_DECLARE
#define ST_DEFINE
#define ST_CHECK_FOR_INTERRUPTS
#include "lib/sort_template.h"

#define ST_SORT sort_centroids
#define ST_ELEMENT_TYPE CentroidRecord
#define ST_COMPARE(a, b) (((a)->cell_id > (b)->cell_id) - ((a)->cell_id < (b)->cell_id))
#define ST_SCOPE static
#define ST_DECLARE
#define ST_DEFINE
#define ST_CHECK_FOR_INTERRUPTS
#include "lib/sort_template.h"

static const uint32 form_width[] = {
	[CELLS_WITHOUT_ID] = CB_COMPACT_CELL,
	[CELLS_WITH_ID] = sizeof(PixelRecord),
	[CELLS_WITH_CENTROID] = sizeof(CentroidRecord),
};

/* Assert what every function here leaves behind. */
static void
check_invariants(const CellSet *set PG_USED_FOR_ASSERTS_ONLY)
{
	Assert(set->form <= CELLS_WITH_CENTROID);
	Assert(set->width == form_width[set->form]);
	Assert(set->count <= set->capacity);
	Assert(set->capacity <= set->max_count);
	Assert(set->form != CELLS_WITHOUT_ID || set->layout == &cb_compact);
	Assert(set->form != CELLS_WITH_CENTROID || set->layout->takes_fractions);
}

/* Bytes before the records: as the payload's, so that it can be built here. */
static Size
header_room(const CellSet *set)
{
	return VARHDRSZ + set->layout->header_size;
}

/*
 * The context for the sets of an aggregate, made when its first set is.  It
 * is looked up by name among the children, because it vanishes whenever the
 * executor resets the aggregate's context, and a pointer would dangle.
 */
static MemoryContext
cell_set_context(MemoryContext aggcontext)
{
	for (MemoryContext child = aggcontext->firstchild; child != NULL; child = child->nextchild)
		if (strcmp(child->name, CONTEXT_NAME) == 0)
			return child;
	return AllocSetContextCreate(aggcontext, CONTEXT_NAME, ALLOCSET_DEFAULT_SIZES);
}

/* Set the fields that follow from form and layout, with room for no cell. */
static void
init_set(CellSet *set, CellForm form, const CbLayout *layout)
{
	memset(set, 0, sizeof(*set));
	set->form = form;
	set->layout = layout;
	set->width = form_width[form];
	set->ascending = true;
	set->max_count = cb_layout_max_cells(layout, MaxPayloadSize());
}

CellSet *
CellSetCreate(MemoryContext aggcontext, CellForm form, const CbLayout *layout)
{
	MemoryContext context = cell_set_context(aggcontext);
	CellSet    *set = MemoryContextAlloc(context, sizeof(CellSet));

	init_set(set, form, layout);
	set->buffer = MemoryContextAlloc(context, FIRST_BUFFER_SIZE);
	set->records = set->buffer + header_room(set);
	set->capacity = Min((FIRST_BUFFER_SIZE - header_room(set)) / set->width,
						set->max_count);
	check_invariants(set);
	return set;
}

/*
 * The buffer's size is a power of two, as small chunks of a memory context
 * are, but never larger than the largest payload needs.
 */
void
CellSetGrow(CellSet *set, uint64 more)
{
	Size		room = header_room(set);
	Size		size;

	if (more > set->max_count - set->count)
		ReportPayloadTooLarge(set->layout);

	size = pg_nextpower2_64(room + (set->count + more) * set->width);
	size = Min(size, room + set->max_count * set->width);
	size = Max(size, FIRST_BUFFER_SIZE);

	set->buffer = repalloc_huge(set->buffer, size);
	set->records = set->buffer + room;
	set->capacity = Min((size - room) / set->width, set->max_count);
	check_invariants(set);
}

void
CellSetMerge(CellSet *set, const CellSet *other)
{
	if (set->layout != other->layout)
		ReportMixedLayouts(set->layout, other->layout);
	if (set->form != other->form)
		elog(ERROR, "cell sets of different form cannot be merged");
	if (other->count == 0)
		return;

	if (set->form != CELLS_WITHOUT_ID)
	{
		uint32		first_id;

		memcpy(&first_id, other->records, sizeof(first_id));
		set->ascending = set->ascending && other->ascending &&
			(set->count == 0 || set->last_id < first_id);
		set->last_id = other->last_id;
	}

	if (other->count > set->capacity - set->count)
		CellSetGrow(set, other->count);
	memcpy(set->records + set->count * set->width, other->records,
		   other->count * set->width);
	set->count += other->count;
	check_invariants(set);
}

/* Bring the records into ascending order of their ids. */
static void
sort_set(CellSet *set)
{
	if (set->ascending)
		return;
	if (set->form == CELLS_WITH_ID)
		sort_pixels((PixelRecord *) set->records, set->count);
	else
		sort_centroids((CentroidRecord *) set->records, set->count);
	set->ascending = true;
}

/* Copy the cells from first on into a batch, and return how many there were. */
static size_t
load_batch(const CellSet *set, uint64 first, CbCell *batch)
{
	size_t		count = Min(BATCH, set->count - first);

	if (set->form == CELLS_WITH_ID)
	{
		const PixelRecord *record = (const PixelRecord *) set->records + first;

		for (size_t i = 0; i < count; i++, record++)
			batch[i] = (CbCell)
			{
				.x = record->x,
				.y = record->y,
				.phenotypes = (uint64) record->phenotypes_high << 32 | record->phenotypes_low,
				.cell_id = record->cell_id
			};
	}
	else
	{
		const CentroidRecord *record = (const CentroidRecord *) set->records + first;

		for (size_t i = 0; i < count; i++, record++)
			batch[i] = (CbCell)
			{
				.x = record->x,
				.y = record->y,
				.phenotypes = record->phenotypes,
				.cell_id = record->cell_id
			};
	}
	return count;
}

/* Encode the cells of a set with ids. */
static bytea *
encode_set(CellSet *set)
{
	CbCell		batch[BATCH];
	CbWriter	writer;
	bytea	   *payload;
	uint64		size;

	sort_set(set);

	cb_writer_init(&writer, set->layout);
	for (uint64 i = 0; i < set->count; i += BATCH)
	{
		CHECK_FOR_INTERRUPTS();
		if (!cb_writer_measure(&writer, batch, load_batch(set, i, batch)))
			ReportFault(set->layout, &writer.fault);
	}

	size = cb_writer_size(&writer);
	if (size > (uint64) MaxPayloadSize())
		ReportPayloadTooLarge(set->layout);
	payload = palloc(VARHDRSZ + size);
	SET_VARSIZE(payload, VARHDRSZ + size);

	cb_writer_begin(&writer, (uint8_t *) VARDATA(payload));
	for (uint64 i = 0; i < set->count; i += BATCH)
	{
		CHECK_FOR_INTERRUPTS();
		if (!cb_writer_write(&writer, batch, load_batch(set, i, batch)))
			ReportFault(set->layout, &writer.fault);
	}
	Assert(writer.next == (uint8_t *) VARDATA(payload) + size);
	return payload;
}

bytea *
CellSetPayload(CellSet *set)
{
	check_invariants(set);
	if (set->form != CELLS_WITHOUT_ID)
		return encode_set(set);

	cb_compact_put_header((uint8_t *) set->buffer + VARHDRSZ, set->count);
	SET_VARSIZE(set->buffer, header_room(set) + set->count * set->width);
	return (bytea *) set->buffer;
}

/* Form, layout, whether ids ascend, the last one, number of records, records. */
bytea *
CellSetSerialize(const CellSet *set)
{
	const Size	fields = 64;	/* more than all but the records take */
	const uint64 max_count = (MaxAllocSize - fields) / set->width;
	StringInfoData buf;

	if (set->count > max_count)
		ReportPartialSetTooLarge(set->count, max_count);

	pq_begintypsend(&buf);
	enlargeStringInfo(&buf, fields + set->count * set->width);
	pq_sendbyte(&buf, set->form);
	pq_send_ascii_string(&buf, set->layout->name);
	pq_sendbyte(&buf, set->ascending);
	pq_sendint32(&buf, set->last_id);
	pq_sendint64(&buf, set->count);
	pq_sendbytes(&buf, set->records, set->count * set->width);
	return pq_endtypsend(&buf);
}

CellSet *
CellSetDeserialize(const bytea *bytes)
{
	StringInfoData buf;
	const char *name;
	const CbLayout *layout;
	CellForm	form;
	CellSet    *set = palloc(sizeof(CellSet));

	initReadOnlyStringInfo(&buf, (char *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	form = pq_getmsgbyte(&buf);
	name = pq_getmsgrawstring(&buf);
	layout = cb_layout_named(name, strlen(name));
	if (form > CELLS_WITH_CENTROID || layout == NULL)
		elog(ERROR, "invalid serialized cell set");

	init_set(set, form, layout);
	set->ascending = pq_getmsgbyte(&buf);
	set->last_id = pq_getmsgint(&buf, 4);
	set->count = pq_getmsgint64(&buf);
	if (set->count != (uint64) (buf.len - buf.cursor) / set->width)
		elog(ERROR, "invalid serialized cell set");
	set->capacity = set->max_count = set->count;
	set->records = unconstify(char *, pq_getmsgbytes(&buf, set->count * set->width));
	pq_getmsgend(&buf);
	check_invariants(set);
	return set;
}
