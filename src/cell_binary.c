/*
 * cell_binary.c
 *		Module start: magic block and settings.
 */
#include "compat.h"

#include "settings.h"
#include "utils/guc.h"

CELL_BINARY_MODULE;

int			cell_binary_max_payload_size;
bool		cell_binary_huge_pages;

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
	MarkGUCPrefixReserved("cell_binary");
}
