/*
 * settings.h
 *		The settings of the extension.
 */
#ifndef CELL_BINARY_SETTINGS_H
#define CELL_BINARY_SETTINGS_H

#include "compat.h"

#include "utils/memutils.h"

/* What a bytea can hold: the size of a varlena is less than 1 GB. */
#define LARGEST_BYTEA ((int) (MaxAllocSize - VARHDRSZ))

/* cell_binary.max_payload_size, in bytes; its maximum is 1 GB. */
extern int	cell_binary_max_payload_size;

/* cell_binary.huge_pages */
extern bool cell_binary_huge_pages;

/* cell_binary.store_size, in MB; -1 is no limit. */
extern int	cell_binary_store_size;

/* Bytes that a payload may have. */
static inline int
MaxPayloadSize(void)
{
	return Min(cell_binary_max_payload_size, LARGEST_BYTEA);
}

#endif							/* CELL_BINARY_SETTINGS_H */
