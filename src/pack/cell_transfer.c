/*
 * cell_transfer.c
 *		Converting a set of cells to bytes for another process of the same
 *		server, and back.
 *
 * The cells of a parallel worker are copied several times on the way to the
 * leader, each time into memory that is new to the process.  Therefore their
 * records are trimmed.
 */
#include "pack/cell_transfer.h"

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * The fields after the records: the layout's name; has_ids, has_fractions,
 * stores_ids, ascending; body, first_id, differing_bits, last_id, count; the
 * extent; and the trim of the records.
 */
#define TRAILER_NAME 16
#define TRAILER_SIZE (TRAILER_NAME + 4 * 1 + 3 * 4 + 2 * 8 + 4 * 8 + 3 * 4 + 4 * 1)

/*
 * The bytes go to the leader in a row, and a row, too, must not be larger than
 * a chunk of memory.  This is the reserve for the row's header and the
 * grouping columns.
 */
#define ROW_RESERVE 4096

/* Expanding may read this far past the last trimmed record. */
StaticAssertDecl(TRAILER_SIZE >= sizeof(uint64), "expanding would read too far");

/* Return whether records can be trimmed: only those of compact cells. */
static bool
can_be_trimmed(const CellSet *set)
{
	return !set->layout->has_intensities && !set->has_fractions;
}

/*
 * Trim the records in place.  A trimmed record, including the bytes written
 * past its end, does not end after the record that it is made from, so that
 * the next record is still intact.  Each batch is loaded before it is
 * overwritten.
 */
static void
trim_records(CellSet *set)
{
	RecordRange range = RecordRangeEmpty();
	uint8	   *to = (uint8 *) set->records;
	CbBatch		batch;

	for (uint64 first = 0; first < set->count; first += CB_BATCH)
	{
		CHECK_FOR_INTERRUPTS();
		CellSetLoadBatch(set, first, &batch);
		RecordRangeAdd(&range, &batch);
	}
	set->trim = RecordTrimFor(&range, set->stores_ids);
	for (uint64 first = 0; first < set->count; first += CB_BATCH)
	{
		CHECK_FOR_INTERRUPTS();
		CellSetLoadBatch(set, first, &batch);
		to = RecordTrimWrite(&set->trim, &batch, set->stores_ids, to);
	}
	set->is_trimmed = true;
	set->width = RecordTrimWidth(&set->trim);
}

void
RaisePartialTooLarge(uint64 cells, uint64 max_cells)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("parallel worker has too many cells of one payload"),
			 errdetail("The worker collected " UINT64_FORMAT " cells, but can hand over only "
					   UINT64_FORMAT ".",
					   cells, max_cells),
			 errhint("Set \"max_parallel_workers_per_gather\" to 0 for this query.")));
}

bytea *
CellSetSerialize(CellSet *set)
{
	const Size	room = CellSetHeaderRoom(set->layout);
	const Size	max_end = MaxAllocSize - TRAILER_SIZE - ROW_RESERVE;
	StringInfoData trailer;
	Size		end;

	if (set->is_finished)
		return (bytea *) set->buffer;

	if (can_be_trimmed(set))
		trim_records(set);
	set->is_finished = true;

	end = room + set->count * set->width;
	if (end > max_end)
		RaisePartialTooLarge(set->count, (max_end - room) / set->width);
	if (end + TRAILER_SIZE > set->size)
	{
		set->size = end + TRAILER_SIZE;
		set->buffer = repalloc_huge(set->buffer, set->size);
		set->records = set->buffer + room;
	}

	initStringInfo(&trailer);
	pq_sendbytes(&trailer, set->layout->name, set->layout->name_length);
	while (trailer.len < TRAILER_NAME)
		pq_sendbyte(&trailer, 0);
	pq_sendbyte(&trailer, set->has_ids);
	pq_sendbyte(&trailer, set->has_fractions);
	pq_sendbyte(&trailer, set->stores_ids);
	pq_sendbyte(&trailer, set->ascending);
	pq_sendint32(&trailer, set->body);
	pq_sendint32(&trailer, set->first_id);
	pq_sendint32(&trailer, set->differing_bits);
	pq_sendint64(&trailer, set->last_id);
	pq_sendint64(&trailer, set->count);
	pq_sendfloat8(&trailer, set->extent.min_x);
	pq_sendfloat8(&trailer, set->extent.max_x);
	pq_sendfloat8(&trailer, set->extent.min_y);
	pq_sendfloat8(&trailer, set->extent.max_y);
	pq_sendint32(&trailer, set->trim.min_id);
	pq_sendint32(&trailer, set->trim.min_x);
	pq_sendint32(&trailer, set->trim.min_y);
	pq_sendbyte(&trailer, set->trim.id_bytes);
	pq_sendbyte(&trailer, set->trim.x_bytes);
	pq_sendbyte(&trailer, set->trim.y_bytes);
	pq_sendbyte(&trailer, set->trim.mask_bytes);
	Assert(trailer.len == TRAILER_SIZE);

	memset(set->buffer, 0, room);
	memcpy(set->buffer + end, trailer.data, TRAILER_SIZE);
	pfree(trailer.data);
	SET_VARSIZE(set->buffer, end + TRAILER_SIZE);
	return (bytea *) set->buffer;
}

CellSet *
CellSetDeserialize(const bytea *bytes)
{
	CellSet    *set = palloc0(sizeof(CellSet));
	char	   *start = (char *) VARDATA_ANY(bytes);
	Size		length = VARSIZE_ANY_EXHDR(bytes);
	StringInfoData trailer;
	const char *name;
	Size		room;

	if (length < TRAILER_SIZE)
		elog(ERROR, "invalid serialized cell set");
	initReadOnlyStringInfo(&trailer, start + length - TRAILER_SIZE, TRAILER_SIZE);
	name = pq_getmsgbytes(&trailer, TRAILER_NAME);
	set->layout = cb_layout_named(name, strnlen(name, TRAILER_NAME));
	if (set->layout == NULL)
		elog(ERROR, "invalid serialized cell set");
	set->has_ids = pq_getmsgbyte(&trailer);
	set->has_fractions = pq_getmsgbyte(&trailer);
	set->stores_ids = pq_getmsgbyte(&trailer);
	set->ascending = pq_getmsgbyte(&trailer);
	set->body = pq_getmsgint(&trailer, 4);
	set->first_id = pq_getmsgint(&trailer, 4);
	set->differing_bits = pq_getmsgint(&trailer, 4);
	set->last_id = pq_getmsgint64(&trailer);
	set->count = pq_getmsgint64(&trailer);
	set->extent.min_x = pq_getmsgfloat8(&trailer);
	set->extent.max_x = pq_getmsgfloat8(&trailer);
	set->extent.min_y = pq_getmsgfloat8(&trailer);
	set->extent.max_y = pq_getmsgfloat8(&trailer);
	set->trim.min_id = pq_getmsgint(&trailer, 4);
	set->trim.min_x = (int32) pq_getmsgint(&trailer, 4);
	set->trim.min_y = (int32) pq_getmsgint(&trailer, 4);
	set->trim.id_bytes = pq_getmsgbyte(&trailer);
	set->trim.x_bytes = pq_getmsgbyte(&trailer);
	set->trim.y_bytes = pq_getmsgbyte(&trailer);
	set->trim.mask_bytes = pq_getmsgbyte(&trailer);
	pq_getmsgend(&trailer);

	set->is_finished = true;
	set->is_trimmed = can_be_trimmed(set);
	set->width = set->is_trimmed ? RecordTrimWidth(&set->trim) : CellSetRecordWidth(set);
	room = CellSetHeaderRoom(set->layout) - VARHDRSZ;
	set->records = start + room;
	if (length != room + set->count * set->width + TRAILER_SIZE)
		elog(ERROR, "invalid serialized cell set");
	return set;
}
