/*
 * foreign.c
 *		Where the rows of a query are.
 */
#include "study/foreign.h"

#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

/*
 * Whether postgres_fdw sends this extension's functions to the server of a foreign
 * table: if the option "extensions" names the extension.
 */
static bool
packs(Oid table)
{
	ForeignServer *server = GetForeignServer(GetForeignTable(table)->serverid);
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, server->options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "extensions") == 0)
			(void) SplitIdentifierString(pstrdup(defGetString(option)), ',', &names);
	}
	foreach(cell, names)
		if (strcmp(lfirst(cell), "cell_binary") == 0)
			return true;
	return false;
}

RowPlaces
RowPlacesOf(const List *relations)
{
	RowPlaces	places = {.packing = true};
	ListCell   *cell;

	foreach(cell, relations)
		switch (get_rel_relkind(lfirst_oid(cell)))
		{
			case RELKIND_PARTITIONED_TABLE:
				places.partitioned = true;
				break;
			case RELKIND_FOREIGN_TABLE:
				places.foreign = true;
				places.packing = places.packing && packs(lfirst_oid(cell));
				break;
			case RELKIND_RELATION:
			case RELKIND_MATVIEW:
				places.local = true;
				break;
			default:
				break;
		}
	places.packing = places.packing && places.foreign;
	return places;
}
