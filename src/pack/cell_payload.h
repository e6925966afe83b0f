/*
 * cell_payload.h
 *		Turning a set of cells into its payload.
 */
#ifndef CELL_BINARY_CELL_PAYLOAD_H
#define CELL_BINARY_CELL_PAYLOAD_H

#include "compat.h"

#include "pack/cell_set.h"

/*
 * Turn the set into its payload, which takes the place of the set's buffer.  No
 * cells can be added afterwards, but the function can be called again.
 */
extern bytea *CellSetPayload(CellSet *set);

/*
 * Keep the next payload that is made: move the memory context of its set to
 * this parent, so that the payload outlives the query that makes it, and need
 * not be copied.  The caller sets payload to NULL, and ends with
 * CellSetKeepNext(NULL), also after an error.
 */
typedef struct KeptPayload
{
	MemoryContext parent;
	bytea	   *payload;		/* set when it is made */
} KeptPayload;

extern void CellSetKeepNext(KeptPayload *kept);

/* Free a set and its payload, which then is not kept. */
extern void CellSetFree(CellSet *set);

#endif							/* CELL_BINARY_CELL_PAYLOAD_H */
