/*
 * sample_keys.h
 *		The samples that a scan reads, by the bytes of a column.  A sample's name is
 *		made from the bytes only once.
 */
#ifndef CELL_BINARY_SAMPLE_KEYS_H
#define CELL_BINARY_SAMPLE_KEYS_H

#include "compat.h"

#include "scan/conditions.h"
#include "smprofiler/subsample_cells.h"

/* The tables of a view can have different types. */
typedef struct SampleKey
{
	ValueBytes	value;
	Oid			type;			/* one that ReadBytes knows */
} SampleKey;

typedef struct SampleKeys
{
	Subsample  *subsample;
	MemoryContext context;
	struct keys_hash *hash;
	SampleKey	key;			/* of the last cell */
	Sample	   *sample;			/* of the last cell; NULL before the first */
} SampleKeys;

extern void SampleKeysBegin(SampleKeys *keys, Subsample *subsample, MemoryContext context);

/* Return the sample of a cell that is not that of the last cell. */
extern Sample *SampleKeysGoTo(SampleKeys *keys, SampleKey key);

static inline bool
SameSampleKey(const SampleKey *one, const SampleKey *other)
{
	return one->value.length == other->value.length && one->type == other->type &&
		SameBytes(one->value.bytes, other->value.bytes, one->value.length);
}

/* Return the sample of a cell; NULL for a value that ReadBytes cannot read. */
static inline Sample *
SampleKeysFind(SampleKeys *keys, ValueBytes value, Oid type)
{
	SampleKey	key = {value, type};

	if (likely(keys->sample != NULL && SameSampleKey(&key, &keys->key)))
		return keys->sample;
	return value.length < 0 ? NULL : SampleKeysGoTo(keys, key);
}

#endif							/* CELL_BINARY_SAMPLE_KEYS_H */
