/*
 * feature_records.h
 *		The features of many cells while they are collected from one row per
 *		cell and feature: the state of the aggregates cell_collect_phenotypes
 *		and cell_collect_intensities.
 *
 * Grouping such rows by cell would take longer than reading them, and more
 * memory than the result.  The rows mostly come cell by cell.  Therefore a row
 * is added to the record of the previous row if the cell is the same, and
 * otherwise starts a new record.  Or they come feature by feature, each time
 * with the cells in the same order; therefore the record after that of the
 * previous row is tried before a new one is started.  Records of the same cell
 * are joined when the buffer is full, so that the memory depends on the number
 * of cells, and at the end.
 */
#ifndef CELL_BINARY_FEATURE_RECORDS_H
#define CELL_BINARY_FEATURE_RECORDS_H

#include "compat.h"

#include "long/feature_list.h"
#include "same_bytes.h"
#include "utils/memutils.h"

/*
 * The result of a subquery, and the bytes that a worker hands to the leader,
 * are in a row, which must not be larger than a chunk of memory.  This leaves
 * room for the rest of the row.
 */
#define FEATURE_BYTES_MAX (MaxAllocSize - 4096)

/* The longest cell_id, 4294967295, in characters. */
#define CELL_ID_LENGTH 10

/*
 * A cell, or a part of a cell.  Records are stored one after another, without
 * alignment.  A record of intensities is followed by a value for each feature.
 */
typedef struct FeatureRecord
{
	uint32		cell_id;
	uint64		seen;			/* features that had a row */
	uint64		set;			/* of these, features that are positive or have
								 * an intensity */
}			pg_attribute_packed() FeatureRecord;

StaticAssertDecl(sizeof(FeatureRecord) == 20, "FeatureRecord has padding");

typedef struct FeatureRecords
{
	FeatureList *features;
	uint64		equal_list;		/* number of the list that was last found
								 * equal */
	int			values;			/* numbers after each record */
	uint32		width;			/* of a record with its values */
	uint64		count;
	uint64		capacity;
	char	   *buffer;			/* room for a bytea's header, then the
								 * records */
	bool		ascending;		/* no cell_id is below the previous one */
	bool		is_finished;	/* the buffer has become the result */
	uint32		differing_bits; /* its highest set bit is the highest bit in
								 * which ids differ */
	uint64		current;		/* number of the last row's record */
	int			cell_length;	/* of the last row's cell, as text; -1 if the
								 * next row must start a record */
	char		cell[CELL_ID_LENGTH];
} FeatureRecords;

/*
 * The result is the number of values and then, for each cell in ascending
 * order, its cell_id, the set of features and the values.  All numbers are
 * little-endian.
 */
#define FEATURE_RESULT_HEADER sizeof(uint32)
#define FEATURE_RESULT_CELL(values) \
	(sizeof(uint32) + sizeof(uint64) + (Size) (values) * sizeof(float8))

/*
 * Create a state in this memory context; with_values reserves a value for each
 * feature.
 */
extern FeatureRecords *FeatureRecordsCreate(MemoryContext context, const struct varlena *features,
											bool with_values);

/*
 * Join the records of each cell into one.  Errors: 21000 and 54000 as in
 * FeatureRecordsFinish.
 */
extern void FeatureRecordsJoin(FeatureRecords *records);

/* Find or start a record for a cell that is not the cell of the previous row. */
extern FeatureRecord *FeatureRecordsStart(FeatureRecords *records, const char *cell, int length);

/*
 * Add all records of another state with the same features, which is not
 * changed.
 */
extern void FeatureRecordsMerge(FeatureRecords *records, const FeatureRecords *other);

/*
 * Return the result, in the buffer of the records.  Errors: 21000 if a cell
 * has no row, or several rows, for a feature; 54000 if the result is too
 * large.
 */
extern bytea *FeatureRecordsFinish(FeatureRecords *records);

static inline FeatureRecord *
FeatureRecordAt(const FeatureRecords *records, uint64 number)
{
	return (FeatureRecord *) (records->buffer + VARHDRSZ + number * records->width);
}

/* Raise 22023: the rows of a group have different lists of features. */
pg_noreturn extern void RaiseMixedFeatures(void);

/* Raise 21000: a cell has two rows for the feature of this bit. */
pg_noreturn extern void RaiseFeatureTwice(const FeatureList *features, int bit, const char *cell);

/*
 * Check that a row's list of features is that of the records.  Errors: 22023.
 */
static inline void
FeatureRecordsCheckList(FeatureRecords *records, const FeatureList *features)
{
	if (likely(features->number == records->equal_list))
		return;
	if (!FeatureListIsOf(features, records->features->array))
		RaiseMixedFeatures();
	records->equal_list = features->number;
}

/* Return the values after a record, which may be at any address. */
static inline char *
FeatureRecordValues(const FeatureRecord *record)
{
	return (char *) record + sizeof(FeatureRecord);
}

/* Set the value of a feature. */
static inline void
FeatureRecordSetValue(FeatureRecord *record, int bit, float8 value)
{
	record->set |= UINT64CONST(1) << bit;
	memcpy(FeatureRecordValues(record) + bit * sizeof(float8), &value, sizeof(value));
}

/* Return the record of a row's cell. */
static inline FeatureRecord *
FeatureRecordsFind(FeatureRecords *records, const char *cell, int length)
{
	if (unlikely(length != records->cell_length || !SameBytes(cell, records->cell, length)))
		return FeatureRecordsStart(records, cell, length);
	return FeatureRecordAt(records, records->current);
}

#endif							/* CELL_BINARY_FEATURE_RECORDS_H */
