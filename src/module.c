/*
 * module.c
 *		Loading the module: the magic block, and the table of the aggregates that
 *		a scan can compute.  The settings are in settings.c, and the hook into the
 *		planner in scan/scan_plan.c.
 */
#include "compat.h"

#include "scan/collect_scan.h"
#include "scan/pack_scan.h"
#include "scan/scan_list.h"
#include "scan/scan_plan.h"
#include "settings.h"
#include "intensity/intensity_scan.h"
#include "smprofiler/subsample_scan.h"

CELL_BINARY_MODULE;

static const ScannedAggregate *const scanned[] = {
	&scanned_pack_integer,
	&scanned_pack_double,
	&scanned_intensities,
	&scanned_collect_phenotypes,
	&scanned_collect_intensities,
	&scanned_subsample_cells,
	NULL
};

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	DefineSettings();
	ScanListInstall(scanned);
	ScanPlanInstall();
}
