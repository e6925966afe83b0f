/*
 * same_bytes.h
 *		Whether two short strings are equal, for loops that compare one for every
 *		row.  A call of memcmp takes longer than to compare a name or a number of
 *		a few characters.
 */
#ifndef CELL_BINARY_SAME_BYTES_H
#define CELL_BINARY_SAME_BYTES_H

#include "compat.h"

/* Return whether the words of this type at the beginnings and at the ends are equal. */
#define SAME_ENDS(type, one, other, length) \
	(same_##type(one, other) && \
	 same_##type((one) + (length) - sizeof(type), (other) + (length) - sizeof(type)))

#define DEFINE_SAME(type) \
static inline bool \
same_##type(const char *one, const char *other) \
{ \
	type		one_word; \
	type		other_word; \
\
	memcpy(&one_word, one, sizeof(type)); \
	memcpy(&other_word, other, sizeof(type)); \
	return one_word == other_word; \
}

DEFINE_SAME(uint16)
DEFINE_SAME(uint32)
DEFINE_SAME(uint64)

/* Compare strings of the same length; the words may overlap. */
static inline bool
SameBytes(const char *one, const char *other, int length)
{
	if (length > 16)
		return memcmp(one, other, length) == 0;
	if (length >= 8)
		return SAME_ENDS(uint64, one, other, length);
	if (length >= 4)
		return SAME_ENDS(uint32, one, other, length);
	if (length >= 2)
		return SAME_ENDS(uint16, one, other, length);
	return length == 0 || *one == *other;
}

#endif							/* CELL_BINARY_SAME_BYTES_H */
