/*
 * source_state.c
 *		Looking up the catalog rows of all tables that a source's query reads.
 */
#include "changes/source_state.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "changes/trigger_kind.h"
#include "storage/lmgr.h"
#include "study/distributed.h"
#include "study/own_table.h"
#include "study/study.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/*
 * Note whether a relation was altered since the snapshot.  ALTER TABLE may have
 * rewritten it, as SET UNLOGGED does, with rows that the snapshot does not see.
 */
static void
inspect_age(SourceState *state, Oid oid)
{
	HeapTuple	row = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));

	if (!HeapTupleIsValid(row))
		elog(ERROR, "cache lookup failed for relation %u", oid);
	CatalogStateNoteAge(&state->catalogs, row);
	ReleaseSysCache(row);
}

/* A scan of the rows of a catalog that have a relation's OID in a column. */
static SysScanDesc
scan_catalog(Relation catalog, Oid index, AttrNumber column, Oid relation)
{
	ScanKeyData key;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
	return systable_beginscan(catalog, index, true, NULL, 1, &key);
}

/*
 * Look at what a relation is a partition or child of.  Its triggers ask whether
 * it is part of the source when they fire.  That cannot change while somebody
 * writes to it, as attaching a partition locks all that is below it, and making
 * a child locks the child; but not the child's own children, which are part of
 * the source by way of it alone.
 */
static void
inspect_parents(SourceState *state, const Study *study, Relation relation)
{
	Oid			oid = RelationGetRelid(relation);
	Relation	catalog = table_open(InheritsRelationId, AccessShareLock);
	SysScanDesc scan = scan_catalog(catalog, InheritsRelidSeqnoIndexId, Anum_pg_inherits_inhrelid,
									oid);
	bool		is_near = relation->rd_rel->relispartition || oid == study->source;
	HeapTuple	row;

	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		is_near |= ((Form_pg_inherits) GETSTRUCT(row))->inhparent == study->source;
		CatalogStateAddRow(&state->catalogs, row);
	}
	if (!is_near)
		CatalogStateNoteUntracked(&state->catalogs, UNTRACKED_GRANDCHILD, oid);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/*
 * Look at the columns of a relation.  Their rows change when one is renamed or
 * has another type, and also when the relation becomes the child of another
 * one, perhaps for a while only.
 */
static void
inspect_columns(SourceState *state, Oid oid)
{
	Relation	catalog = table_open(AttributeRelationId, AccessShareLock);
	SysScanDesc scan = scan_catalog(catalog, AttributeRelidNumIndexId, Anum_pg_attribute_attrelid,
									oid);
	HeapTuple	row;

	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		if (((Form_pg_attribute) GETSTRUCT(row))->attnum > 0)
			CatalogStateAddRow(&state->catalogs, row);
		/* Its values are made when they are read. */
		if (ColumnIsVirtual((Form_pg_attribute) GETSTRUCT(row)))
			CatalogStateNoteUntracked(&state->catalogs, UNTRACKED_VIRTUAL, oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/* Look at one of the relations that the plan reads, and which it has locked. */
static void
inspect_relation(SourceState *state, const Study *study, TriggerFunctions *functions, Oid oid)
{
	Relation	relation = relation_open(oid, NoLock);
	char		kind = relation->rd_rel->relkind;

	state->written |= CheckRelationLockedByMe(relation, RowExclusiveLock, true);
	CatalogStateAdd(&state->catalogs, &oid, sizeof(oid));
	CatalogStateAdd(&state->catalogs, &relation->rd_rel->relfilenode,
					sizeof(relation->rd_rel->relfilenode));
	inspect_age(state, oid);
	inspect_columns(state, oid);

	/* A view has no triggers: its owner calls cell_invalidate(). */
	if (StudyHasTriggers(study))
	{
		inspect_parents(state, study, relation);
		if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
			CatalogStateNoteUntracked(&state->catalogs, UNTRACKED_FOREIGN, oid);
		else if (IsDistributed(oid))
			CatalogStateNoteUntracked(&state->catalogs, UNTRACKED_DISTRIBUTED, oid);
		else if (!TriggersComplete(relation, study, functions, &state->catalogs))
			CatalogStateNoteUntracked(&state->catalogs, UNTRACKED_TRIGGERS, oid);
	}
	relation_close(relation, NoLock);
}

/* A record of changes that is truncated, or rewritten, vouches for nothing. */
static void
inspect_changes(SourceState *state, const Study *study)
{
	Relation	changes = table_open(OwnRelation(study->schema, "cell_change"), AccessShareLock);

	CatalogStateAdd(&state->catalogs, &changes->rd_rel->relfilenode,
					sizeof(changes->rd_rel->relfilenode));
	table_close(changes, NoLock);
}

SourceState
SourceInspect(Source *source, SnapshotChoice choice)
{
	SourceState state = {.catalogs.untracked = TRACKED};
	TriggerFunctions functions;
	ListCell   *cell;

	SourceCheck(source, choice);
	state.restricted = source->restricted;
	functions = TriggerFunctionsOf(source->study);
	foreach(cell, source->relations)
		inspect_relation(&state, source->study, &functions, lfirst_oid(cell));
	inspect_changes(&state, source->study);
	return state;
}
