/*
 * settings.h
 *		The settings (GUC variables) of the extension, and the largest size of a
 *		payload.  The limit on what the store takes on disk is in serve/store.c.
 */
#ifndef CELL_BINARY_SETTINGS_H
#define CELL_BINARY_SETTINGS_H

#include "compat.h"

#include "utils/memutils.h"

/* cell_binary.max_payload_size, in bytes; its maximum is 1 GB. */
extern int	cell_binary_max_payload_size;

/* cell_binary.huge_pages */
extern bool cell_binary_huge_pages;

/* cell_binary.scan */
extern bool cell_binary_scan;

/* cell_binary.store_size, in MB; -1 means no limit. */
extern int	cell_binary_store_size;

/* Define the settings.  Errors: 42501 and 55P02 if the session was started with one. */
extern void DefineSettings(void);

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

#endif							/* CELL_BINARY_SETTINGS_H */
