/*
 * cell_binary.c
 *		Module start: magic block and settings.
 */
#include "compat.h"

#include <limits.h>

#include "settings.h"
#include "utils/guc.h"

CELL_BINARY_MODULE;

int			cell_binary_max_payload_size;
bool		cell_binary_huge_pages;
int			cell_binary_store_size;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	const int	kilobyte = 1024;
	const int	gigabyte = 1024 * 1024 * 1024;

	DefineCustomIntVariable("cell_binary.max_payload_size",
							"Sets the maximum size of one payload of cells.",
							"A bytea holds 5 bytes less than 1GB, whatever this is set to.",
							&cell_binary_max_payload_size,
							gigabyte, kilobyte, gigabyte,
							PGC_SUSET, GUC_UNIT_BYTE,
							NULL, NULL, NULL);
	DefineCustomBoolVariable("cell_binary.huge_pages",
							 "Asks for transparent huge pages for large payloads.",
							 NULL,
							 &cell_binary_huge_pages,
							 true,
							 PGC_USERSET, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("cell_binary.store_size",
							"Sets the size that all stored payloads of a database may have.",
							"Those that were not used for the longest time make room; 0 stores none, and -1 sets no limit.",
							&cell_binary_store_size,
							8 * 1024, -1, MAX_KILOBYTES,
							PGC_SUSET, GUC_UNIT_MB,
							NULL, NULL, NULL);
	MarkGUCPrefixReserved("cell_binary");
}
