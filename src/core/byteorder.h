/*
 * byteorder.h
 *		Integers to and from bytes of a stated order.
 *
 * Payload bytes may stand at any address, so nothing is cast: bytes are
 * shifted one by one, which gcc and clang turn into one load or store (and a
 * byte swap where the machine's order differs).
 */
#ifndef CB_BYTEORDER_H
#define CB_BYTEORDER_H

#include <stdint.h>

static inline void
cb_put_le32(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t) value;
	to[1] = (uint8_t) (value >> 8);
	to[2] = (uint8_t) (value >> 16);
	to[3] = (uint8_t) (value >> 24);
}

static inline void
cb_put_le64(uint8_t *to, uint64_t value)
{
	cb_put_le32(to, (uint32_t) value);
	cb_put_le32(to + 4, (uint32_t) (value >> 32));
}

static inline void
cb_put_be32(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t) (value >> 24);
	to[1] = (uint8_t) (value >> 16);
	to[2] = (uint8_t) (value >> 8);
	to[3] = (uint8_t) value;
}

static inline uint32_t
cb_get_le32(const uint8_t *from)
{
	return (uint32_t) from[0] | (uint32_t) from[1] << 8 |
		(uint32_t) from[2] << 16 | (uint32_t) from[3] << 24;
}

static inline uint64_t
cb_get_le64(const uint8_t *from)
{
	return (uint64_t) cb_get_le32(from) | (uint64_t) cb_get_le32(from + 4) << 32;
}

static inline uint32_t
cb_get_be32(const uint8_t *from)
{
	return (uint32_t) from[0] << 24 | (uint32_t) from[1] << 16 |
		(uint32_t) from[2] << 8 | (uint32_t) from[3];
}

#endif							/* CB_BYTEORDER_H */
