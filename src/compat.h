/*
 * compat.h
 *		Every difference between the supported PostgreSQL versions, 15 to 19.
 */
#ifndef CELL_BINARY_COMPAT_H
#define CELL_BINARY_COMPAT_H

#include "postgres.h"

/*
 * -fvisibility=hidden hides every symbol except those that PostgreSQL looks up
 * by name.  PostgreSQL 16 marks these itself.  In 15, PGDLLEXPORT is empty on
 * Unix, and PG_FUNCTION_INFO_V1 declares functions without it.
 */
#if PG_VERSION_NUM < 160000 && !defined(WIN32)
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

#include "fmgr.h"

#if PG_VERSION_NUM < 160000
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(function) \
extern PGDLLEXPORT Datum function(PG_FUNCTION_ARGS); \
extern PGDLLEXPORT const Pg_finfo_record *CppConcat(pg_finfo_, function)(void); \
const Pg_finfo_record * \
CppConcat(pg_finfo_, function) (void) \
{ \
	static const Pg_finfo_record record = {1}; \
	return &record; \
} \
extern int	no_such_variable
#endif
#include "lib/stringinfo.h"
#include "utils/guc_tables.h"

#if PG_VERSION_NUM < 150000
#error "cell_binary needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#else
#include "nodes/execnodes.h"
#include "utils/memutils.h"
#endif

/*
 * Make the executor take an aggregate's result without copying it.  The result
 * is in the aggregate's memory context and lives there until the group ends.
 * 16 and later never copy it. 15 copies a result that is not in the current
 * memory context when the function returns; therefore switch to the result's
 * context.  The executor switches back to its own context right after the
 * call.
 */
static inline void
HandOverAggregateResult(FunctionCallInfo fcinfo pg_attribute_unused(),
						void *result pg_attribute_unused())
{
#if PG_VERSION_NUM < 160000
	if (fcinfo->context != NULL && IsA(fcinfo->context, AggState))
		MemoryContextSwitchTo(GetMemoryChunkContext(result));
#endif
}

/*
 * 16 replaced the boolean by an enum that says which indexes need an update.
 */
#if PG_VERSION_NUM < 160000
typedef bool TU_UpdateIndexes;
#endif

/* 16 moved the permissions that a plan needs into a list of their own. */
#if PG_VERSION_NUM >= 160000
#define CheckPlanPermissions(plan) \
	((void) ExecCheckPermissions((plan)->rtable, (plan)->permInfos, true))
#define PlanCheckAsUser(plan, entry) \
	((entry)->perminfoindex != 0 ? \
	 getRTEPermissionInfo((plan)->permInfos, entry)->checkAsUser : InvalidOid)
#else
#define CheckPlanPermissions(plan) \
	((void) ExecCheckRTPerms((plan)->rtable, true))
#define PlanCheckAsUser(plan, entry) ((entry)->checkAsUser)
#endif

/*
 * 16 has one function for privileges on, and ownership of, all kinds of
 * objects.
 */
#if PG_VERSION_NUM >= 160000
#define MayExecute(function, role) \
	(object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == ACLCHECK_OK)
#define OwnsRelation(relation, role) \
	object_ownercheck(RelationRelationId, relation, role)
#define OwnsExtension(extension, role) \
	object_ownercheck(ExtensionRelationId, extension, role)
#else
#define MayExecute(function, role) \
	(pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK)
#define OwnsRelation(relation, role) pg_class_ownercheck(relation, role)
#define OwnsExtension(extension, role) pg_extension_ownercheck(extension, role)
#endif

/* Return a setting by name, or NULL. 16 has a function for this. */
static inline struct config_generic *
FindSetting(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, 0);
#else
	for (int i = 0; i < GetNumConfigOptions(); i++)
		if (pg_strcasecmp(get_guc_variables()[i]->name, name) == 0)
			return get_guc_variables()[i];
	return NULL;
#endif
}

/* 17 lets a StringInfo read bytes that it does not own. */
#if PG_VERSION_NUM < 170000
static inline void
initReadOnlyStringInfo(StringInfo str, char *data, int len)
{
	str->data = data;
	str->len = len;
	str->maxlen = 0;
	str->cursor = 0;
}
#endif

/*
 * Update or delete a row, unless another transaction is changing it. 19 added
 * options, none of which is needed here.
 */
#if PG_VERSION_NUM >= 190000
#define UpdateTupleIfFree(table, tid, slot, failure, lockmode, update_indexes) \
	table_tuple_update(table, tid, slot, GetCurrentCommandId(true), 0, InvalidSnapshot, \
					   InvalidSnapshot, false, failure, lockmode, update_indexes)
#define DeleteTupleIfFree(table, tid, failure) \
	table_tuple_delete(table, tid, GetCurrentCommandId(true), 0, GetActiveSnapshot(), \
					   InvalidSnapshot, false, failure)
#else
#define UpdateTupleIfFree(table, tid, slot, failure, lockmode, update_indexes) \
	table_tuple_update(table, tid, slot, GetCurrentCommandId(true), InvalidSnapshot, \
					   InvalidSnapshot, false, failure, lockmode, update_indexes)
#define DeleteTupleIfFree(table, tid, failure) \
	table_tuple_delete(table, tid, GetCurrentCommandId(true), GetActiveSnapshot(), \
					   InvalidSnapshot, false, failure, false)
#endif

/* 18 added generated columns whose values are computed on read. */
#if PG_VERSION_NUM >= 180000
#define ColumnIsVirtual(column) \
	((column)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define ColumnIsVirtual(column) false
#endif

/* 18 moved the functions that format the output of EXPLAIN. */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#endif

/* 18 replaces pg_attribute_noreturn(). */
#if PG_VERSION_NUM < 180000
#define pg_noreturn _Noreturn
#endif

/* 18 shows a module's name and version in pg_get_loaded_modules(). */
#if PG_VERSION_NUM >= 180000
#define CELL_BINARY_MODULE \
	PG_MODULE_MAGIC_EXT(.name = "cell_binary", .version = CELL_BINARY_VERSION)
#else
#define CELL_BINARY_MODULE PG_MODULE_MAGIC
#endif

/* 16 renamed the function that returns the status of a backend. */
#if PG_VERSION_NUM < 160000
#define BackendStatusAt(number) pgstat_fetch_stat_local_beentry(number)
#else
#define BackendStatusAt(number) pgstat_get_local_beentry_by_index(number)
#endif

#endif							/* CELL_BINARY_COMPAT_H */
