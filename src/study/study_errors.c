/*
 * study_errors.c
 *		The errors that studies can cause.
 */
#include "study/study_errors.h"

#include "miscadmin.h"
#include "settings.h"
#include "utils/lsyscache.h"

void
ReportUnknownStudy(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("study \"%s\" does not exist", name),
			 errhint("Register it with cell_register_study(); the view cell_studies has those that you may read.")));
}

void
ReportStudyExists(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("study \"%s\" already exists", name),
			 errhint("To register it anew, drop it first with cell_drop_study(), in the same transaction.")));
}

void
ReportInvalidRegistryRow(const Study *study)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("study \"%s\" is not registered correctly", study->name),
			 errdetail_internal("%s", study->fault),
			 errhint("Drop the study with cell_drop_study(), and register it anew.")));
}

void
ReportUnknownSample(const Study *study, const char *sample)
{
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("sample \"%s\" of study \"%s\" has no cells", sample, study->name),
			 errhint("The function cell_samples() gives the samples that you may see.")));
}

void
ReportDroppedSource(const Study *study)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("source of study \"%s\" does not exist", study->name),
			 errdetail("The relation with OID %u was dropped.", study->source),
			 errhint("Drop the study with cell_drop_study(), and register it with its new source.")));
}

void
ReportSourceKind(const Study *study)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("\"%s\" cannot be the source of a study", get_rel_name(study->source)),
			 errdetail("A source is a table, a partitioned table, a view, a materialized view or a foreign table.")));
}

void
ReportSourceUnnoticed(const Study *study, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("payloads of \"%s\" cannot be stored", get_rel_name(study->source)),
			 errdetail_internal("%s", detail),
			 errhint("Register it with store => false: payloads are then packed at each call.")));
}

void
ReportMissingColumn(const Study *study, const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of source \"%s\" of study \"%s\" does not exist",
					column, get_rel_name(study->source), study->name),
			 study->id == 0 ?
			 errhint("The arguments of cell_register_study() name the columns.") :
			 errhint("It may have been renamed or dropped: drop the study with cell_drop_study(), and register it anew.")));
}

void
ReportColumnType(const Study *study, const char *column, const char *type,
				 const char *role, const char *types)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of source \"%s\" of study \"%s\" is of type %s",
					column, get_rel_name(study->source), study->name, type),
			 errdetail("The type of %s column must be %s.", role, types),
			 errhint("A view can convert the column, and be the source.")));
}

void
ReportSampleCollation(const Study *study, const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("column \"%s\" of source \"%s\" of study \"%s\" has a nondeterministic collation",
					column, get_rel_name(study->source), study->name),
			 errdetail("Samples are told apart by their bytes.")));
}

void
ReportRepeatedColumn(const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_COLUMN),
			 errmsg("feature column \"%s\" is named twice", column)));
}

void
ReportNullStudyArgument(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", argument)));
}

void
ReportTwoKindsOfFeatures(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("phenotypes and feature_columns cannot both be given"),
			 errdetail("Features are in one column with a mask, or in a column each.")));
}

void
ReportNoFeatures(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the study has no features"),
			 errhint("Give feature_columns, a column for each feature; or phenotypes, a column with a mask, and features, the names of its bits.")));
}

void
ReportFeatureCount(int features, int columns)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("features must have as many names as there are feature columns"),
			 errdetail("There are %d names for %d columns.", features, columns)));
}

void
ReportRepeatedFeature(const char *feature)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("feature \"%s\" is named twice", feature)));
}

void
ReportNotSourceOwner(const Study *study)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("must be owner of \"%s\" to have payloads of study \"%s\" stored",
					get_rel_name(study->source), study->name),
			 errhint("Who may read the source can register it with store => false: payloads are then packed at each call.")));
}

void
ReportNotStudyOwner(const Study *study)
{
	char	   *registrar = GetUserNameFromId(study->registered_by, true);

	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for study \"%s\"", study->name),
			 registrar != NULL ? errdetail("It was registered by \"%s\".", registrar) :
			 errdetail("It was registered by a role that was dropped."),
			 errhint("Who registered it can do this, the owner of its source, and the owner of the extension.")));
}

void
ReportNotStored(const Study *study, const char *detail, bool lacks_triggers)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("payloads of study \"%s\" cannot be stored", study->name),
			 errdetail_internal("%s", detail),
			 lacks_triggers ? errhint("The owner of the source makes them with cell_track_study().") : 0));
}

void
ReportNotTracked(const Study *study)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("study \"%s\" has no triggers", study->name),
			 errdetail("Only a study of a table whose payloads are stored has triggers."),
			 errhint("Stored payloads of other sources are made unusable with cell_invalidate().")));
}

void
ReportStoreFailed(const Study *study, const char *sample, const ErrorData *error)
{
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("payload of sample \"%s\" of study \"%s\" could not be stored", sample, study->name),
			 errdetail_internal("%s", error->message)));
}

void
ReportStoreRefused(const char *source)
{
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("payloads of \"%s\" will not be stored", source),
			 errdetail("The role that inserts the study into the table cell_study does not own its source."),
			 errhint("The owner of the source can drop the study, and register it anew.")));
}

void
ReportTriggersNotMade(const Study *study, Oid table)
{
	ereport(NOTICE,
			(errmsg("table \"%s\" gets no triggers of study \"%s\"", get_rel_name(table), study->name),
			 errdetail("Only its owner can make them.  Until then payloads are packed at each call.")));
}

void
ReportTriggersLeft(const Study *study, Oid table)
{
	ereport(NOTICE,
			(errmsg("triggers of study \"%s\" on table \"%s\" are left", study->name, get_rel_name(table)),
			 errdetail("Without the study they record nothing, but the type of the column with the sample cannot be altered."),
			 errhint("The owner of the table drops them with DROP TRIGGER, or by registering a study of it.")));
}

void
ReportNotPositive(int64 value)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("value " INT64_FORMAT " of a feature is neither 0 nor 1", value)));
}

void
ReportIntensitiesOfNoFeature(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("a study without features has no intensities"),
			 errdetail("A cell has one for each feature.")));
}

void
ReportNoIntensitiesColumn(const Study *study)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("study \"%s\" has no intensities", study->name),
			 errhint("Drop it with cell_drop_study(), and register it anew with the argument \"intensities\", the column that has them.")));
}

void
ReportNullOfCell(const Study *study, const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("column \"%s\" of source \"%s\" of study \"%s\" must not be null",
					column, get_rel_name(study->source), study->name),
			 errhint("A view can leave such cells out, or replace the null with coalesce(), and be the source.")));
}

void
ReportIntensityCount(const Study *study, int64 cell_id, int intensities)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cell_id " INT64_FORMAT " has %d intensities, but study \"%s\" has %d features",
					cell_id, intensities, study->name, study->features)));
}

void
ReportSubsampleSize(int64 cells)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("number of cells " INT64_FORMAT " is out of range", cells),
			 errdetail("It must not be negative.")));
}

void
ReportSubsampleTooLarge(const Study *study, uint64 cells)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("subsample of study \"%s\" would exceed %d bytes", study->name, MaxPayloadSize()),
			 errdetail("There would be " UINT64_FORMAT " cells; at most %d with an intensity for each of %d features fit.",
					   cells, MaxPayloadSize() / study->features, study->features)));
}

void
ReportSourceUnsteady(const Study *study)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("source of study \"%s\" gave other cells when it was read again", study->name),
			 errdetail("It is read twice, by one snapshot."),
			 errhint("Rows of a view must not depend on volatile functions.")));
}

void
ReportChunkSize(int chunk_bytes)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("chunk size %d is out of range", chunk_bytes),
			 errdetail("A chunk must have at least one byte.")));
}

void
ReportChunkCount(int64 bytes, int chunk_bytes)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("number of chunks is out of range for " INT64_FORMAT " bytes in chunks of %d", bytes, chunk_bytes),
			 errdetail("It must be between 0 and %d.", PG_INT32_MAX)));
}

void
ReportPersistence(const char *table, const char *persistence)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table %s must be %s", table, persistence),
			 errdetail("Changes must outlive a crash, and payloads must not."),
			 errhint("Use ALTER TABLE %s SET %s.", table, strcmp(persistence, "logged") == 0 ? "LOGGED" : "UNLOGGED")));
}
