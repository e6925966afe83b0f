/*
 * distributed.c
 *		Whether the rows of a table are on other servers.
 *
 * Citus rewrites statements of a distributed table into statements of its
 * shards.  The table itself stays empty, and its triggers never fire.  Which
 * tables these are is in the catalog pg_dist_partition, which is looked up by
 * its name: only a superuser can make a relation in pg_catalog.
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
