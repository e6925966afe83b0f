/*
 * cell_transfer.c
 *		A set of cells as bytes, for another process of the same server.
 *
 * A parallel worker's cells are copied several times on their way to the
 * leader, into memory that is new to it.  So they are trimmed: each column
 * starts from its smallest value and has the bytes that its largest needs,
 * which makes about half of a record.
 */
#include "pack/cell_transfer.h"

#include "errors.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

/*
 * What comes behind the records: the layout's name, which is empty for
 * intensities; has_ids, has_fractions, stores_ids, ascending; body, first_id,
 * differing_bits, last_id, count; the extent; and how the records are trimmed.
 */
#define TRAILER_NAME 16
#define TRAILER_SIZE (TRAILER_NAME + 4 * 1 + 3 * 4 + 2 * 8 + 4 * 8 + 3 * 4 + 4 * 1)

/*
 * The bytes go to the leader in a row, which must not be larger than a chunk of
 * memory either: what is left for its header and what groups the cells.
 */
#define ROW_RESERVE 4096

/* Expanding reads so far behind a trimmed record. */
StaticAssertDecl(TRAILER_SIZE >= sizeof(uint64), "expanding would read too far");

/* The number of bytes that a value needs. */
static uint8
byte_length(uint64 value)
{
	return value == 0 ? 0 : pg_leftmost_one_pos64(value) / 8 + 1;
}

/* The lowest bits, so many bytes of them. */
static uint64
low_bytes(uint8 bytes)
{
	return bytes == 8 ? PG_UINT64_MAX : ((uint64) 1 << (8 * bytes)) - 1;
}

/* Whether records are trimmed on their way: those of compact cells. */
static bool
can_be_trimmed(const CellSet *set)
{
	return set->layout != NULL && !set->has_fractions;
}

static uint32
trimmed_width(const RecordTrim *trim)
{
	return trim->id_bytes + trim->x_bytes + trim->y_bytes + trim->mask_bytes;
}

/* How the records of a set can be trimmed. */
static void
measure_trim(const CellSet *set, RecordTrim *trim)
{
	uint32		max_id = 0;
	int32		max_x = PG_INT32_MIN;
	int32		max_y = PG_INT32_MIN;
	uint64		any = 0;
	CbBatch		batch;

	*trim = (RecordTrim) {.min_id = PG_UINT32_MAX, .min_x = PG_INT32_MAX, .min_y = PG_INT32_MAX};
	for (uint64 first = 0; first < set->count; first += CB_BATCH)
	{
		CHECK_FOR_INTERRUPTS();
		CellSetLoadBatch(set, first, &batch);
		for (size_t i = 0; i < batch.count; i++)
		{
			int32		x = (int32) batch.x[i];
			int32		y = (int32) batch.y[i];

			trim->min_id = Min(trim->min_id, batch.cell_id[i]);
			max_id = Max(max_id, batch.cell_id[i]);
			trim->min_x = Min(trim->min_x, x);
			max_x = Max(max_x, x);
			trim->min_y = Min(trim->min_y, y);
			max_y = Max(max_y, y);
			any |= batch.phenotypes[i];
		}
	}
	trim->id_bytes = set->stores_ids ? byte_length(max_id - trim->min_id) : 0;
	trim->x_bytes = byte_length((uint32) max_x - (uint32) trim->min_x);
	trim->y_bytes = byte_length((uint32) max_y - (uint32) trim->min_y);
	trim->mask_bytes = byte_length(any);
}

/*
 * Trim the records where they are.  Each column is written whole and the next
 * one over what it doesn't need; even so, a record's end is not behind that
 * of the record it is made from, so that the following one is still there.
 */
static void
trim_records(CellSet *set, const RecordTrim *trim)
{
	uint8	   *to = (uint8 *) set->records;
	CbBatch		batch;

	for (uint64 first = 0; first < set->count; first += CB_BATCH)
	{
		CHECK_FOR_INTERRUPTS();
		CellSetLoadBatch(set, first, &batch);
		for (size_t i = 0; i < batch.count; i++)
		{
			if (set->stores_ids)
				cb_put_le32(to, batch.cell_id[i] - trim->min_id);
			to += trim->id_bytes;
			cb_put_le32(to, (uint32) (int32) batch.x[i] - (uint32) trim->min_x);
			to += trim->x_bytes;
			cb_put_le32(to, (uint32) (int32) batch.y[i] - (uint32) trim->min_y);
			to += trim->y_bytes;
			cb_put_le64(to, batch.phenotypes[i]);
			to += trim->mask_bytes;
		}
	}
}

void
CellSetExpand(const CellSet *set, uint64 first, uint64 count, uint8 *to, bool with_ids)
{
	const RecordTrim *trim = &set->trim;
	const uint8 *from = (const uint8 *) set->records + first * set->width;
	const uint64 id_bits = low_bytes(trim->id_bytes);
	const uint64 x_bits = low_bytes(trim->x_bytes);
	const uint64 y_bits = low_bytes(trim->y_bytes);
	const uint64 mask_bits = low_bytes(trim->mask_bytes);

	for (uint64 i = 0; i < count; i++)
	{
		uint32		x;
		uint32		y;

		if (with_ids)
		{
			uint32		cell_id = set->stores_ids ?
				trim->min_id + (uint32) (cb_get_le32(from) & id_bits) :
				set->first_id + (uint32) (first + i);

			memcpy(to, &cell_id, ID_SIZE);
			to += ID_SIZE;
		}
		from += trim->id_bytes;
		x = (uint32) trim->min_x + (uint32) (cb_get_le32(from) & x_bits);
		from += trim->x_bytes;
		y = (uint32) trim->min_y + (uint32) (cb_get_le32(from) & y_bits);
		from += trim->y_bytes;
		cb_compact_put_cell(to, (int32) x, (int32) y, cb_get_le64(from) & mask_bits);
		from += trim->mask_bytes;
		to += CB_COMPACT_CELL;
	}
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
	{
		measure_trim(set, &set->trim);
		trim_records(set, &set->trim);
		set->is_trimmed = true;
		set->width = trimmed_width(&set->trim);
	}
	set->is_finished = true;

	end = room + set->count * set->width;
	if (end > max_end)
		ReportPartialSetTooLarge(set->count, (max_end - room) / set->width);
	if (end + TRAILER_SIZE > set->size)
	{
		set->size = end + TRAILER_SIZE;
		set->buffer = repalloc_huge(set->buffer, set->size);
		set->records = set->buffer + room;
	}

	initStringInfo(&trailer);
	if (set->layout != NULL)
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
	if (set->layout == NULL && name[0] != '\0')
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
	set->width = set->is_trimmed ? trimmed_width(&set->trim) : CellSetRecordWidth(set);
	room = CellSetHeaderRoom(set->layout) - VARHDRSZ;
	set->records = start + room;
	if (length != room + set->count * set->width + TRAILER_SIZE)
		elog(ERROR, "invalid serialized cell set");
	return set;
}
