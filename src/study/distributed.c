/*
 * distributed.c
 *		Detection of tables whose rows Citus keeps in shards.
 *
 * Citus rewrites a statement on a distributed table into statements on its
 * shards.  The table itself stays empty, and its triggers never fire.  The
 * catalog pg_dist_partition lists these tables.  It is looked up by name,
 * which is safe because only a superuser can create a relation in pg_catalog.
 */
#include "study/distributed.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_namespace.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

bool
IsDistributed(Oid table)
{
	Oid			catalog_oid = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
	AttrNumber	column;
	Oid			index;
	Relation	catalog;
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	if (!OidIsValid(catalog_oid))
		return false;
	column = get_attnum(catalog_oid, "logicalrelid");
	if (column == InvalidAttrNumber)
		return false;
	index = get_relname_relid("pg_dist_partition_logical_relid_index", PG_CATALOG_NAMESPACE);

	catalog = table_open(catalog_oid, AccessShareLock);
	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
	scan = systable_beginscan(catalog, index, OidIsValid(index), NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}
