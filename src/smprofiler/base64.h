/*
 * base64.h
 *		Decoding base64, whose text may have white space.
 */
#ifndef CELL_BINARY_BASE64_H
#define CELL_BINARY_BASE64_H

#include "compat.h"

/* Return how many bytes must be reserved for the bytes of a text of this length. */
#define BASE64_ROOM(length) ((Size) (length) / 4 * 3 + 8)

/*
 * Decode a text, and return the number of bytes, or -1 if the text is not
 * base64.
 */
extern int	DecodeBase64(const char *text, int length, uint8 *bytes);

#endif							/* CELL_BINARY_BASE64_H */
