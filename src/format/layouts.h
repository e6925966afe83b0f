/*
 * layouts.h
 *		The table of layouts.  What a layout is, and how it is written and read, is
 *		in layout.h.
 */
#ifndef CB_LAYOUTS_H
#define CB_LAYOUTS_H

#include "format/layout.h"

/* Return the layout with this name (length bytes, not terminated), or NULL. */
extern const CbLayout *cb_layout_named(const char *name, size_t length);

/* Return the layout at an index from 0, or NULL after the last one. */
extern const CbLayout *cb_layout_at(size_t index);

#endif							/* CB_LAYOUTS_H */
