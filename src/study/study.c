/*
 * study.c
 *		A registered study: the relation that its cells are in, and the columns.
 *
 * The registry has names only.  They are looked up at each use, so that a
 * column that was renamed, or changed its type, is noticed.
 */
#include "study/study.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "study/distributed.h"
#include "miscadmin.h"
#include "study/own_table.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "study/study_errors.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* A row of the registry, while a study is made of it. */
typedef struct RegistryRow
{
	Study	   *study;
	HeapTuple	tuple;
	TupleDesc	columns;
} RegistryRow;

/* Note what is wrong with a row. */
static void
note_fault(RegistryRow *row, const char *fault)
{
	if (row->study->fault == NULL)
		row->study->fault = fault;
}

static const char *
column_name(const RegistryRow *row, int column)
{
	return NameStr(TupleDescAttr(row->columns, column - 1)->attname);
}

/* A value in a row of the registry; false if it is null. */
static bool
registry_value(const RegistryRow *row, int column, Datum *value)
{
	bool		isnull;

	*value = heap_getattr(row->tuple, column, row->columns, &isnull);
	return !isnull;
}

/* One that must not be null; 0 if it is. */
static Datum
required_value(RegistryRow *row, int column)
{
	Datum		value;

	if (registry_value(row, column, &value))
		return value;
	note_fault(row, psprintf("Column \"%s\" is null.", column_name(row, column)));
	return (Datum) 0;
}

/* A name, NULL if it is null. */
static const char *
optional_name(const RegistryRow *row, int column)
{
	Datum		value;

	return registry_value(row, column, &value) ? pstrdup(NameStr(*DatumGetName(value))) : NULL;
}

/* A name that must not be null; empty if it is. */
static const char *
required_name(RegistryRow *row, int column)
{
	Datum		value = required_value(row, column);

	return value == (Datum) 0 ? "" : pstrdup(NameStr(*DatumGetName(value)));
}

int
ArrayStrings(ArrayType *array, const char ***strings)
{
	Oid			type = ARR_ELEMTYPE(array);
	Datum	   *elements;
	bool	   *isnull;
	int			count;

	if (type == NAMEOID)
		deconstruct_array(array, type, NAMEDATALEN, false, TYPALIGN_CHAR, &elements, &isnull, &count);
	else
		deconstruct_array(array, type, -1, false, TYPALIGN_INT, &elements, &isnull, &count);

	*strings = palloc0(Max(count, 1) * sizeof(char *));
	for (int i = 0; i < count; i++)
		if (!isnull[i])
			(*strings)[i] = type == NAMEOID ? pstrdup(NameStr(*DatumGetName(elements[i]))) : TextDatumGetCString(elements[i]);
	return count;
}

const char *
RepeatedString(int count, const char **strings)
{
	for (int i = 0; i < count; i++)
		for (int j = 0; j < i; j++)
			if (strcmp(strings[i], strings[j]) == 0)
				return strings[i];
	return NULL;
}

/* What is wrong with a list of features, or NULL. */
static const char *
list_fault(ArrayType *list, const char *column)
{
	int			count = ArrayGetNItems(ARR_NDIM(list), ARR_DIMS(list));

	if (ARR_NDIM(list) > 1)
		return psprintf("Column \"%s\" has %d dimensions.", column, ARR_NDIM(list));
	if (count > MAX_FEATURES)
		return psprintf("Column \"%s\" has %d elements, more than %d.", column, count, MAX_FEATURES);
	if (array_contains_nulls(list))
		return psprintf("Column \"%s\" has a null element.", column);
	return NULL;
}

/* A list of features as strings; the count is returned, 0 if it has a fault. */
static int
registry_list(RegistryRow *row, int column, const char ***strings)
{
	const char *fault;
	const char *repeated;
	Datum		value;
	int			count;

	*strings = NULL;
	if (!registry_value(row, column, &value))
		return 0;
	fault = list_fault(DatumGetArrayTypeP(value), column_name(row, column));
	if (fault != NULL)
	{
		note_fault(row, fault);
		return 0;
	}
	count = ArrayStrings(DatumGetArrayTypeP(value), strings);
	repeated = RepeatedString(count, *strings);
	if (repeated != NULL)
		note_fault(row, psprintf("Column \"%s\" has \"%s\" twice.", column_name(row, column), repeated));
	return count;
}

/* A copy of the row that a unique index has for a key, NULL if there is none. */
static HeapTuple
registry_row(Relation registry, Oid schema, const char *index, ScanKey key, Snapshot snapshot)
{
	SysScanDesc scan = systable_beginscan(registry, OwnRelation(schema, index), true, snapshot, 1, key);
	HeapTuple	tuple = systable_getnext(scan);

	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	return tuple;
}

/* The row of a study's id, as of now. */
static HeapTuple
registry_row_of_id(Relation registry, Oid schema, int32 id)
{
	ScanKeyData key;

	ScanKeyInit(&key, STUDY_ID, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
	return registry_row(registry, schema, "cell_study_pkey", &key, NULL);
}

/* The features of a study: a column with the mask, or one for each, and names. */
static void
read_features(RegistryRow *row)
{
	Study	   *study = row->study;
	const char **columns;

	study->phenotypes.name = optional_name(row, STUDY_PHENOTYPES);
	study->feature_columns = registry_list(row, STUDY_FEATURE_COLUMNS, &columns);
	(void) required_value(row, STUDY_FEATURES);
	study->features = registry_list(row, STUDY_FEATURES, &study->feature_names);
	study->intensities.name = optional_name(row, STUDY_INTENSITIES);
	study->feature = palloc0(Max(study->feature_columns, 1) * sizeof(SourceColumn));
	for (int i = 0; i < study->feature_columns; i++)
		study->feature[i].name = columns[i];

	if ((study->phenotypes.name != NULL) == (study->feature_columns > 0))
		note_fault(row, "Features must be in one column with a mask, or in a column each.");
	if (study->feature_columns > 0 && study->features != study->feature_columns)
		note_fault(row, psprintf("There are %d names for %d feature columns.", study->features, study->feature_columns));
	if (study->intensities.name != NULL && study->features == 0)
		note_fault(row, "A study without features has no intensities.");
}

Study *
StudyRead(Oid schema, const char *name, Snapshot snapshot)
{
	Relation	registry = table_open(OwnRelation(schema, "cell_study"), AccessShareLock);
	RegistryRow row = {.columns = RelationGetDescr(registry)};
	ScanKeyData key;

	ScanKeyInit(&key, STUDY_NAME, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(name));
	row.tuple = registry_row(registry, schema, "cell_study_name", &key, snapshot);
	if (HeapTupleIsValid(row.tuple))
	{
		Study	   *study = palloc0(sizeof(*study));

		row.study = study;
		study->schema = schema;
		study->name = pstrdup(name);
		study->id = DatumGetInt32(required_value(&row, STUDY_ID));
		study->source = DatumGetObjectId(required_value(&row, STUDY_SOURCE));
		study->store = DatumGetBool(required_value(&row, STUDY_STORE));
		study->registered_by = DatumGetObjectId(required_value(&row, STUDY_REGISTERED_BY));
		study->sample.name = required_name(&row, STUDY_SAMPLE);
		study->cell_id.name = required_name(&row, STUDY_CELL_ID);
		study->x.name = required_name(&row, STUDY_X);
		study->y.name = required_name(&row, STUDY_Y);
		read_features(&row);
	}
	table_close(registry, AccessShareLock);
	return row.study;
}

Oid
StudySource(Oid schema, int32 id, char **sample_column)
{
	Relation	registry = table_open(OwnRelation(schema, "cell_study"), AccessShareLock);
	RegistryRow row = {.tuple = registry_row_of_id(registry, schema, id), .columns = RelationGetDescr(registry)};
	Oid			source = InvalidOid;
	Datum		value;

	/* A writer has no part in a row that is not valid, nor may it stop him. */
	if (HeapTupleIsValid(row.tuple) && registry_value(&row, STUDY_SOURCE, &value))
	{
		source = DatumGetObjectId(value);
		*sample_column = (char *) optional_name(&row, STUDY_SAMPLE);
		if (*sample_column == NULL)
			source = InvalidOid;
	}
	table_close(registry, AccessShareLock);
	return source;
}

void
StudyDelete(const Study *study)
{
	Relation	registry = table_open(OwnRelation(study->schema, "cell_study"), RowExclusiveLock);
	HeapTuple	tuple = registry_row_of_id(registry, study->schema, study->id);

	if (HeapTupleIsValid(tuple))
		CatalogTupleDelete(registry, &tuple->t_self);
	table_close(registry, NoLock);
}

Study *
StudyNamed(Oid schema, const char *name, Snapshot snapshot)
{
	Study	   *study = StudyRead(schema, name, snapshot);

	if (study == NULL)
		ReportUnknownStudy(name);
	StudyLockSource(study);
	StudyResolve(study);
	return study;
}

/* Of the space of advisory locks, like that of a payload. */
#define NAME_LOCK_KIND 0xCC

void
StudyLockName(Oid schema, const char *name)
{
	LOCKTAG		tag;
	uint64		hash = hash_combine64((uint64) SampleHash(name, strlen(name)), schema);

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, NAME_LOCK_KIND);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* Whether the caller may read a column of the source. */
static bool
may_read(const Study *study, const SourceColumn *column)
{
	AttrNumber	number = get_attnum(study->source, column->name);

	return number != InvalidAttrNumber &&
		pg_attribute_aclcheck(study->source, number, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
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
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(study->source_kind), get_rel_name(study->source));
}

void
StudyLockSource(Study *study)
{
	char		kind = get_rel_relkind(study->source);

	if (kind == '\0')
		ReportDroppedSource(study);
	if (pg_class_aclcheck(study->source, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(study->source, GetUserId(), ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(kind), get_rel_name(study->source));
	LockRelationOid(study->source, AccessShareLock);
}

/*
 * The types that a column may have, and a test; both and what the column has as
 * an error is to name them.
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
is_mask(Oid type)
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

static const ColumnRule sample_rule = {"a sample", "text, character varying, smallint, integer, bigint or uuid", is_sample};
static const ColumnRule cell_id_rule = {"a cell_id", "smallint, integer or bigint", is_integer};
static const ColumnRule coordinate_rule = {"a coordinate", "smallint, integer, bigint, real, double precision or numeric", is_coordinate};
static const ColumnRule mask_rule = {"a phenotypes", "bigint", is_mask};
static const ColumnRule feature_rule = {"a feature", "boolean, or smallint, integer or bigint with 0 and 1", is_feature};
static const ColumnRule intensities_rule = {"an intensities", "real[] or double precision[]", is_intensities};

/* Look up a column by its name. */
static void
resolve_column(const Study *study, SourceColumn *column, const ColumnRule *rule)
{
	HeapTuple	tuple = SearchSysCacheAttName(study->source, column->name);
	Form_pg_attribute form;

	if (!HeapTupleIsValid(tuple) || ((Form_pg_attribute) GETSTRUCT(tuple))->attnum <= 0)
		ReportMissingColumn(study, column->name);
	form = (Form_pg_attribute) GETSTRUCT(tuple);
	column->type = getBaseType(form->atttypid);
	if (!rule->fits(column->type))
		ReportColumnType(study, column->name, format_type_be(form->atttypid), rule->role, rule->types);

	/*
	 * Samples are told apart by their bytes, by the triggers and in the store.
	 */
	if (rule == &sample_rule && OidIsValid(form->attcollation) && !get_collation_isdeterministic(form->attcollation))
		ReportSampleCollation(study, column->name);
	ReleaseSysCache(tuple);
}

void
StudyResolve(Study *study)
{
	if (study->fault != NULL)
		ReportInvalidRegistryRow(study);
	study->source_kind = get_rel_relkind(study->source);
	switch (study->source_kind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			break;
		case '\0':
			ReportDroppedSource(study);
		default:
			ReportSourceKind(study);
	}

	resolve_column(study, &study->sample, &sample_rule);
	resolve_column(study, &study->cell_id, &cell_id_rule);
	resolve_column(study, &study->x, &coordinate_rule);
	resolve_column(study, &study->y, &coordinate_rule);
	if (study->phenotypes.name != NULL)
		resolve_column(study, &study->phenotypes, &mask_rule);
	for (int i = 0; i < study->feature_columns; i++)
		resolve_column(study, &study->feature[i], &feature_rule);
}

void
StudyResolveIntensities(Study *study)
{
	if (study->intensities.name == NULL)
		ReportNoIntensitiesColumn(study);
	resolve_column(study, &study->intensities, &intensities_rule);
}

bool
StudyHasTriggers(const Study *study)
{
	return study->source_kind == RELKIND_RELATION || study->source_kind == RELKIND_PARTITIONED_TABLE;
}

/* A column of the source with a cast to the type that cell_pack takes. */
static void
append_column(StringInfo query, const SourceColumn *column, const char *type)
{
	appendStringInfo(query, "t.%s::pg_catalog.%s", quote_identifier(column->name), type);
}

/* cell_pack(...) of the cells t, in the layout of the parameter $layout */
static void
append_cell_pack(StringInfo query, const Study *study, int layout)
{
	const char *schema = quote_identifier(get_namespace_name(study->schema));
	bool		integers = (study->x.type == INT2OID || study->x.type == INT4OID) &&
		(study->y.type == INT2OID || study->y.type == INT4OID);

	appendStringInfo(query, "%s.cell_pack(", schema);
	append_column(query, &study->cell_id, "int8");
	appendStringInfoString(query, ", ");
	append_column(query, &study->x, integers ? "int4" : "float8");
	appendStringInfoString(query, ", ");
	append_column(query, &study->y, integers ? "int4" : "float8");
	appendStringInfoString(query, ", ");
	if (study->phenotypes.name != NULL)
		append_column(query, &study->phenotypes, "int8");
	else
	{
		/* VARIADIC and the type leave no choice of another function. */
		appendStringInfo(query, "%s.cell_phenotypes(VARIADIC ARRAY[", schema);
		for (int i = 0; i < study->feature_columns; i++)
		{
			bool		is_boolean = study->feature[i].type == BOOLOID;

			appendStringInfo(query, i > 0 ? ", " : "");
			if (!is_boolean)
				appendStringInfo(query, "%s.cell_positive(", schema);
			append_column(query, &study->feature[i], is_boolean ? "bool" : "int8");
			if (!is_boolean)
				appendStringInfoChar(query, ')');
		}
		appendStringInfoString(query, "]::pg_catalog._bool)");
	}
	appendStringInfo(query, ", $%d)", layout);
}

static void
append_source(StringInfo query, const Study *study)
{
	appendStringInfo(query, " FROM %s AS t WHERE ",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(study->source)),
												get_rel_name(study->source)));
	appendStringInfo(query, "t.%s", quote_identifier(study->sample.name));
}

char *
StudyPackQuery(const Study *study)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	append_cell_pack(&query, study, 2);
	append_source(&query, study);
	appendStringInfoString(&query, " OPERATOR(pg_catalog.=) $1");
	return query.data;
}

char *
StudyPackAllQuery(const Study *study)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	append_column(&query, &study->sample, "text");
	appendStringInfoString(&query, ", ");
	append_cell_pack(&query, study, 1);
	append_source(&query, study);
	appendStringInfo(&query, " IS NOT NULL GROUP BY t.%s", quote_identifier(study->sample.name));
	return query.data;
}

/* Whether an index of the source begins with the sample. */
static bool
has_sample_index(const Study *study)
{
	AttrNumber	column = get_attnum(study->source, study->sample.name);
	bool		found = false;
	Relation	source;
	ListCell   *cell;

	/*
	 * Children of a plain table have indexes of their own, or none.  Citus takes
	 * no recursive query of a distributed table.
	 */
	if (IsDistributed(study->source) ||
		(study->source_kind != RELKIND_PARTITIONED_TABLE &&
		 (study->source_kind != RELKIND_RELATION || has_subclass(study->source))))
		return false;

	source = table_open(study->source, NoLock);
	foreach(cell, RelationGetIndexList(source))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		found |= index->rd_index->indisvalid && index->rd_index->indkey.values[0] == column &&
			index->rd_rel->relam == BTREE_AM_OID && heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
		index_close(index, NoLock);
	}
	table_close(source, NoLock);
	return found;
}

/*
 * Where an index has the samples in order, it is asked for one after the other:
 * a step for each sample takes less than to read all cells.
 */
static char *
samples_by_index(const Study *study)
{
	StringInfoData source;
	const char *sample = quote_identifier(study->sample.name);

	initStringInfo(&source);
	append_source(&source, study);
	return psprintf("WITH RECURSIVE s (sample) AS ("
					"(SELECT t.%1$s%2$s IS NOT NULL ORDER BY t.%1$s LIMIT 1) UNION ALL "
					"SELECT (SELECT t.%1$s%2$s OPERATOR(pg_catalog.>) s.sample ORDER BY t.%1$s LIMIT 1) "
					"FROM s WHERE s.sample IS NOT NULL) "
					"SELECT s.sample::pg_catalog.text FROM s WHERE s.sample IS NOT NULL",
					sample, source.data);
}

char *
StudySamplesQuery(const Study *study)
{
	StringInfoData query;

	if (has_sample_index(study))
		return samples_by_index(study);

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	append_column(&query, &study->sample, "text");
	append_source(&query, study);
	appendStringInfo(&query, " IS NOT NULL GROUP BY t.%s ORDER BY t.%s",
					 quote_identifier(study->sample.name), quote_identifier(study->sample.name));
	return query.data;
}

char *
StudySizesQuery(const Study *study)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	append_column(&query, &study->sample, "text");
	appendStringInfoString(&query, ", pg_catalog.count(*)");
	append_source(&query, study);
	appendStringInfo(&query, " IS NOT NULL GROUP BY t.%s", quote_identifier(study->sample.name));
	return query.data;
}

/* The features as they are, so that an error can name the cell. */
char *
StudyIntensitiesQuery(const Study *study)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	append_column(&query, &study->sample, "text");
	appendStringInfoString(&query, ", ");
	append_column(&query, &study->cell_id, "int8");
	appendStringInfoString(&query, ", ");
	append_column(&query, &study->intensities, study->intensities.type == FLOAT4ARRAYOID ? "_float4" : "_float8");
	if (study->phenotypes.name != NULL)
	{
		appendStringInfoString(&query, ", ");
		append_column(&query, &study->phenotypes, "int8");
	}
	for (int i = 0; i < study->feature_columns; i++)
	{
		appendStringInfoString(&query, ", ");
		append_column(&query, &study->feature[i], study->feature[i].type == BOOLOID ? "bool" : "int8");
	}
	append_source(&query, study);
	appendStringInfoString(&query, " IS NOT NULL");
	return query.data;
}

Oid
StudySampleType(const Study *study)
{
	return study->sample.type == VARCHAROID ? TEXTOID : study->sample.type;
}

Datum
StudySampleValue(const Study *study, const char *given, const char **name)
{
	Oid			type = StudySampleType(study);
	Oid			input;
	Oid			parameter;
	Datum		value;
	int			length;

	getTypeInputInfo(type, &input, &parameter);
	value = OidInputFunctionCall(input, unconstify(char *, given), parameter, -1);
	*name = SampleName(type, value, &length);
	*name = pnstrdup(*name, length);
	return value;
}

const char *
SampleName(Oid type, Datum value, int *length)
{
	char	   *name;
	Oid			output;
	bool		is_varlena;

	if (type == TEXTOID || type == VARCHAROID)
	{
		text	   *name_text = DatumGetTextPP(value);

		*length = VARSIZE_ANY_EXHDR(name_text);
		return VARDATA_ANY(name_text);
	}
	getTypeOutputInfo(type, &output, &is_varlena);
	name = OidOutputFunctionCall(output, value);
	*length = strlen(name);
	return name;
}

int64
SampleHash(const char *name, int length)
{
	uint64		hash = DatumGetUInt64(hash_any_extended((const unsigned char *) name, length, 0));

	return hash != 0 ? (int64) hash : 1;
}

void
StudyCheckOwner(const Study *study)
{
	Oid			role = GetUserId();
	Oid			extension = get_extension_oid("cell_binary", false);
	bool		registrar_exists = SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(study->registered_by));

	if ((registrar_exists && has_privs_of_role(role, study->registered_by)) ||
		(get_rel_relkind(study->source) != '\0' && OwnsRelation(study->source, role)) ||
		OwnsExtension(extension, role))
		return;
	ReportNotStudyOwner(study);
}
