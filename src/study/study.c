/*
 * study.c
 *		Looking up a study's source and its columns, and checking the privileges
 *		of the caller on them.
 *
 * The registry stores only the names of the columns.  Each use looks them up
 * again, so that a renamed column or a changed type is found.
 */
#include "study/study.h"

#include "access/htup_details.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

Study *
StudyNamed(Oid schema, const char *name, Snapshot snapshot)
{
	Study	   *study = RegistryGet(schema, name, snapshot);

	StudyLockSource(study);
	StudyResolve(study);
	return study;
}

void
RaiseRelationDropped(const Study *study, Oid relation)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 relation == study->source ?
			 errmsg("source of study \"%s\" does not exist", study->name) :
			 errmsg("relation of payloads of study \"%s\" does not exist", study->name),
			 errdetail("The relation with OID %u was dropped.", relation),
			 relation == study->source ?
			 errhint("Drop the study with cell_drop_study() and register it with its new "
					 "source.") :
			 errhint("Set another one, or none, with cell_set_payloads().")));
}

/* Whether the caller has SELECT on a column of the source. */
static bool
may_read(const Study *study, const SourceColumn *column)
{
	AttrNumber	number = get_attnum(study->source, column->name);

	return number != InvalidAttrNumber &&
		pg_attribute_aclcheck(study->source, number, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

bool
StudyMayReadIntensities(const Study *study)
{
	return study->intensities.name != NULL &&
		get_attnum(study->source, study->intensities.name) != InvalidAttrNumber &&
		(pg_class_aclcheck(study->source, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		 may_read(study, &study->intensities));
}

void
StudyCheckReadable(const Study *study)
{
	bool		readable;

	if (pg_class_aclcheck(study->source, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return;
	readable = may_read(study, &study->sample) && may_read(study, &study->cell_id) &&
		may_read(study, &study->x) && may_read(study, &study->y) &&
		(study->phenotypes.name == NULL || may_read(study, &study->phenotypes));
	for (int i = 0; readable && i < study->feature_columns; i++)
		readable = may_read(study, &study->feature[i]);
	if (!readable)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(study->source_kind),
					   get_rel_name(study->source));
}

/* Lock a relation of a study, if the caller can read a column of it. */
static void
lock_relation(const Study *study, Oid relation)
{
	char		kind = get_rel_relkind(relation);

	if (kind == '\0')
		RaiseRelationDropped(study, relation);
	if (pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relation, GetUserId(), ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(kind), get_rel_name(relation));
	LockRelationOid(relation, AccessShareLock);
}

void
StudyLockSource(Study *study)
{
	lock_relation(study, study->source);
}

/*
 * The types that a column can have: a test, and the words that the error uses
 * for the column's role and for the types.
 */
typedef struct ColumnRule
{
	const char *role;
	const char *types;
	bool		(*fits) (Oid type);
} ColumnRule;

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

static bool
is_coordinate(Oid type)
{
	return is_integer(type) || type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
}

static bool
is_sample(Oid type)
{
	return is_integer(type) || type == TEXTOID || type == VARCHAROID || type == UUIDOID;
}

static bool
is_phenotypes(Oid type)
{
	return type == INT8OID;
}

static bool
is_feature(Oid type)
{
	return type == BOOLOID || is_integer(type);
}

static bool
is_intensities(Oid type)
{
	return type == FLOAT4ARRAYOID || type == FLOAT8ARRAYOID;
}

static const ColumnRule sample_rule =
	{"a sample", "text, character varying, smallint, integer, bigint or uuid", is_sample};
static const ColumnRule cell_id_rule = {"a cell_id", "smallint, integer or bigint", is_integer};
static const ColumnRule coordinate_rule =
	{"a coordinate", "smallint, integer, bigint, real, double precision or numeric", is_coordinate};
static const ColumnRule phenotypes_rule = {"a phenotypes", "bigint", is_phenotypes};
static const ColumnRule feature_rule =
	{"a feature", "boolean, or smallint, integer or bigint with the values 0 and 1", is_feature};
static const ColumnRule intensities_rule = {"an intensities", "real[] or double precision[]",
											is_intensities};

/* Look up a column by its name, and set its type. */
static void
resolve_column(const Study *study, SourceColumn *column, const ColumnRule *rule)
{
	HeapTuple	tuple = SearchSysCacheAttName(study->source, column->name);
	Form_pg_attribute form;

	if (!HeapTupleIsValid(tuple) || ((Form_pg_attribute) GETSTRUCT(tuple))->attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of source \"%s\" of study \"%s\" does not exist",
						column->name, get_rel_name(study->source), study->name),
				 study->id == 0 ?
				 errhint("The arguments of cell_register_study() name the columns.") :
				 errhint("The column may have been renamed or dropped.  Drop the study with "
						 "cell_drop_study() and register it again.")));
	form = (Form_pg_attribute) GETSTRUCT(tuple);
	column->type = getBaseType(form->atttypid);
	if (!rule->fits(column->type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of source \"%s\" of study \"%s\" is of type %s",
						column->name, get_rel_name(study->source), study->name,
						format_type_be(form->atttypid)),
				 errdetail("The type of %s column must be %s.", rule->role, rule->types),
				 errhint("Register a view that converts the column.")));

	/* The triggers and the store compare samples by their bytes. */
	if (rule == &sample_rule && OidIsValid(form->attcollation) &&
		!get_collation_isdeterministic(form->attcollation))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" of source \"%s\" of study \"%s\" has a nondeterministic "
						"collation",
						column->name, get_rel_name(study->source), study->name),
				 errdetail("Samples are compared by their bytes.")));
	ReleaseSysCache(tuple);
}

/* Return the kind of a relation, which must be one from which rows can be read. */
static char
readable_kind(const Study *study, Oid relation)
{
	char		kind = get_rel_relkind(relation);

	switch (kind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			return kind;
		case '\0':
			RaiseRelationDropped(study, relation);
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 relation == study->source ?
					 errmsg("\"%s\" cannot be the source of a study", get_rel_name(relation)) :
					 errmsg("\"%s\" cannot hold the payloads of a study",
							get_rel_name(relation)),
					 errdetail("Only a table, a partitioned table, a view, a materialized view or "
							   "a foreign table can.")));
	}
}

void
StudyResolvePayloads(const Study *study)
{
	static const struct
	{
		const char *name;
		Oid			type;
	}			columns[] = {
		{"sample", TEXTOID}, {"layout", TEXTOID}, {"coding", TEXTOID}, {"cells", INT8OID},
		{"bytes", INT8OID}, {"etag", TEXTOID}, {"payload", BYTEAOID}
	};

	lock_relation(study, study->payloads);
	(void) readable_kind(study, study->payloads);
	for (size_t i = 0; i < lengthof(columns); i++)
	{
		AttrNumber	number = get_attnum(study->payloads, columns[i].name);
		Oid			type;
		int32		modifier;
		Oid			collation;

		if (number == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("relation of payloads \"%s\" has no column \"%s\"",
							get_rel_name(study->payloads), columns[i].name),
					 errhint("Use a view that cell_create_payload_view() creates, or a foreign "
							 "table for one.")));
		get_atttypetypmodcoll(study->payloads, number, &type, &modifier, &collation);
		if (type != columns[i].type)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of relation of payloads \"%s\" is of type %s",
							columns[i].name, get_rel_name(study->payloads),
							format_type_be(type)),
					 errdetail("The type must be %s.", format_type_be(columns[i].type))));
		if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" of relation of payloads \"%s\" has a "
							"nondeterministic collation",
							columns[i].name, get_rel_name(study->payloads)),
					 errdetail("Names are compared by their bytes.")));
	}
}

void
StudyResolve(Study *study)
{
	if (study->fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("study \"%s\" is not registered correctly", study->name),
				 errdetail_internal("%s", study->fault),
				 errhint("Drop the study with cell_drop_study() and register it again.")));
	study->source_kind = readable_kind(study, study->source);

	resolve_column(study, &study->sample, &sample_rule);
	resolve_column(study, &study->cell_id, &cell_id_rule);
	resolve_column(study, &study->x, &coordinate_rule);
	resolve_column(study, &study->y, &coordinate_rule);
	if (study->phenotypes.name != NULL)
		resolve_column(study, &study->phenotypes, &phenotypes_rule);
	for (int i = 0; i < study->feature_columns; i++)
		resolve_column(study, &study->feature[i], &feature_rule);
}

void
StudyResolveIntensities(Study *study)
{
	if (study->intensities.name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("study \"%s\" has no intensities", study->name),
				 errhint("Drop the study with cell_drop_study() and register it again with the "
						 "argument \"intensities\", which names the column of the intensities.")));
	resolve_column(study, &study->intensities, &intensities_rule);
}

void
StudyCheckOwner(const Study *study)
{
	Oid			role = GetUserId();
	Oid			extension = get_extension_oid("cell_binary", false);
	char	   *registrar;
	bool		registrar_exists = SearchSysCacheExists1(AUTHOID,
														 ObjectIdGetDatum(study->registered_by));

	if ((registrar_exists && has_privs_of_role(role, study->registered_by)) ||
		(get_rel_relkind(study->source) != '\0' && OwnsRelation(study->source, role)) ||
		OwnsExtension(extension, role))
		return;
	registrar = GetUserNameFromId(study->registered_by, true);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for study \"%s\"", study->name),
			 registrar != NULL ? errdetail("It was registered by \"%s\".", registrar) :
			 errdetail("It was registered by a role that was dropped."),
			 errhint("Only the role that registered the study, the owner of its source, or the "
					 "owner of the extension can do this.")));
}
