/*
 * record_trim.c
 *		Trimming records of cells, and expanding them again.  Applying this to
 *		a set of cells is in cell_transfer.c.
 */
#include "pack/record_trim.h"

#include "format/compact.h"
#include "port/pg_bitutils.h"

RecordRange
RecordRangeEmpty(void)
{
	return (RecordRange)
	{
		.min_id = PG_UINT32_MAX,
		.min_x = PG_INT32_MAX, .max_x = PG_INT32_MIN,
		.min_y = PG_INT32_MAX, .max_y = PG_INT32_MIN,
	};
}

void
RecordRangeAdd(RecordRange *range, const CbBatch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
	{
		int32		x = (int32) batch->x[i];
		int32		y = (int32) batch->y[i];

		range->min_id = Min(range->min_id, batch->cell_id[i]);
		range->max_id = Max(range->max_id, batch->cell_id[i]);
		range->min_x = Min(range->min_x, x);
		range->max_x = Max(range->max_x, x);
		range->min_y = Min(range->min_y, y);
		range->max_y = Max(range->max_y, y);
		range->any |= batch->phenotypes[i];
	}
}

/* Return the number of bytes that a value needs. */
static uint8
byte_length(uint64 value)
{
	return value == 0 ? 0 : pg_leftmost_one_pos64(value) / 8 + 1;
}

RecordTrim
RecordTrimFor(const RecordRange *range, bool with_ids)
{
	return (RecordTrim)
	{
		.min_id = range->min_id,
		.min_x = range->min_x,
		.min_y = range->min_y,
		.id_bytes = with_ids ? byte_length(range->max_id - range->min_id) : 0,
		.x_bytes = byte_length((uint32) range->max_x - (uint32) range->min_x),
		.y_bytes = byte_length((uint32) range->max_y - (uint32) range->min_y),
		.mask_bytes = byte_length(range->any),
	};
}

/*
 * Each column is written in full; the next column overwrites the bytes that
 * are not needed.
 */
uint8 *
RecordTrimWrite(const RecordTrim *trim, const CbBatch *batch, bool with_ids, uint8 *to)
{
	for (size_t i = 0; i < batch->count; i++)
	{
		if (with_ids)
			cb_put_le32(to, batch->cell_id[i] - trim->min_id);
		to += trim->id_bytes;
		cb_put_le32(to, (uint32) (int32) batch->x[i] - (uint32) trim->min_x);
		to += trim->x_bytes;
		cb_put_le32(to, (uint32) (int32) batch->y[i] - (uint32) trim->min_y);
		to += trim->y_bytes;
		cb_put_le64(to, batch->phenotypes[i]);
		to += trim->mask_bytes;
	}
	return to;
}

/* Return a mask of this number of low bytes. */
static uint64
low_bytes(uint8 bytes)
{
	return bytes == 8 ? PG_UINT64_MAX : ((uint64) 1 << (8 * bytes)) - 1;
}

void
RecordTrimExpand(const RecordTrim *trim, const uint8 *from, uint64 count,
				 bool from_ids, uint32 first_id, uint8 *to, bool to_ids)
{
	const uint64 id_bits = low_bytes(trim->id_bytes);
	const uint64 x_bits = low_bytes(trim->x_bytes);
	const uint64 y_bits = low_bytes(trim->y_bytes);
	const uint64 mask_bits = low_bytes(trim->mask_bytes);

	for (uint64 i = 0; i < count; i++)
	{
		uint32		x;
		uint32		y;

		if (to_ids)
		{
			uint32		cell_id = from_ids ?
				trim->min_id + (uint32) (cb_get_le32(from) & id_bits) : first_id + (uint32) i;

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
