/*
 * pages.c
 *		Reading the pages of a heap table and finding their visible tuples, as
 *		the access method heap does for a sequential scan or a bitmap scan.
 */
#include "heap/pages.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/snapmgr.h"

/* Return the next block to read; a callback of the read stream. */
static BlockNumber
next_block(ReadStream *stream pg_attribute_unused(), void *argument,
		   void *per_buffer pg_attribute_unused())
{
	Pages	   *pages = argument;
	BlockNumber block;

	if (pages->bitmap == NULL)
		return pages->next < pages->end ? pages->next++ : InvalidBlockNumber;

	/* A page that was added after the scan began has no visible tuple. */
	while ((block = PageIteratorNext(pages->iterator)) != InvalidBlockNumber)
		if (block < pages->end)
			return block;
	return InvalidBlockNumber;
}

/* Collect the pages in which an index finds tuples. */
static void
look_up(Pages *pages, Relation index, ScanKey keys, int key_count)
{
	IndexScanDesc scan = BeginBitmapIndexScan(index, pages->snapshot, key_count);

	pages->bitmap = tbm_create(work_mem * (Size) 1024, NULL);
	index_rescan(scan, keys, key_count, NULL, 0);
	(void) index_getbitmap(scan, pages->bitmap);
	index_endscan(scan);
	pages->iterator = PageIteratorBegin(pages->bitmap);
}

void
PagesOpen(Pages *pages, Relation table, Snapshot snapshot, Relation index, ScanKey keys,
		  int key_count)
{
	Assert(IsMVCCSnapshot(snapshot));
	memset(pages, 0, offsetof(Pages, visible));
	pages->table = table;
	pages->snapshot = snapshot;
	pages->end = RelationGetNumberOfBlocks(table);
	if (index != NULL)
		look_up(pages, index, keys, key_count);
	else
	{
		/* As heap does, keep a large table from replacing all other buffers. */
		if (!RelationUsesLocalBuffers(table) && pages->end > (BlockNumber) NBuffers / 4)
			pages->strategy = GetAccessStrategy(BAS_BULKREAD);
		pgstat_count_heap_scan(table);
	}
	pages->stream = read_stream_begin_relation(index == NULL ? READ_STREAM_SEQUENTIAL :
											   READ_STREAM_DEFAULT,
											   pages->strategy, table, MAIN_FORKNUM,
											   next_block, pages, 0);
}

/* Find the visible tuples of the current page. */
static void
find_visible(Pages *pages)
{
	HeapTupleData tuple = {.t_tableOid = RelationGetRelid(pages->table)};
	OffsetNumber last;
	bool		all_visible;
	int			count = 0;

	LockBuffer(pages->buffer, BUFFER_LOCK_SHARE);
	pages->page = BufferGetPage(pages->buffer);
	TestForOldSnapshot(pages->snapshot, pages->table, pages->page);
	/* On a standby, the flag can be ahead of a snapshot: see heapam.c. */
	all_visible = PageIsAllVisible(pages->page) && !pages->snapshot->takenDuringRecovery;
	last = PageGetMaxOffsetNumber(pages->page);
	for (OffsetNumber offset = FirstOffsetNumber; offset <= last; offset++)
	{
		ItemId		item = PageGetItemId(pages->page, offset);

		if (!ItemIdIsNormal(item))
			continue;
		if (!all_visible)
		{
			tuple.t_data = (HeapTupleHeader) PageGetItem(pages->page, item);
			tuple.t_len = ItemIdGetLength(item);
			ItemPointerSet(&tuple.t_self, BufferGetBlockNumber(pages->buffer), offset);
			if (!HeapTupleSatisfiesVisibility(&tuple, pages->snapshot, pages->buffer))
				continue;
		}
		if (count < TUPLES_AHEAD)
			PrefetchTuple(PageGetItem(pages->page, item));
		pages->visible[count++] = offset;
	}
	LockBuffer(pages->buffer, BUFFER_LOCK_UNLOCK);
	pages->count = count;
	pgstat_count_index_tuples(pages->table, count);	/* counts tuples of any relation */
}

bool
PagesNext(Pages *pages)
{
	do
	{
		if (BufferIsValid(pages->buffer))
			ReleaseBuffer(pages->buffer);
		CHECK_FOR_INTERRUPTS();
		pages->buffer = read_stream_next_buffer(pages->stream, NULL);
		if (!BufferIsValid(pages->buffer))
			return false;
		find_visible(pages);
	} while (pages->count == 0);
	return true;
}

void
PagesClose(Pages *pages)
{
	if (BufferIsValid(pages->buffer))
		ReleaseBuffer(pages->buffer);
	pages->buffer = InvalidBuffer;
	read_stream_end(pages->stream);
	if (pages->strategy != NULL)
		FreeAccessStrategy(pages->strategy);
	if (pages->bitmap != NULL)
	{
		PageIteratorEnd(pages->iterator);
		tbm_free(pages->bitmap);
	}
}
