/*
 * settings.h
 *		The settings (GUC variables) of the extension; module.c defines them.
 */
#ifndef CELL_BINARY_SETTINGS_H
#define CELL_BINARY_SETTINGS_H

#include "compat.h"

/* cell_binary.max_payload_size, in bytes; its maximum is 1 GB. */
extern int	cell_binary_max_payload_size;

/* cell_binary.huge_pages */
extern bool cell_binary_huge_pages;

/* cell_binary.store_size, in MB; -1 means no limit. */
extern int	cell_binary_store_size;

#endif							/* CELL_BINARY_SETTINGS_H */
