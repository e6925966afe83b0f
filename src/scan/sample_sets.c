/*
 * sample_sets.c
 *		Finding the set of a sample that is not that of the row before, and
 *		limiting the memory of all sets.
 */
#include "scan/sample_sets.h"

#include "commands/tablespace.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "pack/cell_merge.h"
#include "pack/cell_payload.h"
#include "pack/cell_transfer.h"

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

/* A set in the temporary file. */
typedef struct WrittenSet
{
	int			file;
	off_t		offset;
	Size		length;
} WrittenSet;

static CellSet *
create_set(SampleSets *sets)
{
	CellSet    *set = sets->layout->has_intensities ?
		CellSetCreateIntensities(sets->context, sets->channels) :
		CellSetCreate(sets->context, sets->layout, sets->with_id, sets->fractions);

	set->expected_size = sets->largest;
	return set;
}

/* Add an empty set for a sample. */
static SampleSet *
add_set(SampleSets *sets, ValueBytes sample)
{
	MemoryContext caller = MemoryContextSwitchTo(sets->context);
	SampleSet  *added = palloc(sizeof(SampleSet));

	added->sample.bytes = memcpy(palloc(Max(sample.length, 1)), sample.bytes, sample.length);
	added->sample.length = sample.length;
	added->set = create_set(sets);
	added->held = 0;
	added->written = NIL;
	sets->fixed += sizeof(SampleSet) + sizeof(SampleEntry) + sizeof(CellSet) + sample.length;
	sets->all = lappend(sets->all, added);
	MemoryContextSwitchTo(caller);
	return added;
}

void
SampleSetsBegin(SampleSets *sets, const ScanTask *task, const CbLayout *layout,
				uint32 channels, bool with_id, bool fractions)
{
	memset(sets, 0, sizeof(*sets));
	sets->context = task->context;
	sets->layout = layout;
	sets->channels = channels;
	sets->grouped = task->grouped;
	sets->with_id = with_id;
	sets->fractions = fractions && layout->takes_fractions;
	sets->memory = get_hash_memory_limit();
	if (sets->grouped)
		sets->hash = samples_create(sets->context, 16, NULL);
	else
		sets->current = add_set(sets, (ValueBytes) {"", 0});
}

/* Write a sample's set to the file. */
static void
write_set(SampleSets *sets, SampleSet *sample)
{
	bytea	   *bytes = CellSetSerialize(sample->set);
	WrittenSet *written = palloc(sizeof(WrittenSet));

	if (sets->file == NULL)
	{
		PrepareTempTablespaces();
		sets->file = BufFileCreateTemp(false);
	}
	BufFileTell(sets->file, &written->file, &written->offset);
	written->length = VARSIZE(bytes);
	BufFileWrite(sets->file, bytes, written->length);
	sample->written = lappend(sample->written, written);
	sets->fixed += sizeof(WrittenSet) + sizeof(ListCell);
	CellSetFree(sample->set);
	sample->set = NULL;
}

/* Write all sets to the file. */
static void
write_sets(SampleSets *sets)
{
	ListCell   *cell;

	foreach(cell, sets->all)
	{
		SampleSet  *sample = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		/* A set that is too large to be written stays in memory. */
		if (sample->set != NULL && sample->set->size < MaxAllocSize / 2)
			write_set(sets, sample);
		sample->held = 0;
	}
	sets->held = 0;
}

/* Leave the current sample. */
static void
leave(SampleSets *sets)
{
	sets->current->held = sets->current->set->size;
	sets->held += sets->current->held;
	sets->largest = Max(sets->largest, sets->current->held);
	if (sets->held > sets->memory)
		write_sets(sets);
}

CellSet *
SampleSetsGoTo(SampleSets *sets, ValueBytes sample)
{
	MemoryContext caller = MemoryContextSwitchTo(sets->context);
	bool		found;
	SampleEntry *entry;

	if (sets->current != NULL)
		leave(sets);
	entry = samples_insert(sets->hash, sample, &found);
	if (!found)
	{
		entry->set = add_set(sets, sample);
		entry->sample = entry->set->sample;
	}
	sets->current = entry->set;
	if (sets->current->set == NULL)
		sets->current->set = create_set(sets);
	sets->held -= sets->current->held;
	sets->current->held = 0;
	MemoryContextSwitchTo(caller);
	return list_length(sets->all) > MOST_SAMPLES || sets->fixed > sets->memory ? NULL :
		sets->current->set;
}

/* Merge what was written of a sample with the cells that came later. */
static CellSet *
read_set(SampleSets *sets, SampleSet *sample)
{
	CellSet    *whole = create_set(sets);
	ListCell   *cell;

	foreach(cell, sample->written)
	{
		WrittenSet *written = lfirst(cell);
		bytea	   *bytes = MemoryContextAllocHuge(sets->context, written->length);
		CellSet    *part;

		CHECK_FOR_INTERRUPTS();
		if (BufFileSeek(sets->file, written->file, written->offset, SEEK_SET) != 0)
			elog(ERROR, "could not seek in temporary file: %m");
		BufFileReadExact(sets->file, bytes, written->length);
		part = CellSetDeserialize(bytes);
		CellSetMerge(whole, part);
		pfree(part);
		pfree(bytes);
	}
	if (sample->set != NULL)
	{
		CellSetMerge(whole, sample->set);
		CellSetFree(sample->set);
	}
	return whole;
}

bool
SampleSetsNext(SampleSets *sets, ScanResult *result)
{
	SampleSet  *next;

	/* The row with the payload before is no longer needed. */
	if (sets->next > 0)
	{
		next = list_nth(sets->all, sets->next - 1);
		if (sets->grouped && next->set != NULL)
			CellSetFree(next->set);
		next->set = NULL;
	}
	if (sets->next == list_length(sets->all))
		return false;
	next = list_nth(sets->all, sets->next++);
	if (next->written != NIL)
		next->set = read_set(sets, next);
	result->sample = next->sample;
	result->payload = next->set->count == 0 ? (Datum) 0 :
		PointerGetDatum(CellSetPayload(next->set));
	return true;
}

void
SampleSetsEnd(SampleSets *sets)
{
	if (sets->file != NULL)
		BufFileClose(sets->file);
	sets->file = NULL;
}
