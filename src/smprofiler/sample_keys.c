/*
 * sample_keys.c
 *		Finding the sample of a cell that is not that of the cell before.
 */
#include "smprofiler/sample_keys.h"

#include "common/hashfn.h"
#include "study/sample.h"

typedef struct KeyEntry
{
	SampleKey	key;
	Sample	   *sample;
	uint32		hash;
	char		status;
} KeyEntry;

/* The two halves of up to 16 bytes, which may overlap. */
#define READ_ENDS(bytes, length, width, first, last) \
	(memcpy(first, bytes, width), memcpy(last, (bytes) + (length) - (width), width))

/* In a table in which the samples alternate, the general function takes longer. */
static inline uint32
hash_key(const SampleKey *key)
{
	const char *bytes = key->value.bytes;
	int			length = key->value.length;
	uint64		first = 0;
	uint64		last = 0;

	if (length > 16)
		return hash_bytes((const unsigned char *) bytes, length);
	if (length >= 8)
		READ_ENDS(bytes, length, 8, &first, &last);
	else if (length >= 4)
		READ_ENDS(bytes, length, 4, &first, &last);
	else if (length >= 2)
		READ_ENDS(bytes, length, 2, &first, &last);
	else if (length == 1)
		first = *(const uint8 *) bytes;
	return (uint32) cb_mix(first + cb_mix(last + length));
}

#define SH_PREFIX keys
#define SH_ELEMENT_TYPE KeyEntry
#define SH_KEY_TYPE SampleKey
#define SH_KEY key
#define SH_HASH_KEY(table, key) hash_key(&(key))
#define SH_EQUAL(table, one, other) SameSampleKey(&(one), &(other))
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

void
SampleKeysBegin(SampleKeys *keys, Subsample *subsample, MemoryContext context)
{
	*keys = (SampleKeys) {
		.subsample = subsample,
		.context = context,
		.hash = keys_create(context, 64, NULL),
	};
}

/* Return the value of a column whose type is not text or character varying. */
static Datum
value_of(const SampleKey *key)
{
	const uint8 *bytes = (const uint8 *) key->value.bytes;

	switch (key->type)
	{
		case INT2OID:
			return Int16GetDatum((int16) ReadInteger(bytes, INT2OID));
		case INT4OID:
			return Int32GetDatum((int32) ReadInteger(bytes, INT4OID));
		case INT8OID:
			return Int64GetDatum(ReadInteger(bytes, INT8OID));
		default:
			return PointerGetDatum(bytes);
	}
}

Sample *
SampleKeysGoTo(SampleKeys *keys, SampleKey key)
{
	bool		found;
	KeyEntry   *entry = keys_insert(keys->hash, key, &found);

	if (!found)
	{
		const char *name = key.value.bytes;
		int			length = key.value.length;

		if (key.type != TEXTOID && key.type != VARCHAROID)
			name = SampleName(key.type, value_of(&key), &length);
		entry->sample = SubsampleSample(keys->subsample, name, length);
		entry->key.value.bytes = memcpy(MemoryContextAlloc(keys->context,
														   Max(key.value.length, 1)),
										key.value.bytes, key.value.length);
	}
	keys->key = entry->key;
	keys->sample = entry->sample;
	return entry->sample;
}
