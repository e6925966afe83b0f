/*
 * coding.h
 *		The codings of a payload for transport: HTTP's content codings.
 *
 * A coding is one row of the table in coding.c and, but for "identity", an
 * adapter to a library, NAME.c.  The adapters only step a stream; all
 * that decides about memory, limits, interrupts and errors is in coding.c.
 */
#ifndef CELL_BINARY_CODING_H
#define CELL_BINARY_CODING_H

#include "compat.h"

/* What a step of a stream came to. */
typedef enum CodingStatus
{
	CODING_GOES_ON,				/* for want of input or of room */
	CODING_ENDED,				/* encoding: all is written; decoding: a
								 * complete stream was read */
	CODING_INVALID,				/* fault says what is wrong: with the bytes, or
								 * when encoding, with us */
	CODING_WINDOW_TOO_LARGE,	/* decoding: it would take too much memory */
	CODING_NO_MEMORY
} CodingStatus;

/* Bytes on their way through a library. */
typedef struct CodingStream
{
	MemoryContext memory;		/* for all that the library needs, which is
								 * freed by deleting it */
	void	   *state;			/* the library's */

	const uint8 *in;			/* the next slice of the input; a step moves */
	size_t		in_left;		/* these on by what it took */
	bool		in_last;		/* no input comes after this slice */
	bool		at_start;		/* decoding: nothing was read of this stream */
	bool		flush;			/* encoding: work through the slice at once */

	uint8	   *out;			/* room for the output; a step moves these on */
	size_t		out_left;		/* by what it wrote */

	const char *fault;			/* the library's message */
} CodingStream;

/*
 * A coding.  A step takes and writes as much as it can, and calls neither
 * ereport nor anything that does (br.c says why its encoder has to).
 */
typedef struct Coding
{
	const char *name;			/* as in HTTP */
	const char *library;
	bool		concatenates;	/* streams one after another are one, too */
	int			min_level;
	int			default_level;
	int			max_level;
	int			slow_level;		/* from this one on, slices are small */
	int			max_window;		/* bytes; decoding: a larger one is refused */

	/* NULL for "identity" */
	CodingStatus (*start_encoding) (CodingStream *stream, int level, uint64 size);
	CodingStatus (*encode) (CodingStream *stream);
	CodingStatus (*start_decoding) (CodingStream *stream);
	CodingStatus (*decode) (CodingStream *stream);
} Coding;

extern const Coding coding_gzip;
extern const Coding coding_zstd;
extern const Coding coding_br;

/* The coding of that name (not terminated, length bytes), or NULL. */
extern const Coding *CodingNamed(const char *name, size_t length);

/* The coding with that index from 0, or NULL after the last one. */
extern const Coding *CodingAt(size_t index);

/* The coding that a text argument of a function names, or an error. */
extern const Coding *GetCodingArgument(FunctionCallInfo fcinfo, int arg);

/*
 * A payload in a coding other than "identity", at one of its levels.  The result
 * is in the current context.
 */
extern bytea *EncodePayload(const Coding *coding, const bytea *payload, int level);

/* For the adapters: memory of a stream, or NULL if there is none. */
extern void *CodingAllocate(CodingStream *stream, size_t size);
extern void CodingFree(void *address);

#endif							/* CELL_BINARY_CODING_H */
