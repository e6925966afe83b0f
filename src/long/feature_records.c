/*
 * feature_records.c
 *		Growing, joining and finishing the records of the cells that an
 *		aggregate collects.
 */
#include "long/feature_records.h"

#include "format/byteorder.h"
#include "miscadmin.h"
#include "pack/huge_pages.h"
#include "pack/radix_sort.h"
#include "port/pg_bitutils.h"
#include "settings.h"

/*
 * The number of records in a new state's buffer.  It is small because each of
 * many groups may have a state.
 */
#define FIRST_RECORDS 12

/* Records between two checks for interrupts. */
#define RECORDS_PER_CHECK 65536

StaticAssertDecl(FEATURE_RESULT_CELL(0) < sizeof(FeatureRecord) &&
				 FEATURE_RESULT_HEADER + FEATURE_RESULT_CELL(0) <= sizeof(FeatureRecord),
				 "the result does not fit where the records were");

FeatureRecords *
FeatureRecordsCreate(MemoryContext context, const struct varlena *features, bool with_values)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	FeatureRecords *records = palloc0(sizeof(FeatureRecords));

	records->features = FeatureListMake(features);
	records->values = with_values ? records->features->count : 0;
	records->width = sizeof(FeatureRecord) + records->values * sizeof(float8);
	records->capacity = FIRST_RECORDS;
	records->buffer = palloc(VARHDRSZ + records->capacity * records->width);
	records->ascending = true;
	records->cell_length = -1;
	MemoryContextSwitchTo(caller);
	return records;
}

/* Name a cell, for an error message. */
static const char *
cell_name(uint32 cell_id)
{
	return psprintf("cell %u", cell_id);
}

void
RaiseMixedFeatures(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("all rows of a group must have the same list of features"),
			 errhint("Group the rows by their list of features.")));
}

void
RaiseFeatureTwice(const FeatureList *features, int bit, const char *cell)
{
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("%s has more than one row for feature \"%.*s\"", cell,
					features->length[bit], features->name[bit]),
			 errhint("Group the rows by sample, and remove repeated rows.")));
}

static int
compare_ids(const void *one, const void *other)
{
	uint32		one_id = ((const FeatureRecord *) one)->cell_id;
	uint32		other_id = ((const FeatureRecord *) other)->cell_id;

	return (one_id > other_id) - (one_id < other_id);
}

/* The place of a record, for sorting. */
typedef struct RecordPlace
{
	uint32		cell_id;
	uint32		number;
} RecordPlace;

/*
 * Sort records that are too wide for the radix sort: sort their places, and
 * then move each record once, along the cycles of the permutation.
 */
static void
sort_wide_records(FeatureRecords *records)
{
	RecordPlace *place = MemoryContextAllocHuge(CurrentMemoryContext,
												records->count * sizeof(RecordPlace));
	char	   *moved = palloc(records->width);

	for (uint64 i = 0; i < records->count; i++)
		place[i] = (RecordPlace) {FeatureRecordAt(records, i)->cell_id, i};
	RadixSort((char *) place, records->count, sizeof(RecordPlace), records->differing_bits);
	for (uint64 i = 0; i < records->count; i++)
	{
		uint64		to = i;

		if (i % RECORDS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (place[i].number == i)
			continue;
		memcpy(moved, FeatureRecordAt(records, i), records->width);
		while (place[to].number != i)
		{
			uint64		from = place[to].number;

			memcpy(FeatureRecordAt(records, to), FeatureRecordAt(records, from), records->width);
			place[to].number = to;
			to = from;
		}
		memcpy(FeatureRecordAt(records, to), moved, records->width);
		place[to].number = to;
	}
	pfree(moved);
	pfree(place);
}

static void
sort_records(FeatureRecords *records)
{
	if (records->ascending)
		return;
	if (records->width <= RADIX_SORT_MAX_WIDTH)
		RadixSort((char *) FeatureRecordAt(records, 0), records->count, records->width,
				  records->differing_bits);
	else
		sort_wide_records(records);
	records->ascending = true;
}

/* Add the features of a record to another record of the same cell. */
static void
join_record(const FeatureRecords *records, FeatureRecord *to, const FeatureRecord *from)
{
	uint64		twice = to->seen & from->seen;

	if (unlikely(twice != 0))
	{
		int			bit = pg_rightmost_one_pos64(twice);

		RaiseFeatureTwice(records->features, bit, cell_name(to->cell_id));
	}
	to->seen |= from->seen;
	to->set |= from->set;
	for (int i = 0; i < records->values; i++)
		if (from->set >> i & 1)
			memcpy(FeatureRecordValues(to) + i * sizeof(float8),
				   FeatureRecordValues(from) + i * sizeof(float8), sizeof(float8));
}

/* Return the largest number of cells that the result can have. */
static uint64
max_cells(const FeatureRecords *records)
{
	return (Min((Size) MaxPayloadSize(),
				FEATURE_BYTES_MAX) - FEATURE_RESULT_HEADER) / FEATURE_RESULT_CELL(records->values);
}

pg_noreturn static void
raise_too_large(uint64 max_count)
{
	RaiseTooLarge("collection of the features of cells",
				  psprintf("At most " UINT64_FORMAT " cells fit", max_count),
				  "Group the rows by sample, or collect a sample in parts.");
}

void
FeatureRecordsJoin(FeatureRecords *records)
{
	uint64		max_count = max_cells(records);
	uint64		count = 0;

	sort_records(records);
	for (uint64 i = 0; i < records->count; i++)
	{
		FeatureRecord *record = FeatureRecordAt(records, i);

		if (i % RECORDS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (count > 0 && FeatureRecordAt(records, count - 1)->cell_id == record->cell_id)
			join_record(records, FeatureRecordAt(records, count - 1), record);
		else
		{
			if (i != count)
				memcpy(FeatureRecordAt(records, count), record, records->width);
			count++;
		}
	}
	records->count = count;
	/* The last record may no longer be that of the last row. */
	records->current = count - 1;
	records->cell_length = -1;
	if (count > max_count)
		raise_too_large(max_count);
}

/*
 * Make room for this many more records.
 *
 * The buffer is not enlarged if joining has halved the records.  So it has
 * room for at most four times as many records as there are cells.
 */
static void
make_room(FeatureRecords *records, uint64 more)
{
	uint64		size;

	if (likely(records->count + more <= records->capacity))
		return;
	FeatureRecordsJoin(records);
	if (records->count + more <= records->capacity / 2)
		return;

	records->capacity = Max(2 * records->capacity, records->count + more);
	size = VARHDRSZ + records->capacity * records->width;
	/* On a 32-bit machine, this can be more than a process can address. */
	if (size > MaxAllocHugeSize)
		raise_too_large(max_cells(records));
	records->buffer = repalloc_huge(records->buffer, size);
	AdviseHugePages(records->buffer, size);
}

/* Add a record; the caller sets its contents. */
static FeatureRecord *
add_record(FeatureRecords *records, uint32 cell_id)
{
	FeatureRecord *record;

	make_room(records, 1);
	record = FeatureRecordAt(records, records->count);
	record->cell_id = cell_id;
	if (records->count > 0)
	{
		records->ascending &= compare_ids(FeatureRecordAt(records, records->count - 1),
										  record) <= 0;
		records->differing_bits |= cell_id ^ FeatureRecordAt(records, 0)->cell_id;
	}
	records->count++;
	return record;
}

/* Parse a cell_id in decimal digits without leading zeros.  Errors: 22P02. */
static uint32
parse_cell_id(const char *text, int length)
{
	uint64		cell_id = 0;
	bool		valid = length >= 1 && length <= CELL_ID_LENGTH && (text[0] != '0' || length == 1);

	for (int i = 0; valid && i < length; i++)
	{
		valid = text[i] >= '0' && text[i] <= '9';
		cell_id = 10 * cell_id + (text[i] - '0');
	}
	if (!valid || cell_id > PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid cell identifier: \"%.*s\"", length, text),
				 errdetail("It must be a number from 0 to %u, in decimal digits without leading "
						   "zeros.",
						   PG_UINT32_MAX)));
	return (uint32) cell_id;
}

FeatureRecord *
FeatureRecordsStart(FeatureRecords *records, const char *cell, int length)
{
	uint32		cell_id = parse_cell_id(cell, length);
	uint64		next = records->current + 1 < records->count ? records->current + 1 : 0;
	FeatureRecord *record = FeatureRecordAt(records, next);

	if (records->count == 0 || record->cell_id != cell_id)
	{
		record = add_record(records, cell_id);
		record->seen = record->set = 0;
		next = records->count - 1;
	}
	records->current = next;
	records->cell_length = length;
	memcpy(records->cell, cell, length);
	return record;
}

void
FeatureRecordsMerge(FeatureRecords *records, const FeatureRecords *other)
{
	make_room(records, other->count);
	for (uint64 i = 0; i < other->count; i++)
	{
		const FeatureRecord *from = FeatureRecordAt(other, i);

		if (i % RECORDS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		memcpy(add_record(records, from->cell_id), from, records->width);
	}
	records->cell_length = -1;
}

/* Write a cell of the result at the address of its record or before it. */
static uint8 *
put_cell(uint8 *to, const FeatureRecords *records, const FeatureRecord *from)
{
	const FeatureRecord record = *from;
	const char *values = FeatureRecordValues(from);

	cb_put_le32(to, record.cell_id);
	to += sizeof(uint32);
	cb_put_le64(to, record.set);
	to += sizeof(uint64);
	for (int i = 0; i < records->values; i++)
	{
		uint64		bits = 0;

		if (record.set >> i & 1)
			memcpy(&bits, values + i * sizeof(float8), sizeof(bits));
		cb_put_le64(to, bits);
		to += sizeof(uint64);
	}
	return to;
}

bytea *
FeatureRecordsFinish(FeatureRecords *records)
{
	uint8	   *result = (uint8 *) records->buffer + VARHDRSZ;
	uint8	   *to = result + FEATURE_RESULT_HEADER;

	if (records->is_finished)
		return (bytea *) records->buffer;

	FeatureRecordsJoin(records);
	for (uint64 i = 0; i < records->count; i++)
	{
		const FeatureRecord *record = FeatureRecordAt(records, i);
		uint64		missing = records->features->all & ~record->seen;

		if (i % RECORDS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (unlikely(missing != 0))
		{
			int			bit = pg_rightmost_one_pos64(missing);

			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("%s has no row for feature \"%.*s\"", cell_name(record->cell_id),
							records->features->length[bit], records->features->name[bit]),
					 errdetail("A cell must have a row for each feature, whether it is positive or "
							   "not.")));
		}
		to = put_cell(to, records, record);
	}
	cb_put_le32(result, records->values);
	records->is_finished = true;
	SET_VARSIZE(records->buffer, (char *) to - records->buffer);
	return (bytea *) records->buffer;
}
