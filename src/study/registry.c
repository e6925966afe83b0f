/*
 * registry.c
 *		Reading, validating and writing rows of the table cell_study.
 */
#include "study/registry.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "arguments.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "study/own_table.h"
#include "study/sample.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

/* A row of the registry, and the study that is being read from it. */
typedef struct RegistryRow
{
	Study	   *study;
	TupleDesc	columns;
	Datum	   *values;
	bool	   *isnull;
} RegistryRow;

/* Note what is wrong with a row; the first fault is kept. */
static void
note_fault(RegistryRow *row, const char *fault)
{
	if (row->study->fault == NULL)
		row->study->fault = fault;
}

static const char *
column_name(const RegistryRow *row, int column)
{
	return column <= row->columns->natts ?
		NameStr(TupleDescAttr(row->columns, column - 1)->attname) : "?";
}

/* Get a value of a row of the registry; returns false if it is null. */
static bool
registry_value(const RegistryRow *row, int column, Datum *value)
{
	*value = row->values[column - 1];
	return !row->isnull[column - 1];
}

/* A value that must not be null; if it is null, note the fault and return 0. */
static Datum
required_value(RegistryRow *row, int column)
{
	Datum		value;

	if (registry_value(row, column, &value))
		return value;
	note_fault(row, psprintf("Column \"%s\" is null.", column_name(row, column)));
	return (Datum) 0;
}

/* A copy of a name, or NULL if the column is null. */
static const char *
optional_name(const RegistryRow *row, int column)
{
	Datum		value;

	return registry_value(row, column, &value) ? pstrdup(NameStr(*DatumGetName(value))) : NULL;
}

/* A copy of a name that must not be null; if it is, note the fault and return "". */
static const char *
required_name(RegistryRow *row, int column)
{
	Datum		value = required_value(row, column);

	return value == (Datum) 0 ? "" : pstrdup(NameStr(*DatumGetName(value)));
}

/* What is wrong with a list of features, or NULL. */
static const char *
list_fault(ArrayType *list, const char *column)
{
	int			count = ArrayGetNItems(ARR_NDIM(list), ARR_DIMS(list));

	if (ARR_NDIM(list) > 1)
		return psprintf("Column \"%s\" has %d dimensions.", column, ARR_NDIM(list));
	if (count > CB_FEATURES)
		return psprintf("Column \"%s\" has %d elements, more than %d.", column, count, CB_FEATURES);
	if (array_contains_nulls(list))
		return psprintf("Column \"%s\" has a null element.", column);
	return NULL;
}

/* Get a list as strings.  Returns the count, or 0 if it has a fault. */
static int
registry_list(RegistryRow *row, int column, const char ***strings)
{
	const char *fault;
	Datum		value;

	*strings = NULL;
	if (!registry_value(row, column, &value))
		return 0;
	fault = list_fault(DatumGetArrayTypeP(value), column_name(row, column));
	if (fault != NULL)
	{
		note_fault(row, fault);
		return 0;
	}
	return ArrayStrings(DatumGetArrayTypeP(value), strings);
}

/* The same for a list in which no string may be repeated. */
static int
registry_set(RegistryRow *row, int column, const char ***strings)
{
	int			count = registry_list(row, column, strings);
	const char *repeated = RepeatedString(count, *strings);

	if (repeated != NULL)
		note_fault(row,
				   psprintf("Column \"%s\" has \"%s\" twice.", column_name(row, column), repeated));
	return count;
}

/* A copy of the row that a unique index has for a key, or NULL. */
static HeapTuple
registry_tuple(Relation registry, Oid schema, const char *index, ScanKey key, Snapshot snapshot)
{
	SysScanDesc scan = systable_beginscan(registry, OwnRelation(schema, index), true, snapshot, 1,
										  key);
	HeapTuple	tuple = systable_getnext(scan);

	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	return tuple;
}

/* The row of a study's id, by a current catalog snapshot. */
static HeapTuple
registry_tuple_of_id(Relation registry, Oid schema, int32 id)
{
	ScanKeyData key;

	ScanKeyInit(&key, STUDY_ID, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
	return registry_tuple(registry, schema, "cell_study_pkey", &key, NULL);
}

/* The values of a row. */
static RegistryRow
registry_row(Relation registry, HeapTuple tuple)
{
	RegistryRow row = {.columns = RelationGetDescr(registry)};
	int			count = Max(row.columns->natts, STUDY_COLUMNS);

	/* Another version of the extension, or a role, can have given the table other columns. */
	row.values = palloc0(count * sizeof(Datum));
	row.isnull = palloc(count * sizeof(bool));
	memset(row.isnull, true, count * sizeof(bool));
	heap_deform_tuple(tuple, row.columns, row.values, row.isnull);
	return row;
}

/* Read the feature columns of a study, the names of its features, and intensities. */
static void
read_features(RegistryRow *row)
{
	Study	   *study = row->study;
	const char **columns;
	int			full_names;

	study->phenotypes.name = optional_name(row, STUDY_PHENOTYPES);
	study->feature_columns = registry_set(row, STUDY_FEATURE_COLUMNS, &columns);
	(void) required_value(row, STUDY_FEATURES);
	study->features = registry_set(row, STUDY_FEATURES, &study->feature_names);
	full_names = registry_list(row, STUDY_FULL_NAMES, &study->full_names);
	study->intensities.name = optional_name(row, STUDY_INTENSITIES);
	study->feature = palloc0(Max(study->feature_columns, 1) * sizeof(SourceColumn));
	for (int i = 0; i < study->feature_columns; i++)
		study->feature[i].name = columns[i];

	if ((study->phenotypes.name != NULL) == (study->feature_columns > 0))
		note_fault(row, "The source must have either one phenotypes column or one column for each "
				   "feature.");
	if (study->feature_columns > 0 && study->features != study->feature_columns)
		note_fault(row, psprintf("There are %d names for %d feature columns.", study->features,
								 study->feature_columns));
	if (study->full_names != NULL && full_names != study->features)
		note_fault(row, psprintf("Full names: %d; features: %d.", full_names,
								 study->features));
	if (study->intensities.name != NULL && study->features == 0)
		note_fault(row, "A study without features cannot have intensities.");
}

static void
read_subsample(RegistryRow *row)
{
	Study	   *study = row->study;

	study->subsample_cells = DatumGetInt64(required_value(row, STUDY_SUBSAMPLE_CELLS));
	study->subsample_seed = DatumGetInt64(required_value(row, STUDY_SUBSAMPLE_SEED));
	if (study->subsample_cells < 1)
		note_fault(row, psprintf("A subsample cannot have " INT64_FORMAT " cells.",
								 study->subsample_cells));
}

bool
RegistryHasPayloads(TupleDesc columns)
{
	return columns->natts >= STUDY_PAYLOADS &&
		TupleDescAttr(columns, STUDY_PAYLOADS - 1)->atttypid == REGCLASSOID;
}

static void
read_payloads(RegistryRow *row)
{
	Study	   *study = row->study;
	Datum		value;

	if (RegistryHasPayloads(row->columns) && registry_value(row, STUDY_PAYLOADS, &value))
		study->payloads = DatumGetObjectId(value);
	if (OidIsValid(study->payloads) && study->store)
		note_fault(row, "A study whose payloads are in another relation cannot store payloads.");
}

Study *
RegistryRead(Oid schema, const char *name, Snapshot snapshot)
{
	Relation	registry = table_open(OwnRelation(schema, "cell_study"), AccessShareLock);
	Study	   *study = NULL;
	ScanKeyData key;
	HeapTuple	tuple;

	ScanKeyInit(&key, STUDY_NAME, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(name));
	tuple = registry_tuple(registry, schema, "cell_study_name", &key, snapshot);
	if (HeapTupleIsValid(tuple))
	{
		RegistryRow row = registry_row(registry, tuple);

		study = row.study = palloc0(sizeof(*study));
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
		read_subsample(&row);
		study->listed = DatumGetBool(required_value(&row, STUDY_LISTED));
		read_payloads(&row);
	}
	table_close(registry, AccessShareLock);
	return study;
}

Study *
RegistryGet(Oid schema, const char *name, Snapshot snapshot)
{
	Study	   *study = RegistryRead(schema, name, snapshot);

	if (study == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("study \"%s\" does not exist", name),
				 errhint("Register it with cell_register_study().  The view cell_studies lists "
						 "the studies that you can read.")));
	return study;
}

Oid
RegistrySource(Oid schema, int32 id, char **sample_column)
{
	Relation	registry = table_open(OwnRelation(schema, "cell_study"), AccessShareLock);
	HeapTuple	tuple = registry_tuple_of_id(registry, schema, id);
	Oid			source = InvalidOid;

	/* An invalid row must not make a writer's statement fail. */
	if (HeapTupleIsValid(tuple))
	{
		RegistryRow row = registry_row(registry, tuple);
		Datum		value;

		*sample_column = (char *) optional_name(&row, STUDY_SAMPLE);
		if (registry_value(&row, STUDY_SOURCE, &value) && *sample_column != NULL)
			source = DatumGetObjectId(value);
	}
	table_close(registry, AccessShareLock);
	return source;
}

void
RegistrySetPayloads(const Study *study)
{
	Relation	registry = table_open(OwnRelation(study->schema, "cell_study"), RowExclusiveLock);
	HeapTuple	tuple = registry_tuple_of_id(registry, study->schema, study->id);
	int			column = STUDY_PAYLOADS;
	Datum		payloads = ObjectIdGetDatum(study->payloads);
	bool		isnull = !OidIsValid(study->payloads);

	if (HeapTupleIsValid(tuple))
		CatalogTupleUpdate(registry, &tuple->t_self,
						   heap_modify_tuple_by_cols(tuple, RelationGetDescr(registry), 1, &column,
													 &payloads, &isnull));
	table_close(registry, NoLock);
	CommandCounterIncrement();
}

void
RegistryDelete(const Study *study)
{
	Relation	registry = table_open(OwnRelation(study->schema, "cell_study"), RowExclusiveLock);
	HeapTuple	tuple = registry_tuple_of_id(registry, study->schema, study->id);

	if (HeapTupleIsValid(tuple))
		CatalogTupleDelete(registry, &tuple->t_self);
	table_close(registry, NoLock);
}

static Datum
name_datum(const char *name)
{
	return DirectFunctionCall1(namein, CStringGetDatum(name));
}

/* An array of type name or text, made from strings. */
static Datum
array_of(Oid type, int count, const char **strings)
{
	Datum	   *elements = palloc(Max(count, 1) * sizeof(Datum));

	for (int i = 0; i < count; i++)
		elements[i] = type == NAMEOID ? name_datum(strings[i]) : CStringGetTextDatum(strings[i]);
	if (type == NAMEOID)
		return PointerGetDatum(construct_array(elements, count, type, NAMEDATALEN, false,
											   TYPALIGN_CHAR));
	return PointerGetDatum(construct_array(elements, count, type, -1, false, TYPALIGN_INT));
}

/* An id that no registered study has, even if the sequence was set back. */
static int32
new_id(Oid schema)
{
	char	   *column;
	int32		id;

	do
		id = (int32) nextval_internal(OwnRelation(schema, "cell_study_id"), false);
	while (OidIsValid(RegistrySource(schema, id, &column)));
	return id;
}

void
RegistryInsert(Study *study)
{
	Relation	registry = table_open(OwnRelation(study->schema, "cell_study"), RowExclusiveLock);
	int			columns = Max(RelationGetDescr(registry)->natts, STUDY_COLUMNS);
	Datum	   *values = palloc0(columns * sizeof(Datum));
	bool	   *isnull = palloc0(columns * sizeof(bool));
	HeapTuple	row;

	/* Columns of a later version, in a session that has this version's library */
	for (int i = STUDY_COLUMNS; i < columns; i++)
		isnull[i] = true;
	study->id = new_id(study->schema);
	values[STUDY_ID - 1] = Int32GetDatum(study->id);
	values[STUDY_NAME - 1] = CStringGetTextDatum(study->name);
	values[STUDY_SOURCE - 1] = ObjectIdGetDatum(study->source);
	values[STUDY_STORE - 1] = BoolGetDatum(study->store);
	values[STUDY_REGISTERED_BY - 1] = ObjectIdGetDatum(study->registered_by);
	values[STUDY_SAMPLE - 1] = name_datum(study->sample.name);
	values[STUDY_CELL_ID - 1] = name_datum(study->cell_id.name);
	values[STUDY_X - 1] = name_datum(study->x.name);
	values[STUDY_Y - 1] = name_datum(study->y.name);
	if (study->phenotypes.name != NULL)
	{
		values[STUDY_PHENOTYPES - 1] = name_datum(study->phenotypes.name);
		isnull[STUDY_FEATURE_COLUMNS - 1] = true;
	}
	else
	{
		const char **names = palloc(study->feature_columns * sizeof(char *));

		for (int i = 0; i < study->feature_columns; i++)
			names[i] = study->feature[i].name;
		values[STUDY_FEATURE_COLUMNS - 1] = array_of(NAMEOID, study->feature_columns, names);
		isnull[STUDY_PHENOTYPES - 1] = true;
	}
	values[STUDY_FEATURES - 1] = array_of(TEXTOID, study->features, study->feature_names);
	if (study->intensities.name != NULL)
		values[STUDY_INTENSITIES - 1] = name_datum(study->intensities.name);
	else
		isnull[STUDY_INTENSITIES - 1] = true;
	values[STUDY_SUBSAMPLE_CELLS - 1] = Int64GetDatum(study->subsample_cells);
	values[STUDY_SUBSAMPLE_SEED - 1] = Int64GetDatum(study->subsample_seed);
	values[STUDY_LISTED - 1] = BoolGetDatum(study->listed);
	if (study->full_names != NULL)
		values[STUDY_FULL_NAMES - 1] = array_of(TEXTOID, study->features, study->full_names);
	else
		isnull[STUDY_FULL_NAMES - 1] = true;
	values[STUDY_PAYLOADS - 1] = ObjectIdGetDatum(study->payloads);
	isnull[STUDY_PAYLOADS - 1] = !OidIsValid(study->payloads);

	row = heap_form_tuple(RelationGetDescr(registry), values, isnull);
	CatalogTupleInsert(registry, row);
	table_close(registry, NoLock);
	CommandCounterIncrement();
}

/*
 * The last field of the tag of an advisory lock.  The SQL functions for
 * advisory locks use other values, so no SQL command can take this lock.
 */
#define NAME_LOCK_KIND 0xCC

void
RegistryLockName(Oid schema, const char *name)
{
	LOCKTAG		tag;
	uint64		hash = hash_combine64((uint64) SampleHash(name, strlen(name)), schema);

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, NAME_LOCK_KIND);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}
