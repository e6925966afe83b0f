/*
 * heap_compat.h
 *		The differences between the supported PostgreSQL versions in reading
 *		heap tables and temporary files.  compat.h has the others.
 */
#ifndef CELL_BINARY_HEAP_COMPAT_H
#define CELL_BINARY_HEAP_COMPAT_H

#include "compat.h"

#include "access/genam.h"
#include "nodes/tidbitmap.h"
#include "storage/buffile.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/spccache.h"

/*
 * 17 has read streams, which read ahead what a callback says will be needed.
 * For older versions, this is the part of them that is used here.
 */
#if PG_VERSION_NUM >= 170000
#include "storage/read_stream.h"
#else
#define READ_STREAM_DEFAULT 0
#define READ_STREAM_SEQUENTIAL 1

typedef struct ReadStream ReadStream;
typedef BlockNumber (*ReadStreamBlockNumberCB) (ReadStream *stream, void *argument,
												void *per_buffer);

struct ReadStream
{
	Relation	relation;
	ForkNumber	fork;
	BufferAccessStrategy strategy;
	ReadStreamBlockNumberCB callback;
	void	   *argument;
	int			ahead;			/* the most blocks that are announced */
	uint32		first;			/* number of the next block to return */
	uint32		end;			/* number after the last block announced */
	bool		ended;			/* the callback has no more blocks */
	BlockNumber last;			/* the last block announced */
	BlockNumber block[FLEXIBLE_ARRAY_MEMBER];	/* a ring of ahead + 1 */
};

static inline ReadStream *
read_stream_begin_relation(int flags, BufferAccessStrategy strategy, Relation relation,
						   ForkNumber fork, ReadStreamBlockNumberCB callback, void *argument,
						   size_t per_buffer pg_attribute_unused())
{
	int			ahead = (flags & READ_STREAM_SEQUENTIAL) ? 0 :
		get_tablespace_io_concurrency(relation->rd_rel->reltablespace);
	ReadStream *stream = palloc0(offsetof(ReadStream, block) + (ahead + 1) * sizeof(BlockNumber));

	stream->relation = relation;
	stream->fork = fork;
	stream->strategy = strategy;
	stream->callback = callback;
	stream->argument = argument;
	stream->ahead = ahead;
	stream->last = InvalidBlockNumber;
	return stream;
}

static inline Buffer
read_stream_next_buffer(ReadStream *stream, void **per_buffer pg_attribute_unused())
{
	uint32		size = stream->ahead + 1;

	while (!stream->ended && stream->end - stream->first < size)
	{
		BlockNumber block = stream->callback(stream, stream->argument, NULL);

		stream->ended = block == InvalidBlockNumber;
		if (stream->ended)
			break;
		/* The operating system reads the next block ahead by itself. */
		if (stream->ahead > 0 && block != stream->last + 1)
			(void) PrefetchBuffer(stream->relation, stream->fork, block);
		stream->last = block;
		stream->block[stream->end++ % size] = block;
	}
	if (stream->first == stream->end)
		return InvalidBuffer;
	return ReadBufferExtended(stream->relation, stream->fork,
							  stream->block[stream->first++ % size], RBM_NORMAL,
							  stream->strategy);
}

static inline void
read_stream_end(ReadStream *stream)
{
	pfree(stream);
}
#endif

/*
 * The pages of a bitmap, in order. 18 made an iterator private or shared, and
 * returns its result in a struct of the caller.
 */
#if PG_VERSION_NUM >= 180000
typedef TBMPrivateIterator PageIterator;

#define PageIteratorBegin(bitmap) tbm_begin_private_iterate(bitmap)
#define PageIteratorEnd(iterator) tbm_end_private_iterate(iterator)

static inline BlockNumber
PageIteratorNext(PageIterator *iterator)
{
	TBMIterateResult page;

	return tbm_private_iterate(iterator, &page) ? page.blockno : InvalidBlockNumber;
}
#else
typedef TBMIterator PageIterator;

#define PageIteratorBegin(bitmap) tbm_begin_iterate(bitmap)
#define PageIteratorEnd(iterator) tbm_end_iterate(iterator)

static inline BlockNumber
PageIteratorNext(PageIterator *iterator)
{
	TBMIterateResult *page = tbm_iterate(iterator);

	return page != NULL ? page->blockno : InvalidBlockNumber;
}
#endif

/* 18 counts the searches of an index. */
#if PG_VERSION_NUM >= 180000
#define BeginBitmapIndexScan(index, snapshot, keys) \
	index_beginscan_bitmap(index, snapshot, NULL, keys)
#else
#define BeginBitmapIndexScan(index, snapshot, keys) \
	index_beginscan_bitmap(index, snapshot, keys)
#endif

/* 16 made reading less than was asked an error of the function itself. */
#if PG_VERSION_NUM < 160000
static inline void
BufFileReadExact(BufFile *file, void *bytes, size_t size)
{
	if (BufFileRead(file, bytes, size) != size)
		elog(ERROR, "could not read temporary file: %m");
}
#endif

/* 17 has no old_snapshot_threshold. */
#if PG_VERSION_NUM >= 170000
#define TestForOldSnapshot(snapshot, relation, page) ((void) 0)
#endif

#endif							/* CELL_BINARY_HEAP_COMPAT_H */
