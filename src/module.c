/*
 * module.c
 *		Loading the module: the magic block.  The settings are in
 *		settings.c, and the hook into the planner in scan/scan_plan.c.
 */
#include "compat.h"

#include "scan/scan_plan.h"
#include "settings.h"

CELL_BINARY_MODULE;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	DefineSettings();
	ScanPlanInstall();
}
