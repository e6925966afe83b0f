/*
 * compact.h
 *		One cell of layout compact, for those who write it in place.
 */
#ifndef CB_COMPACT_H
#define CB_COMPACT_H

#include "format/byteorder.h"

enum
{
	CB_COMPACT_HEADER = 4,
	CB_COMPACT_CELL = 16,
	CB_COMPACT_MASK = 8			/* where the mask stands in a cell */
};

/* Write the number of cells. */
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
