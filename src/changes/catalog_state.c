/*
 * catalog_state.c
 *		The hash of catalog rows.  source_state.c and trigger_kind.c choose the
 *		rows.
 */
#include "changes/catalog_state.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

const char *
UntrackedDetail(Untracked untracked, Oid table)
{
	const char *name = get_rel_name(table);

	switch (untracked)
	{
		case TRACKED:
			break;
		case UNTRACKED_TRIGGERS:
			return psprintf("Table \"%s\" lacks the triggers that record changes.", name);
		case UNTRACKED_FOREIGN:
			return psprintf("Table \"%s\" is a foreign table, and changes made by other servers "
							"are not recorded.", name);
		case UNTRACKED_DISTRIBUTED:
			return psprintf("Table \"%s\" is distributed by Citus, and changes of its shards are "
							"not recorded.", name);
		case UNTRACKED_VIRTUAL:
			return psprintf("Table \"%s\" has a virtual generated column.", name);
		case UNTRACKED_GRANDCHILD:
			return psprintf("Table \"%s\" is the child of a child of the source.", name);
	}
	return NULL;
}

void
CatalogStateAdd(CatalogState *state, const void *bytes, Size size)
{
	state->hash = (int64) hash_combine64((uint64) state->hash,
										 DatumGetUInt64(hash_any_extended(bytes, size, 0)));
}

/* Set state->newer if a row of a catalog is newer than the active snapshot. */
static void
note_age(CatalogState *state, HeapTuple row)
{
	TransactionId made_by = HeapTupleHeaderGetRawXmin(row->t_data);

	if (!HeapTupleHeaderXminFrozen(row->t_data) &&
		!TransactionIdIsCurrentTransactionId(made_by) &&
		XidInMVCCSnapshot(made_by, GetActiveSnapshot()))
		state->newer = true;
}

void
CatalogStateAddRelation(CatalogState *state, Relation relation)
{
	Oid			oid = RelationGetRelid(relation);
	HeapTuple	row = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));

	if (!HeapTupleIsValid(row))
		elog(ERROR, "cache lookup failed for relation %u", oid);
	CatalogStateAdd(state, &oid, sizeof(oid));
	CatalogStateAdd(state, &relation->rd_rel->relfilenode, sizeof(relation->rd_rel->relfilenode));
	note_age(state, row);
	ReleaseSysCache(row);
}

void
CatalogStateAddRow(CatalogState *state, HeapTuple row)
{
	TransactionId made_by = HeapTupleHeaderGetRawXmin(row->t_data);

	CatalogStateAdd(state, &made_by, sizeof(made_by));
	note_age(state, row);
}

void
CatalogStateNoteUntracked(CatalogState *state, Untracked untracked, Oid table)
{
	if (state->untracked != TRACKED)
		return;
	state->untracked = untracked;
	state->untracked_table = table;
}
