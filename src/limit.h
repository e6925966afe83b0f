/*
 * limit.h
 *		How large a payload may be, and the error for one that would be larger.
 *		What a value of the store may take on disk is in serve/store.c.
 */
#ifndef CELL_BINARY_LIMIT_H
#define CELL_BINARY_LIMIT_H

#include "compat.h"

#include "settings.h"
#include "utils/memutils.h"

/* The most bytes that a bytea can hold: a varlena is smaller than 1 GB. */
#define LARGEST_BYTEA ((int) (MaxAllocSize - VARHDRSZ))

/* The most bytes that a payload may have. */
static inline int
MaxPayloadSize(void)
{
	return Min(cell_binary_max_payload_size, LARGEST_BYTEA);
}

/*
 * Raise 54000: what ("payload of intensities") would exceed MaxPayloadSize().
 * fact, without a period, begins the detail; hint may be NULL.
 */
pg_noreturn extern void RaiseTooLarge(const char *what, const char *fact, const char *hint);

#endif							/* CELL_BINARY_LIMIT_H */
