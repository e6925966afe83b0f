/*
 * layouts.c
 *		The table of layouts; each layout is a file of its own.
 */
#include "format/layouts.h"

#include <string.h>

static const CbLayout *const layouts[] = {
	&cb_compact,
	&cb_spt,
	&cb_dense,
	&cb_arrow,
	&cb_intensity,
};

#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

const CbLayout *
cb_layout_named(const char *name, size_t length)
{
	for (size_t i = 0; i < LAYOUTS; i++)
		if (layouts[i]->name_length == length &&
			memcmp(layouts[i]->name, name, length) == 0)
			return layouts[i];
	return NULL;
}

const CbLayout *
cb_layout_at(size_t index)
{
	return index < LAYOUTS ? layouts[index] : NULL;
}
