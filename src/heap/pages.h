/*
 * pages.h
 *		The pages of a heap table, and the tuples on each that a snapshot sees.
 *		This replaces the scan nodes of the executor, which make a slot of every
 *		tuple.
 *
 * The pages are all pages of the table, in order, or those in which an index
 * finds tuples.  An index only chooses the pages: every visible tuple on them
 * is returned, so the caller must check the condition again.
 */
#ifndef CELL_BINARY_PAGES_H
#define CELL_BINARY_PAGES_H

#include "compat.h"

#include "access/htup_details.h"
#include "access/skey.h"
#include "heap/heap_compat.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/*
 * How many tuples ahead the processor is asked to fetch a tuple from memory.
 * Its own guesses miss the first tuples of a page, and help less with the
 * others, because PostgreSQL fills a page from its end to its beginning.
 */
#define TUPLES_AHEAD 8
#define PrefetchTuple(tuple) __builtin_prefetch(tuple)

typedef struct Pages
{
	Relation	table;
	Snapshot	snapshot;		/* an MVCC snapshot */
	ReadStream *stream;
	BufferAccessStrategy strategy;
	BlockNumber next;			/* of all pages */
	BlockNumber end;
	TIDBitmap  *bitmap;			/* NULL: all pages */
	PageIterator *iterator;		/* of the bitmap */
	Buffer		buffer;			/* pinned but not locked */
	Page		page;
	int			count;			/* of visible tuples on the page */
	OffsetNumber visible[MaxHeapTuplesPerPage];
} Pages;

/*
 * Open the pages of a table; index is NULL, or an index of the table with the
 * keys to look up.  The caller has opened and locked both, and keeps them open
 * until PagesClose.
 */
extern void PagesOpen(Pages *pages, Relation table, Snapshot snapshot, Relation index,
					  ScanKey keys, int key_count);

/*
 * Go to the next page that has visible tuples.  Returns false after the last
 * one.  The tuples stay where they are until the next call.
 */
extern bool PagesNext(Pages *pages);

/* Close the pages; after an error, the resource owner does. */
extern void PagesClose(Pages *pages);

static inline ItemId
PagesItem(const Pages *pages, int number)
{
	return PageGetItemId(pages->page, pages->visible[number]);
}

static inline HeapTupleHeader
PagesTuple(const Pages *pages, int number)
{
	return (HeapTupleHeader) PageGetItem(pages->page, PagesItem(pages, number));
}

#endif							/* CELL_BINARY_PAGES_H */
