/*
 * module.c
 *		Loading the module: the magic block.  The settings are in settings.c.
 */
#include "compat.h"

#include "settings.h"

CELL_BINARY_MODULE;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	DefineSettings();
}
