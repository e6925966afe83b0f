/*
 * one_payload.h
 *		Running a query of source.h that returns the payload of one sample, or what
 *		is known of the payload.
 */
#ifndef CELL_BINARY_ONE_PAYLOAD_H
#define CELL_BINARY_ONE_PAYLOAD_H

#include "compat.h"

#include "study/source.h"

/* Run SOURCE_PACK.  Returns the payload in a memory context, or NULL without cells. */
extern bytea *PackOne(Source *source, MemoryContext context);

/*
 * Raise 22000 if a value in a row of a relation of payloads is null or negative.  The row
 * is input: another server or role can have written it.
 */
extern void CheckReadyRow(const Source *source, TupleTableSlot *row);

/* A row of a relation of payloads. */
typedef struct ReadyPayload
{
	bytea	   *payload;		/* of SOURCE_READY */
	int64		cells;			/* the others: of SOURCE_READY_HEAD */
	int64		bytes;
	char	   *etag;
} ReadyPayload;

/*
 * Run SOURCE_READY or SOURCE_READY_HEAD.  Returns false if there is no such row, or only
 * one with a null.  Errors: 21000 if there is more than one row, 22000 if a value is
 * negative, or the etag is not a strong entity tag.
 */
extern bool FetchOne(Source *source, MemoryContext context, ReadyPayload *ready);

#endif							/* CELL_BINARY_ONE_PAYLOAD_H */
