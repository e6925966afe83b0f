/*
 * source_state.c
 *		Inspecting the catalog rows of all tables that a source's query reads.
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

/* Scan the rows of a catalog that have a relation's OID in an indexed column. */
static SysScanDesc
scan_catalog(Relation catalog, Oid index, AttrNumber column, Oid relation)
{
	ScanKeyData key;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
	return systable_beginscan(catalog, index, true, NULL, 1, &key);
}

/*
 * Inspect the parents of a relation.
 *
 * A trigger checks when it fires whether its table is part of the source.  The
 * answer must not change between the write and the commit of a writer.  It
 * cannot for a partition, because attaching a partition locks everything below
 * it, nor for a direct child, because making it a child locks it.  It can for
 * a child of a child, because attaching its parent to the source locks only
 * the parent.  Such a table is untracked.
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
 * Inspect the columns of a relation.  Their rows in pg_attribute change when a
 * column is renamed or gets another type, and also when the relation becomes a
 * child of another one, even if only for a while.
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
		/* The values of a virtual column can change without a change of a row. */
		if (ColumnIsVirtual((Form_pg_attribute) GETSTRUCT(row)))
			CatalogStateNoteUntracked(&state->catalogs, UNTRACKED_VIRTUAL, oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/* Inspect a relation that the plan reads; planning has locked it. */
static void
inspect_relation(SourceState *state, const Study *study, TriggerFunctions *functions, Oid oid)
{
	Relation	relation = relation_open(oid, NoLock);
	char		kind = relation->rd_rel->relkind;

	state->written |= CheckRelationLockedByMe(relation, RowExclusiveLock, true);
	CatalogStateAddRelation(&state->catalogs, relation);
	inspect_columns(state, oid);

	/* A view has no triggers; its owner calls cell_invalidate() instead. */
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

/*
 * Add the file of cell_change.  If that table was truncated, changes are
 * missing from the record, so payloads from before must not be served.
 */
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

	SourceCheckKept(source, choice);
	state.restricted = source->restricted;
	functions = TriggerFunctionsOf(source->study);
	/* Citus can replace the source by its shard, which the triggers of no study track. */
	if (StudyHasTriggers(source->study) && IsDistributed(source->study->source))
		CatalogStateNoteUntracked(&state.catalogs, UNTRACKED_DISTRIBUTED, source->study->source);
	foreach(cell, source->relations)
		inspect_relation(&state, source->study, &functions, lfirst_oid(cell));
	inspect_changes(&state, source->study);
	return state;
}
