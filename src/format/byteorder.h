/*
 * byteorder.h
 *		Storing integers in a given byte order, and loading them.
 *
 * A field of a payload may be at any address, so these functions copy bytes
 * instead of casting pointers.  Compilers turn each copy into one load or
 * store, and a byte swap where the machine's byte order differs.
 */
#ifndef CB_BYTEORDER_H
#define CB_BYTEORDER_H

#include <stdint.h>
#include <string.h>

#ifndef __BYTE_ORDER__
#error "the compiler does not tell the machine's byte order"
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CB_LE32(value) (value)
#define CB_LE64(value) (value)
#define CB_BE32(value) __builtin_bswap32(value)
#else
#define CB_LE32(value) __builtin_bswap32(value)
#define CB_LE64(value) __builtin_bswap64(value)
#define CB_BE32(value) (value)
#endif

static inline void
cb_put_le32(uint8_t *to, uint32_t value)
{
	value = CB_LE32(value);
	memcpy(to, &value, sizeof(value));
}

static inline void
cb_put_le64(uint8_t *to, uint64_t value)
{
	value = CB_LE64(value);
	memcpy(to, &value, sizeof(value));
}

static inline void
cb_put_be32(uint8_t *to, uint32_t value)
{
	value = CB_BE32(value);
	memcpy(to, &value, sizeof(value));
}

static inline uint32_t
cb_get_le32(const uint8_t *from)
{
	uint32_t	value;

	memcpy(&value, from, sizeof(value));
	return CB_LE32(value);
}

static inline uint64_t
cb_get_le64(const uint8_t *from)
{
	uint64_t	value;

	memcpy(&value, from, sizeof(value));
	return CB_LE64(value);
}

static inline uint32_t
cb_get_be32(const uint8_t *from)
{
	uint32_t	value;

	memcpy(&value, from, sizeof(value));
	return CB_BE32(value);
}

#endif							/* CB_BYTEORDER_H */
