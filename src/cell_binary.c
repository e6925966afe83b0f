/*
 * cell_binary.c
 *		Module start: magic block and settings.
 */
#include "compat.h"

#include "settings.h"
#include "utils/guc.h"
#include "utils/memutils.h"

CELL_BINARY_MODULE;

int			cell_binary_max_payload_size;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	const int	smallest = 1024;
	const int	largest_bytea = MaxAllocSize - VARHDRSZ;

	DefineCustomIntVariable("cell_binary.max_payload_size",
							"Sets the maximum size of one payload of cells.",
							"The default is the largest that a bytea can hold.",
							&cell_binary_max_payload_size,
							largest_bytea, smallest, largest_bytea,
							PGC_SUSET, GUC_UNIT_BYTE,
							NULL, NULL, NULL);
	MarkGUCPrefixReserved("cell_binary");
}
