/*
 * register.c
 *		The registry of studies: cell_register_study, cell_drop_study and
 *		cell_track_study.
 */
#include "study/study.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "study/distributed.h"
#include "errors.h"
#include "miscadmin.h"
#include "study/own_table.h"
#include "study/source.h"
#include "storage/lmgr.h"
#include "serve/statistics.h"
#include "study/study_errors.h"
#include "changes/triggers.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

/* The arguments of cell_register_study. */
enum
{
	ARG_STUDY,
	ARG_SOURCE,
	ARG_SAMPLE,
	ARG_CELL_ID,
	ARG_X,
	ARG_Y,
	ARG_PHENOTYPES,
	ARG_FEATURE_COLUMNS,
	ARG_FEATURES,
	ARG_STORE,
	ARG_INTENSITIES
};

/* A name that must be given. */
static const char *
name_argument(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ReportNullStudyArgument(name);
	return pstrdup(NameStr(*PG_GETARG_NAME(arg)));
}

/* An array of names or texts, none of them null, as strings; the count is returned. */
static int
array_argument(FunctionCallInfo fcinfo, int arg, const char *name, const char ***strings)
{
	ArrayType  *array;
	int			count;

	*strings = NULL;
	if (PG_ARGISNULL(arg))
		return 0;
	array = PG_GETARG_ARRAYTYPE_P(arg);
	if (ARR_NDIM(array) > 1)
		ReportFeatureDimensions(ARR_NDIM(array));
	count = ArrayStrings(array, strings);
	if (count > MAX_FEATURES)
		ReportTooManyFeatures(count, MAX_FEATURES);
	for (int i = 0; i < count; i++)
		if ((*strings)[i] == NULL)
			ReportNullStudyArgument(psprintf("%s[%d]", name, i + 1));
	return count;
}

/* The features, as a mask or as columns, and their names. */
static void
get_features(FunctionCallInfo fcinfo, Study *study)
{
	const char **columns;

	study->feature_columns = array_argument(fcinfo, ARG_FEATURE_COLUMNS, "feature_columns", &columns);
	study->features = array_argument(fcinfo, ARG_FEATURES, "features", &study->feature_names);

	if (!PG_ARGISNULL(ARG_PHENOTYPES))
	{
		if (!PG_ARGISNULL(ARG_FEATURE_COLUMNS))
			ReportTwoKindsOfFeatures();
		study->phenotypes.name = name_argument(fcinfo, ARG_PHENOTYPES, "phenotypes");
	}
	else if (study->feature_columns == 0)
		ReportNoFeatures();
	else if (study->features == 0)
	{
		study->features = study->feature_columns;
		study->feature_names = columns;
	}
	else if (study->features != study->feature_columns)
		ReportFeatureCount(study->features, study->feature_columns);

	/* Cells that are nothing but places have an empty list, not none. */
	if (study->features == 0 && (study->phenotypes.name == NULL || PG_ARGISNULL(ARG_FEATURES)))
		ReportNoFeatures();
	if (RepeatedString(study->feature_columns, columns) != NULL)
		ReportRepeatedColumn(RepeatedString(study->feature_columns, columns));
	if (RepeatedString(study->features, study->feature_names) != NULL)
		ReportRepeatedFeature(RepeatedString(study->features, study->feature_names));

	study->feature = palloc0(Max(study->feature_columns, 1) * sizeof(SourceColumn));
	for (int i = 0; i < study->feature_columns; i++)
		study->feature[i].name = columns[i];
}

/* Why changes of a table, or of a part of it, cannot be noticed; NULL if they can. */
static const char *
unnoticed_changes(const Study *study)
{
	ListCell   *cell;

	if (IsDistributed(study->source))
		return UntrackedDetail(UNTRACKED_DISTRIBUTED, study->source);
	foreach(cell, find_all_inheritors(study->source, NoLock, NULL))
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			return UntrackedDetail(UNTRACKED_FOREIGN, lfirst_oid(cell));
	return NULL;
}

/*
 * Whether payloads are stored, from the argument or what suits the source; only
 * its owner decides that they are.
 */
static bool
is_to_be_stored(FunctionCallInfo fcinfo, const Study *study)
{
	const char *unnoticed = StudyHasTriggers(study) ? unnoticed_changes(study) : NULL;
	bool		store = PG_ARGISNULL(ARG_STORE) ? StudyHasTriggers(study) && unnoticed == NULL : PG_GETARG_BOOL(ARG_STORE);

	if (store && !OwnsRelation(study->source, GetUserId()))
		ReportNotSourceOwner(study);
	if (store && unnoticed != NULL)
		ReportSourceUnnoticed(study, unnoticed);
	return store;
}

/* Refuse who may not run a query of the source. */
static void
check_query(const Study *study, SourceQuery query, const char *layout)
{
	Source		source;

	PushActiveSnapshot(GetTransactionSnapshot());
	SourceOpen(&source, study, query, (Datum) 0, layout);
	(void) SourceInspect(&source, KEEP_SNAPSHOT);
	SourceClose(&source);
	PopActiveSnapshot();
}

/* Refuse who may not read the source. */
static void
check_source(const Study *study)
{
	check_query(study, SOURCE_PACK_ALL, "compact");
	if (study->intensities.name != NULL)
		check_query(study, SOURCE_INTENSITIES, NULL);
}

/* An array of names or texts from strings. */
static Datum
array_of(Oid type, int count, const char **strings)
{
	Datum	   *elements = palloc(Max(count, 1) * sizeof(Datum));

	for (int i = 0; i < count; i++)
		elements[i] = type == NAMEOID ? DirectFunctionCall1(namein, CStringGetDatum(strings[i])) : CStringGetTextDatum(strings[i]);
	if (type == NAMEOID)
		return PointerGetDatum(construct_array(elements, count, type, NAMEDATALEN, false, TYPALIGN_CHAR));
	return PointerGetDatum(construct_array(elements, count, type, -1, false, TYPALIGN_INT));
}

static Datum
name_datum(const char *name)
{
	return DirectFunctionCall1(namein, CStringGetDatum(name));
}

/* An id that no study has, whatever the sequence was set to. */
static int32
new_id(Oid schema)
{
	char	   *column;
	int32		id;

	do
		id = (int32) nextval_internal(OwnRelation(schema, "cell_study_id"), false);
	while (OidIsValid(StudySource(schema, id, &column)));
	return id;
}

static void
insert_study(const Study *study)
{
	Relation	registry = table_open(OwnRelation(study->schema, "cell_study"), RowExclusiveLock);
	Datum		values[STUDY_COLUMNS];
	bool		isnull[STUDY_COLUMNS] = {false};
	HeapTuple	row;

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
		const char **columns = palloc(study->feature_columns * sizeof(char *));

		for (int i = 0; i < study->feature_columns; i++)
			columns[i] = study->feature[i].name;
		values[STUDY_FEATURE_COLUMNS - 1] = array_of(NAMEOID, study->feature_columns, columns);
		isnull[STUDY_PHENOTYPES - 1] = true;
	}
	values[STUDY_FEATURES - 1] = array_of(TEXTOID, study->features, study->feature_names);
	if (study->intensities.name != NULL)
		values[STUDY_INTENSITIES - 1] = name_datum(study->intensities.name);
	else
		isnull[STUDY_INTENSITIES - 1] = true;

	row = heap_form_tuple(RelationGetDescr(registry), values, isnull);
	CatalogTupleInsert(registry, row);
	table_close(registry, NoLock);
	CommandCounterIncrement();
}

/*
 * cell_register_study(study text, source regclass, sample, cell_id, x, y,
 *					   phenotypes name, feature_columns name[], features text[],
 *					   store boolean, intensities name) -> void; not strict
 *
 * The columns sample, cell_id, x and y are named so if no others are given.
 * Features are the bits of the column phenotypes, then features has their
 * names; or feature_columns, a boolean or 0/1 column for each, whose names are
 * those of the features if there are no others.  store: whether payloads are
 * stored; NULL does so for tables, whose changes can be noticed.  intensities:
 * the column with an array of numbers, one for each feature; NULL if there is
 * none.
 *
 * Errors: 22004 a null, 42710 the study exists, 42P01, 42809, 42703, 42804 the
 * source or a column does not fit, 42701 and 22023 a feature is named twice or
 * there are none, 54023 more than 64, 42501 the caller may not read the source,
 * or store without owning it, 0A000 it cannot be stored.
 */
PG_FUNCTION_INFO_V1(cell_register_study);
Datum
cell_register_study(PG_FUNCTION_ARGS)
{
	Study	   *study = palloc0(sizeof(Study));

	PreventCommandIfReadOnly("cell_register_study()");
	if (PG_ARGISNULL(ARG_STUDY))
		ReportNullStudyArgument("study");
	if (PG_ARGISNULL(ARG_SOURCE))
		ReportNullStudyArgument("source");
	study->schema = OwnSchema(fcinfo);
	study->name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_STUDY));
	study->source = PG_GETARG_OID(ARG_SOURCE);
	study->registered_by = GetUserId();
	study->sample.name = name_argument(fcinfo, ARG_SAMPLE, "sample");
	study->cell_id.name = name_argument(fcinfo, ARG_CELL_ID, "cell_id");
	study->x.name = name_argument(fcinfo, ARG_X, "x");
	study->y.name = name_argument(fcinfo, ARG_Y, "y");
	get_features(fcinfo, study);
	if (!PG_ARGISNULL(ARG_INTENSITIES))
	{
		study->intensities.name = name_argument(fcinfo, ARG_INTENSITIES, "intensities");
		if (study->features == 0)
			ReportIntensitiesOfNoFeature();
	}

	StudyLockName(study->schema, study->name);
	if (StudyRead(study->schema, study->name, NULL) != NULL)
		ReportStudyExists(study->name);
	StudyLockSource(study);
	StudyResolve(study);
	if (study->intensities.name != NULL)
		StudyResolveIntensities(study);
	study->store = is_to_be_stored(fcinfo, study);
	check_source(study);

	study->id = new_id(study->schema);
	insert_study(study);
	CountStoreUse(study->schema, study->id, (StoreCounts) {0});
	if (study->store && StudyHasTriggers(study))
		TriggersCreate(study);
	PG_RETURN_VOID();
}

/* The study of an argument, for who may change it. */
static Study *
own_study_argument(FunctionCallInfo fcinfo)
{
	Oid			schema = OwnSchema(fcinfo);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Study	   *study = StudyRead(schema, name, NULL);

	if (study == NULL)
		ReportUnknownStudy(name);
	/* A role that may not change the study must not hold its lock either. */
	StudyCheckOwner(study);
	StudyLockName(schema, name);
	study = StudyRead(schema, name, NULL);
	if (study == NULL)
		ReportUnknownStudy(name);
	StudyCheckOwner(study);
	return study;
}

/*
 * cell_drop_study(study text) -> void; strict
 *
 * Errors: 42704, 42501.
 */
PG_FUNCTION_INFO_V1(cell_drop_study);
Datum
cell_drop_study(PG_FUNCTION_ARGS)
{
	Study	   *study;

	PreventCommandIfReadOnly("cell_drop_study()");
	CommandCounterIncrement();	/* see what the same statement did before */
	study = own_study_argument(fcinfo);
	TriggersDrop(study);

	StudyDelete(study);
	OwnForget(study->schema, "cell_payload", "cell_payload_sample", study->id);
	OwnForget(study->schema, "cell_change", "cell_change_sample", study->id);
	OwnForget(study->schema, "cell_store_count", "cell_store_count_study", study->id);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}

/*
 * cell_track_study(study text) -> void; strict
 *
 * Errors: 42704, 42501; those of a source that is gone; 55000 if the study has
 * no triggers.
 */
PG_FUNCTION_INFO_V1(cell_track_study);
Datum
cell_track_study(PG_FUNCTION_ARGS)
{
	Study	   *study;

	PreventCommandIfReadOnly("cell_track_study()");
	study = own_study_argument(fcinfo);
	StudyLockSource(study);
	StudyResolve(study);
	if (!study->store || !StudyHasTriggers(study))
		ReportNotTracked(study);
	if (!OwnsRelation(study->source, GetUserId()))
		ReportNotSourceOwner(study);
	TriggersCreate(study);
	PG_RETURN_VOID();
}

/*
 * cell_check_store() -> trigger
 *
 * BEFORE INSERT on the registry, for each row.  The owner of the extension can
 * insert rows, as pg_restore does for him.  Payloads of a source are stored only
 * if the role that inserts the row owns it, as in cell_register_study(): others
 * cannot say that all its readers see the same rows.
 */
PG_FUNCTION_INFO_V1(cell_check_store);
Datum
cell_check_store(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	columns;
	HeapTuple	row;
	Datum		store = BoolGetDatum(false);
	Oid			source;
	bool		isnull;
	int			column = STUDY_STORE;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ||
		RelationGetRelid(trigger->tg_relation) != OwnRelation(OwnSchema(fcinfo), "cell_study"))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"cell_check_store\" must be called as a trigger of the table cell_study before an insertion, for each row")));

	columns = RelationGetDescr(trigger->tg_relation);
	row = trigger->tg_trigtuple;
	source = DatumGetObjectId(heap_getattr(row, STUDY_SOURCE, columns, &isnull));
	if (isnull || get_rel_relkind(source) == '\0' || OwnsRelation(source, GetUserId()) ||
		!DatumGetBool(heap_getattr(row, STUDY_STORE, columns, &isnull)) || isnull)
		return PointerGetDatum(row);
	ReportStoreRefused(get_rel_name(source));
	isnull = false;
	return PointerGetDatum(heap_modify_tuple_by_cols(row, columns, 1, &column, &store, &isnull));
}
