/*
 * feature_records.h
 *		What many cells have of each feature while it is collected, from one row
 *		for each cell and feature: the state of the aggregates cell_collect_phenotypes
 *		and cell_collect_intensities.
 *
 * To group such rows by cell takes longer than to read them, and more memory
 * than what is made of them.  They mostly come cell by cell: so a row is added
 * to the record of the row before if it is of the same cell, and only otherwise
 * starts a new one.  Records of one cell are joined when the buffer is full, so
 * that memory depends on the number of cells, and at the end.
 */
#ifndef CELL_BINARY_FEATURE_RECORDS_H
#define CELL_BINARY_FEATURE_RECORDS_H

#include "compat.h"

#include "long/feature_list.h"
#include "utils/memutils.h"

/*
 * The result of a subquery, and what a worker hands to the leader, is in a row,
 * which must not be larger than a chunk of memory: this leaves room for all else
 * in it.
 */
#define FEATURE_BYTES_MAX (MaxAllocSize - 4096)

/* Characters of a cell_id, 4294967295 being the largest. */
#define CELL_ID_LENGTH 10

/*
 * A cell, or a part of it.  Records stand one after another, at any address.
 * Behind a record of intensities there is one for each feature.
 */
typedef struct FeatureRecord
{
	uint32		cell_id;
	uint64		seen;			/* features that had a row */
	uint64		set;			/* those that are positive, or have an intensity */
}			pg_attribute_packed() FeatureRecord;

StaticAssertDecl(sizeof(FeatureRecord) == 20, "FeatureRecord has padding");

typedef struct FeatureRecords
{
	FeatureList *features;
	uint64		equal_list;		/* the number of the list that was found equal
								 * last */
	int			values;			/* numbers behind a record */
	uint32		width;			/* of a record, with them */
	uint64		count;
	uint64		capacity;
	char	   *buffer;			/* room for a bytea's header, then the records */
	bool		ascending;		/* no cell_id is below that before it */
	bool		is_finished;	/* the buffer has become the result */
	uint32		differing_bits; /* the highest one is the highest bit in which
								 * ids differ */
	int			cell_length;	/* of the last row's cell, as text; -1 if the
								 * next row is to start a record */
	char		cell[CELL_ID_LENGTH];
} FeatureRecords;

/*
 * The result: the number of values, and for each cell, ascending, its cell_id,
 * the set of features and the values.  All numbers are little-endian.
 */
#define FEATURE_RESULT_HEADER sizeof(uint32)
#define FEATURE_RESULT_CELL(values) \
	(sizeof(uint32) + sizeof(uint64) + (Size) (values) * sizeof(float8))

/* Start to collect; with intensities there is a value for each feature. */
extern FeatureRecords *FeatureRecordsCreate(MemoryContext context, const struct varlena *features,
											bool with_values);

/* Make room for so many more records, which may join those that there are. */
extern void FeatureRecordsMakeRoom(FeatureRecords *records, uint64 more);

/* Make one record of those that are of the same cell.  Errors: as at the end. */
extern void FeatureRecordsJoin(FeatureRecords *records);

/* The record of a cell that the row before is not of. */
extern FeatureRecord *FeatureRecordsStart(FeatureRecords *records, const char *cell, int length);

/* Add all of another state with the same features, which is left as it is. */
extern void FeatureRecordsMerge(FeatureRecords *records, const FeatureRecords *other);

/*
 * The result, in the buffer of the records.  Errors: 21000 if a cell has no row
 * for a feature, or several; 54000 if the result is too large.
 */
extern bytea *FeatureRecordsFinish(FeatureRecords *records);

static inline FeatureRecord *
FeatureRecordAt(const FeatureRecords *records, uint64 number)
{
	return (FeatureRecord *) (records->buffer + VARHDRSZ + number * records->width);
}

/* Raise 22023: the rows of a group have two lists of features. */
pg_noreturn extern void RaiseMixedFeatures(void);

/* Raise 21000: a cell has two rows for the feature of a bit. */
pg_noreturn extern void RaiseFeatureTwice(const FeatureList *features, int bit, const char *cell);

/* An error unless a row's list of features is that of the records. */
static inline void
FeatureRecordsCheckList(FeatureRecords *records, const FeatureList *features)
{
	if (likely(features->number == records->equal_list))
		return;
	if (!FeatureListIsOf(features, records->features->array))
		RaiseMixedFeatures();
	records->equal_list = features->number;
}

/* The values behind a record, at any address. */
static inline char *
FeatureRecordValues(const FeatureRecord *record)
{
	return (char *) record + sizeof(FeatureRecord);
}

/* The record of a row's cell. */
static inline FeatureRecord *
FeatureRecordsFind(FeatureRecords *records, const text *cell)
{
	int			length = VARSIZE_ANY_EXHDR(cell);

	if (unlikely(length != records->cell_length ||
				 memcmp(VARDATA_ANY(cell), records->cell, length) != 0))
		return FeatureRecordsStart(records, VARDATA_ANY(cell), length);
	return FeatureRecordAt(records, records->count - 1);
}

#endif							/* CELL_BINARY_FEATURE_RECORDS_H */
