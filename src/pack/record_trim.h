/*
 * record_trim.h
 *		Records of cells without their unneeded bytes, for the transfer to
 *		another process.  This file knows records and batches; cell_transfer.c
 *		applies it to sets.
 *
 * Each column is stored relative to its smallest value, in as many bytes as
 * its largest value then needs.  A trimmed record takes about half the bytes.
 */
#ifndef CELL_BINARY_RECORD_TRIM_H
#define CELL_BINARY_RECORD_TRIM_H

#include "compat.h"

#include "format/cell.h"

/* The bytes of an id before a record. */
#define ID_SIZE sizeof(uint32)

typedef struct RecordTrim
{
	uint32		min_id;
	int32		min_x;
	int32		min_y;
	uint8		id_bytes;		/* 0 if records have no ids */
	uint8		x_bytes;
	uint8		y_bytes;
	uint8		mask_bytes;
} RecordTrim;

/* The range of each column, from which RecordTrimFor makes a RecordTrim. */
typedef struct RecordRange
{
	uint32		min_id;
	uint32		max_id;
	int32		min_x;
	int32		max_x;
	int32		min_y;
	int32		max_y;
	uint64		any;			/* OR of the phenotypes */
} RecordRange;

/* Return the range of no records. */
extern RecordRange RecordRangeEmpty(void);

/*
 * Widen a range to include the cells of a batch, whose coordinates are whole
 * numbers.
 */
extern void RecordRangeAdd(RecordRange *range, const CbBatch *batch);

/* Return the trim for records with these values. */
extern RecordTrim RecordTrimFor(const RecordRange *range, bool with_ids);

/* Return the bytes of a trimmed record. */
static inline uint32
RecordTrimWidth(const RecordTrim *trim)
{
	return trim->id_bytes + trim->x_bytes + trim->y_bytes + trim->mask_bytes;
}

/*
 * Write the cells of a batch as trimmed records, and return the end.  Up to 8
 * bytes after the end are overwritten.
 */
extern uint8 *RecordTrimWrite(const RecordTrim *trim, const CbBatch *batch, bool with_ids,
							  uint8 *to);

/*
 * Write count trimmed records as cells of layout compact, each after its id if
 * to_ids.  If the trimmed records have no ids (from_ids is false), the ids
 * count up from first_id.  Up to 8 bytes after the last trimmed record are
 * read.
 */
extern void RecordTrimExpand(const RecordTrim *trim, const uint8 *from, uint64 count,
							 bool from_ids, uint32 first_id, uint8 *to, bool to_ids);

#endif							/* CELL_BINARY_RECORD_TRIM_H */
