/*
 * sample_sets.c
 *		Finding the set of a sample that is not that of the row before.
 */
#include "scan/sample_sets.h"

#include "common/hashfn.h"

typedef struct SampleEntry
{
	ValueBytes	sample;
	uint32		hash;
	char		status;
	SampleSet  *set;
} SampleEntry;

#define SH_PREFIX samples
#define SH_ELEMENT_TYPE SampleEntry
#define SH_KEY_TYPE ValueBytes
#define SH_KEY sample
#define SH_HASH_KEY(table, key) hash_bytes((const unsigned char *) (key).bytes, (key).length)
#define SH_EQUAL(table, one, other) \
	((one).length == (other).length && memcmp((one).bytes, (other).bytes, (one).length) == 0)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(table, element) (element)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Add an empty set for a sample. */
static SampleSet *
add_set(SampleSets *sets, ValueBytes sample)
{
	MemoryContext caller = MemoryContextSwitchTo(sets->context);
	SampleSet  *added = palloc(sizeof(SampleSet));

	added->sample.bytes = memcpy(palloc(Max(sample.length, 1)), sample.bytes, sample.length);
	added->sample.length = sample.length;
	added->set = CellSetCreate(sets->context, sets->layout, sets->with_id, sets->fractions);
	sets->all = lappend(sets->all, added);
	MemoryContextSwitchTo(caller);
	return added;
}

void
SampleSetsBegin(SampleSets *sets, const ScanTask *task, const CbLayout *layout, bool with_id,
				bool fractions)
{
	memset(sets, 0, sizeof(*sets));
	sets->context = task->context;
	sets->layout = layout;
	sets->grouped = task->grouped;
	sets->with_id = with_id;
	sets->fractions = fractions && layout->takes_fractions;
	if (sets->grouped)
		sets->hash = samples_create(sets->context, 16, NULL);
	else
		sets->current = add_set(sets, (ValueBytes) {"", 0});
}

CellSet *
SampleSetsGoTo(SampleSets *sets, ValueBytes sample)
{
	bool		found;
	SampleEntry *entry = samples_insert(sets->hash, sample, &found);

	if (!found)
	{
		entry->set = add_set(sets, sample);
		entry->sample = entry->set->sample;
	}
	sets->current = entry->set;
	return entry->set->set;
}

bool
SampleSetsNext(SampleSets *sets, ScanResult *result)
{
	SampleSet  *next;

	if (sets->next == list_length(sets->all))
		return false;
	next = list_nth(sets->all, sets->next++);
	result->sample = next->sample;
	result->payload = next->set->count == 0 ? (Datum) 0 :
		PointerGetDatum(CellSetPayload(next->set));
	return true;
}
