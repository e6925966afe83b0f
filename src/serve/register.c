/*
 * register.c
 *		The SQL functions cell_register_study, cell_set_payloads, cell_drop_study and
 *		cell_track_study, which change a study's row in the registry and what the
 *		store keeps for the study.
 */
#include "study/study.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "arguments.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "changes/catalog_state.h"
#include "changes/triggers.h"
#include "miscadmin.h"
#include "serve/statistics.h"
#include "storage/lmgr.h"
#include "study/distributed.h"
#include "study/own_table.h"
#include "study/source.h"
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
	ARG_INTENSITIES,
	ARG_SUBSAMPLE_CELLS,
	ARG_SUBSAMPLE_SEED,
	ARG_LISTED,
	ARG_FULL_NAMES
};

/* A name argument that must not be null. */
static const char *
name_argument(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		RaiseNull(name, NULL, NULL);
	return pstrdup(NameStr(*PG_GETARG_NAME(arg)));
}

/*
 * Get an array of names or texts as strings.  Returns the number of elements,
 * 0 for a NULL array.  A null element is an error.
 */
static int
array_argument(FunctionCallInfo fcinfo, int arg, const char *name, const char ***strings)
{
	ArrayType  *array;
	int			count;

	*strings = NULL;
	if (PG_ARGISNULL(arg))
		return 0;
	array = PG_GETARG_ARRAYTYPE_P(arg);
	(void) CountFeatures(array);
	count = ArrayStrings(array, strings);
	for (int i = 0; i < count; i++)
		if ((*strings)[i] == NULL)
			RaiseNull(psprintf("%s[%d]", name, i + 1), NULL, NULL);
	return count;
}

pg_noreturn static void
raise_no_features(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the study has no features"),
			 errhint("Specify either feature_columns (one column for each feature), or phenotypes "
					 "(the column of the phenotypes) and features (the names of its bits).")));
}

/* Get the phenotypes column or the feature columns, and the features' names. */
static void
get_features(FunctionCallInfo fcinfo, Study *study)
{
	const char **columns;
	const char *repeated;

	study->feature_columns = array_argument(fcinfo, ARG_FEATURE_COLUMNS, "feature_columns",
											&columns);
	study->features = array_argument(fcinfo, ARG_FEATURES, "features", &study->feature_names);

	if (!PG_ARGISNULL(ARG_PHENOTYPES))
	{
		if (!PG_ARGISNULL(ARG_FEATURE_COLUMNS))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("phenotypes and feature_columns cannot both be specified"),
					 errdetail("A source has either one phenotypes column or one column for each "
							   "feature.")));
		study->phenotypes.name = name_argument(fcinfo, ARG_PHENOTYPES, "phenotypes");
	}
	else if (study->feature_columns == 0)
		raise_no_features();
	else if (study->features == 0)
	{
		study->features = study->feature_columns;
		study->feature_names = columns;
	}
	else if (study->features != study->feature_columns)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of features does not match number of feature columns"),
				 errdetail("There are %d names for %d columns.",
						   study->features, study->feature_columns)));

	/*
	 * A study of cells without features needs a phenotypes column and an empty
	 * list of features; a NULL list is an error.
	 */
	if (study->features == 0 && (study->phenotypes.name == NULL || PG_ARGISNULL(ARG_FEATURES)))
		raise_no_features();
	repeated = RepeatedString(study->feature_columns, columns);
	if (repeated != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("feature column \"%s\" is named twice", repeated)));
	repeated = RepeatedString(study->features, study->feature_names);
	if (repeated != NULL)
		RaiseRepeatedFeature(repeated);

	study->feature = palloc0(Max(study->feature_columns, 1) * sizeof(SourceColumn));
	for (int i = 0; i < study->feature_columns; i++)
		study->feature[i].name = columns[i];
}

/* Get the full names of the features, or NULL. */
static void
get_full_names(FunctionCallInfo fcinfo, Study *study)
{
	int			count;

	if (PG_ARGISNULL(ARG_FULL_NAMES))
		return;
	count = array_argument(fcinfo, ARG_FULL_NAMES, "full_names", &study->full_names);
	if (count != study->features)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of full names does not match number of features"),
				 errdetail("Full names: %d; features: %d.", count, study->features),
				 errhint("An empty string stands for a feature without a full name.")));
}

/* Get the arguments about the subsample, and whether the study is listed. */
static void
get_options(FunctionCallInfo fcinfo, Study *study)
{
	if (PG_ARGISNULL(ARG_SUBSAMPLE_CELLS))
		RaiseNull("subsample_cells", NULL, NULL);
	if (PG_ARGISNULL(ARG_SUBSAMPLE_SEED))
		RaiseNull("subsample_seed", NULL, NULL);
	if (PG_ARGISNULL(ARG_LISTED))
		RaiseNull("listed", NULL, NULL);
	study->subsample_cells = PG_GETARG_INT64(ARG_SUBSAMPLE_CELLS);
	study->subsample_seed = PG_GETARG_INT64(ARG_SUBSAMPLE_SEED);
	study->listed = PG_GETARG_BOOL(ARG_LISTED);
	if (study->subsample_cells < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("subsample_cells " INT64_FORMAT " is out of range",
						study->subsample_cells),
				 errdetail("A subsample has at least one cell.")));
}

/*
 * The reason why changes of the source, or of a part of it, cannot be
 * recorded; NULL if they can.
 */
static const char *
unrecorded_changes(const Study *study)
{
	ListCell   *cell;

	if (IsDistributed(study->source))
		return UntrackedDetail(UNTRACKED_DISTRIBUTED, study->source);
	foreach(cell, find_all_inheritors(study->source, NoLock, NULL))
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			return UntrackedDetail(UNTRACKED_FOREIGN, lfirst_oid(cell));
	return NULL;
}

pg_noreturn static void
raise_not_source_owner(const Study *study)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("must be owner of \"%s\" to store payloads of study \"%s\"",
					get_rel_name(study->source), study->name),
			 errhint("A role that can read the source can register the study with store => false.  "
					 "Payloads are then packed at each call.")));
}

/*
 * Whether payloads are stored: by the argument or, if it is NULL, by whether
 * triggers can record the changes of the source.  Raises an error if they are
 * to be stored but the caller does not own the source or its changes cannot be
 * recorded.
 */
static bool
is_to_be_stored(FunctionCallInfo fcinfo, const Study *study)
{
	const char *unrecorded = StudyHasTriggers(study) ? unrecorded_changes(study) : NULL;
	bool		store = PG_ARGISNULL(ARG_STORE) ? StudyHasTriggers(study) && unrecorded == NULL :
		PG_GETARG_BOOL(ARG_STORE);

	if (store && !OwnsRelation(study->source, GetUserId()))
		raise_not_source_owner(study);
	if (store && unrecorded != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("payloads of \"%s\" cannot be stored", get_rel_name(study->source)),
				 errdetail_internal("%s", unrecorded),
				 errhint("Register the study with store => false.  Payloads are then packed at "
						 "each call.")));
	return store;
}

/* Raise an error unless the caller can run a query on the source. */
static void
check_query(const Study *study, SourceQuery query, const CbLayout *layout)
{
	Source		source;

	PushActiveSnapshot(GetTransactionSnapshot());
	SourceOpen(&source, study, query,
			   (SourceArguments) {.layout = layout, .coding = &coding_identity});
	SourceCheck(&source, KEEP_SNAPSHOT);
	SourceClose(&source);
	PopActiveSnapshot();
}

/* Raise an error unless the caller can run the queries of the study. */
static void
check_source(const Study *study)
{
	check_query(study, SOURCE_PACK_ALL, &cb_compact);
	if (study->intensities.name != NULL)
		check_query(study, SOURCE_INTENSITIES, NULL);
}

/*
 * cell_register_study(study text, source regclass, sample, cell_id, x, y,
 *					   phenotypes name, feature_columns name[], features text[],
 *					   store boolean, intensities name, subsample_cells bigint,
 *					   subsample_seed bigint, listed boolean, full_names text[])
 *		-> void; not strict
 *
 * sample, cell_id, x and y name the columns of the source; in SQL, each
 * defaults to its own name.
 *
 * The features are either the bits of the column phenotypes, whose names are
 * in features, or the columns in feature_columns, each boolean or an integer 0
 * or 1; if features is NULL, they have the names of their columns.
 *
 * store says whether payloads are stored; NULL stores them if triggers can
 * record the changes of the source.  intensities names a column with an array
 * of numbers, one for each feature; NULL means that the study has none.
 *
 * The study's subsample has up to subsample_cells cells, which subsample_seed
 * chooses.  listed says whether services name the study to those who ask which
 * studies there are.  full_names has a longer name for each feature, or is NULL.
 *
 * Errors: 22004 an argument or an element is null, 42710 the study exists,
 * 42P01, 42809, 42703, 42804 and 0A000 the source or a column does not fit,
 * 42701 a feature column is named twice, 22023 a feature is named twice or
 * there is none, the full names do not match, or a subsample would be empty,
 * 2202E a list with several dimensions, 54023 more than 64 features, 42501 the
 * caller cannot read the source or wants to store payloads without owning it,
 * 0A000 payloads of the source cannot be stored, 25006 read-only transaction.
 */
PG_FUNCTION_INFO_V1(cell_register_study);
Datum
cell_register_study(PG_FUNCTION_ARGS)
{
	Study	   *study = palloc0(sizeof(Study));

	PreventCommandIfReadOnly("cell_register_study()");
	if (PG_ARGISNULL(ARG_STUDY))
		RaiseNull("study", NULL, NULL);
	if (PG_ARGISNULL(ARG_SOURCE))
		RaiseNull("source", NULL, NULL);
	study->schema = OwnSchema(fcinfo);
	study->name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_STUDY));
	study->source = PG_GETARG_OID(ARG_SOURCE);
	study->registered_by = GetUserId();
	study->sample.name = name_argument(fcinfo, ARG_SAMPLE, "sample");
	study->cell_id.name = name_argument(fcinfo, ARG_CELL_ID, "cell_id");
	study->x.name = name_argument(fcinfo, ARG_X, "x");
	study->y.name = name_argument(fcinfo, ARG_Y, "y");
	get_features(fcinfo, study);
	get_full_names(fcinfo, study);
	get_options(fcinfo, study);
	if (!PG_ARGISNULL(ARG_INTENSITIES))
	{
		study->intensities.name = name_argument(fcinfo, ARG_INTENSITIES, "intensities");
		if (study->features == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a study without features cannot have intensities"),
					 errdetail("A cell has one intensity for each feature.")));
	}

	RegistryLockName(study->schema, study->name);
	if (RegistryRead(study->schema, study->name, NULL) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("study \"%s\" already exists", study->name),
				 errhint("To replace it, drop it with cell_drop_study() first, in the same "
						 "transaction.")));
	StudyLockSource(study);
	StudyResolve(study);
	if (study->intensities.name != NULL)
		StudyResolveIntensities(study);
	study->store = is_to_be_stored(fcinfo, study);
	check_source(study);

	RegistryInsert(study);
	AddStatistics(study->schema, study->id, (StoreStatistics) {0});
	if (study->store && StudyHasTriggers(study))
		TriggersCreate(study);
	PG_RETURN_VOID();
}

/*
 * The study that the first argument names, with its name locked.  Raises 42704
 * if there is no such study, 42501 if the caller may not change it.
 */
static Study *
own_study_argument(FunctionCallInfo fcinfo)
{
	Oid			schema = OwnSchema(fcinfo);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Study	   *study = RegistryGet(schema, name, NULL);

	/*
	 * Check before locking, because a role that may not change the study must
	 * not be able to take its lock.  Check again after waiting for the lock,
	 * because another transaction may have replaced the study.
	 */
	StudyCheckOwner(study);
	RegistryLockName(schema, name);
	study = RegistryGet(schema, name, NULL);
	StudyCheckOwner(study);
	return study;
}

/*
 * cell_drop_study(study text) -> void; strict
 *
 * Drops the triggers of the study, then its row in the registry and its rows
 * in the extension's other tables.
 *
 * Errors: 42704 unknown study, 42501 the caller neither registered the study
 * nor owns its source or the extension, 25006 read-only transaction.
 */
PG_FUNCTION_INFO_V1(cell_drop_study);
Datum
cell_drop_study(PG_FUNCTION_ARGS)
{
	Study	   *study;

	PreventCommandIfReadOnly("cell_drop_study()");
	CommandCounterIncrement();	/* see a study registered by the same statement */
	study = own_study_argument(fcinfo);
	TriggersDrop(study);

	RegistryDelete(study);
	OwnForget(study->schema, "cell_payload", "cell_payload_sample", study->id);
	OwnForget(study->schema, "cell_change", "cell_change_sample", study->id);
	OwnForget(study->schema, "cell_store_count", "cell_store_count_study", study->id);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}

/*
 * cell_track_study(study text) -> void; strict
 *
 * Creates the triggers that the tables of the study's source lack.
 *
 * Errors: 42704 unknown study, 42501 the caller may not change the study or
 * does not own its source, those of StudyLockSource and StudyResolve, 55000
 * the study has no triggers, 25006 read-only transaction.
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
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("study \"%s\" has no triggers", study->name),
				 errdetail("A study has triggers if its source is a table and its payloads are "
						   "stored."),
				 OidIsValid(study->payloads) ?
				 errhint("Call the function on the server that stores the payloads.") :
				 errhint("For any other study, use cell_invalidate() to make the stored payloads "
						 "unusable.")));
	if (!OwnsRelation(study->source, GetUserId()))
		raise_not_source_owner(study);
	TriggersCreate(study);
	PG_RETURN_VOID();
}

/*
 * cell_set_payloads(study text, payloads regclass) -> void; not strict
 *
 * From now on, payloads of samples of the study are taken from a relation; NULL
 * ends this.  The relation has the columns of the view that
 * cell_create_payload_view() creates.  A role that calls cell_data() for the study
 * runs the code of the relation, so only the owner of the source can set it.
 *
 * Errors: 22004 the study is NULL, 42704 unknown study, 42501 the caller does not own
 * its source or cannot read the relation, those of StudyLockSource, StudyResolve and
 * StudyResolvePayloads, 55000 the study stores its payloads, 25006 read-only
 * transaction.
 */
PG_FUNCTION_INFO_V1(cell_set_payloads);
Datum
cell_set_payloads(PG_FUNCTION_ARGS)
{
	Study	   *study;

	PreventCommandIfReadOnly("cell_set_payloads()");
	if (PG_ARGISNULL(0))
		RaiseNull("study", NULL, NULL);
	study = own_study_argument(fcinfo);
	StudyLockSource(study);
	StudyResolve(study);
	if (!OwnsRelation(study->source, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of \"%s\" to set the payloads of study \"%s\"",
						get_rel_name(study->source), study->name)));
	study->payloads = PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1);
	if (!PG_ARGISNULL(1))
	{
		if (study->store)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("study \"%s\" stores its payloads", study->name),
					 errhint("Drop the study and register it again with store => false.")));
		StudyResolvePayloads(study);
		check_query(study, SOURCE_READY_ALL, &cb_compact);
	}
	RegistrySetPayloads(study);
	PG_RETURN_VOID();
}
