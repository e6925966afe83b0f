/*
 * foreign.c
 *		Where the rows of a query are.
 */
#include "study/foreign.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
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

/* Return the only column by which a table is partitioned, or NULL. */
static const char *
partition_column(Oid table)
{
	Relation	relation = table_open(table, NoLock);
	PartitionKey key = RelationGetPartitionKey(relation);
	const char *column = NULL;

	if (get_partition_natts(key) == 1 && get_partition_col_attnum(key, 0) != 0)
		column = get_attname(table, get_partition_col_attnum(key, 0), false);
	table_close(relation, NoLock);
	return column;
}

/* Note a partitioned table. */
static void
add_partitioned(RowPlaces *places, Oid table)
{
	const char *column = partition_column(table);

	if (!places->partitioned)
		places->key = column;
	else if (column == NULL || places->key == NULL || strcmp(column, places->key) != 0)
		places->key = NULL;
	places->partitioned = true;
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
				add_partitioned(&places, lfirst_oid(cell));
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
