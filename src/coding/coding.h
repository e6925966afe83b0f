/*
 * coding.h
 *		What a coding of a payload is, for the adapters to the libraries.  The table
 *		of codings, and what uses it, is in codings.h.
 *
 * An adapter, in NAME.c, only steps a stream.  Memory, limits, interrupts and
 * errors are decided in codings.c.
 */
#ifndef CELL_BINARY_CODING_H
#define CELL_BINARY_CODING_H

#include "compat.h"

#include "utils/memutils.h"

/* The outcome of one step of a stream. */
typedef enum CodingStatus
{
	CODING_GOES_ON,				/* more input or more room is needed */
	CODING_ENDED,				/* encoding: all output is written; decoding: a
								 * complete stream was read */
	CODING_INVALID,				/* decoding: the bytes are invalid; encoding:
								 * this code made a mistake; see fault */
	CODING_WINDOW_TOO_LARGE,	/* decoding: the window would take too much
								 * memory */
	CODING_NO_MEMORY
} CodingStatus;

/* A stream of bytes through a library. */
typedef struct CodingStream
{
	MemoryContext memory;		/* for the library; deleting it frees all of
								 * the library's memory */
	void	   *state;			/* the library's */

	const uint8 *in;			/* the next slice of input; a step advances
								 * in */
	size_t		in_left;		/* and in_left past the bytes that it took */
	bool		in_last;		/* no input comes after this slice */
	bool		at_start;		/* decoding: nothing of this stream was read
								 * yet */
	bool		flush;			/* encoding: process the whole slice at once */

	uint8	   *out;			/* room for output; a step advances out and */
	size_t		out_left;		/* out_left past the bytes that it wrote */

	const char *fault;			/* the library's message */
} CodingStream;

/*
 * A coding.  A step takes input and writes output as far as possible.  It must
 * not call ereport, or a function that calls ereport; br.c explains why its
 * encoder is the exception.
 */
typedef struct Coding
{
	const char *name;			/* as in HTTP */
	const char *library;
	bool		concatenates;	/* consecutive streams decode as one */
	int			min_level;
	int			default_level;
	int			max_level;
	int			slow_level;		/* from this level on, slices are small */
	int			max_window;		/* bytes; decoding refuses a larger window */

	/* NULL for "identity" */
	CodingStatus (*start_encoding) (CodingStream *stream, int level, uint64 size);
	CodingStatus (*encode) (CodingStream *stream);
	CodingStatus (*start_decoding) (CodingStream *stream);
	CodingStatus (*decode) (CodingStream *stream);
} Coding;

/* The codings of the libraries, each defined in its own file. */
extern const Coding coding_gzip;
extern const Coding coding_zstd;
extern const Coding coding_br;

/*
 * Allocate memory of a stream.  Returns NULL if there is none.
 */
static inline void *
CodingAllocate(CodingStream *stream, size_t size)
{
	return MemoryContextAllocExtended(stream->memory, size,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

static inline void
CodingFree(void *address)
{
	if (address != NULL)
		pfree(address);
}

#endif							/* CELL_BINARY_CODING_H */
