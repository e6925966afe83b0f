/*
 * compact.h
 *		Writing one cell of layout compact in place.  Whole payloads are in
 *		compact.c.
 */
#ifndef CB_COMPACT_H
#define CB_COMPACT_H

#include "format/byteorder.h"

enum
{
	CB_COMPACT_HEADER = 4,
	CB_COMPACT_CELL = 16,
	CB_COMPACT_MASK = 8			/* offset of the phenotypes in a cell */
};

/* Write the header, which is the number of cells. */
static inline void
cb_compact_put_header(uint8_t *header, uint32_t cells)
{
	cb_put_le32(header, cells);
}

/* Write a cell. */
static inline void
cb_compact_put_cell(uint8_t *to, int32_t x, int32_t y, uint64_t phenotypes)
{
	cb_put_le32(to, (uint32_t) x);
	cb_put_le32(to + 4, (uint32_t) y);
	cb_put_le64(to + CB_COMPACT_MASK, phenotypes);
}

#endif							/* CB_COMPACT_H */
