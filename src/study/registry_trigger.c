/*
 * registry_trigger.c
 *		The trigger cell_check_store, which checks the rows that the owner of the
 *		extension inserts into cell_study without cell_register_study().
 */
#include "study/registry.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "study/own_table.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Say that a column was changed: store or, otherwise, payloads. */
static void
warn_not_owner(Oid source, bool store)
{
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 store ?
			 errmsg("payloads of \"%s\" will not be stored", get_rel_name(source)) :
			 errmsg("payloads of \"%s\" will not be taken from another relation",
					get_rel_name(source)),
			 errdetail("The role that inserts the study into the table cell_study does not own its "
					   "source."),
			 errhint("The owner of the source can drop the study and register it again.")));
}

/*
 * cell_check_store() -> trigger
 *
 * BEFORE INSERT on cell_study, for each row.  The owner of the extension can
 * insert rows, for example by pg_restore.  As in cell_register_study(),
 * payloads are stored only if the inserting role owns the source, because only
 * the owner can vouch that all readers of the source see the same rows.  For
 * another role, the trigger sets the column store to false and raises a
 * WARNING.  As in cell_set_payloads(), only the owner sets a relation of payloads;
 * for another role, the trigger sets the column payloads to null, likewise.
 *
 * Errors: 39P01 if the function is not called as such a trigger.
 */
PG_FUNCTION_INFO_V1(cell_check_store);
Datum
cell_check_store(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	columns;
	HeapTuple	row;
	Oid			source;
	bool		isnull;
	int			changed = 0;
	int			numbers[2];
	Datum		values[2] = {0};
	bool		nulls[2];

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ||
		RelationGetRelid(trigger->tg_relation) != OwnRelation(OwnSchema(fcinfo), "cell_study"))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"cell_check_store\" must be called as a trigger of the table "
						"cell_study before an insertion, for each row")));

	columns = RelationGetDescr(trigger->tg_relation);
	row = trigger->tg_trigtuple;
	source = DatumGetObjectId(heap_getattr(row, STUDY_SOURCE, columns, &isnull));
	if (isnull || get_rel_relkind(source) == '\0' || OwnsRelation(source, GetUserId()))
		return PointerGetDatum(row);
	if (DatumGetBool(heap_getattr(row, STUDY_STORE, columns, &isnull)) && !isnull)
	{
		warn_not_owner(source, true);
		numbers[changed] = STUDY_STORE;
		values[changed] = BoolGetDatum(false);
		nulls[changed++] = false;
	}
	if (RegistryHasPayloads(columns) && !heap_attisnull(row, STUDY_PAYLOADS, columns))
	{
		warn_not_owner(source, false);
		numbers[changed] = STUDY_PAYLOADS;
		nulls[changed++] = true;
	}
	if (changed > 0)
		row = heap_modify_tuple_by_cols(row, columns, changed, numbers, values, nulls);
	return PointerGetDatum(row);
}
