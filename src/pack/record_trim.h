/*
 * record_trim.h
 *		Records of cells without their unneeded bytes, for the way to another
 *		process.  It knows records and batches; cell_transfer.c applies it to sets.
 *
 * Each column starts from its smallest value and has as many bytes as its largest
 * one then needs: about half of a record.
 */
#ifndef CELL_BINARY_RECORD_TRIM_H
#define CELL_BINARY_RECORD_TRIM_H

#include "compat.h"

#include "format/cell.h"

/* The bytes of an id in front of a record. */
#define ID_SIZE sizeof(uint32)

typedef struct RecordTrim
{
	uint32		min_id;
	int32		min_x;
	int32		min_y;
	uint8		id_bytes;		/* 0 where records have no ids */
	uint8		x_bytes;
	uint8		y_bytes;
	uint8		mask_bytes;
} RecordTrim;

/* The range of each column, from which a RecordTrim is made. */
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

/* The range of no records. */
extern RecordRange RecordRangeEmpty(void);

/* Widen a range to take in the cells of a batch, whose coordinates are whole. */
extern void RecordRangeAdd(RecordRange *range, const CbBatch *batch);

/* How to trim records with these values. */
extern RecordTrim RecordTrimFor(const RecordRange *range, bool with_ids);

/* The bytes of a trimmed record. */
static inline uint32
RecordTrimWidth(const RecordTrim *trim)
{
	return trim->id_bytes + trim->x_bytes + trim->y_bytes + trim->mask_bytes;
}

/*
 * Write the cells of a batch as trimmed records; the end is returned.  Up to 8
 * bytes behind it are overwritten.
 */
extern uint8 *RecordTrimWrite(const RecordTrim *trim, const CbBatch *batch, bool with_ids,
							  uint8 *to);

/*
 * Write count trimmed records as cells of layout compact, each behind its id if
 * to_ids.  Where the trimmed records have no ids (from_ids), the ids count up from
 * first_id.  Up to 8 bytes behind the last trimmed record are read.
 */
extern void RecordTrimExpand(const RecordTrim *trim, const uint8 *from, uint64 count,
							 bool from_ids, uint32 first_id, uint8 *to, bool to_ids);

#endif							/* CELL_BINARY_RECORD_TRIM_H */
