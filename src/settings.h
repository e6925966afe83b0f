/*
 * settings.h
 *		The settings of the extension.
 */
#ifndef CELL_BINARY_SETTINGS_H
#define CELL_BINARY_SETTINGS_H

/* cell_binary.max_payload_size: bytes that a payload may have. */
extern int	cell_binary_max_payload_size;

#endif							/* CELL_BINARY_SETTINGS_H */
