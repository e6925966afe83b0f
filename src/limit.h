/*
 * limit.h
 *		The largest size of a payload, and the error for a larger one.  The
 *		limit on what the store takes on disk is in serve/store.c.
 */
#ifndef CELL_BINARY_LIMIT_H
#define CELL_BINARY_LIMIT_H

#include "compat.h"

#include "settings.h"
#include "utils/memutils.h"

/*
 * The most bytes that a bytea can hold, because a varlena is smaller than 1
 * GB.
 */
#define LARGEST_BYTEA ((int) (MaxAllocSize - VARHDRSZ))

/* The most bytes that a payload may have. */
static inline int
MaxPayloadSize(void)
{
	return Min(cell_binary_max_payload_size, LARGEST_BYTEA);
}

/*
 * Raise 54000: what (for example "payload of intensities") would exceed
 * MaxPayloadSize().  The detail begins with fact, which has no period at its
 * end; hint may be NULL.
 */
pg_noreturn extern void RaiseTooLarge(const char *what, const char *fact, const char *hint);

#endif							/* CELL_BINARY_LIMIT_H */
