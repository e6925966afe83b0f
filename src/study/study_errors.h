/*
 * study_errors.h
 *		The errors that studies can cause, each with its SQLSTATE, in one place.
 *
 * None of those that are declared so returns.
 */
#ifndef CELL_BINARY_STUDY_ERRORS_H
#define CELL_BINARY_STUDY_ERRORS_H

#include "compat.h"

#include "study/study.h"

/* There is no study of that name, or there is one already. */
pg_noreturn extern void ReportUnknownStudy(const char *name);
pg_noreturn extern void ReportStudyExists(const char *name);

/* A row of the registry is not as cell_register_study() makes it. */
pg_noreturn extern void ReportInvalidRegistryRow(const Study *study);

/* The study has no cells in that sample. */
pg_noreturn extern void ReportUnknownSample(const Study *study, const char *sample);

/* The source is gone, or is nothing that has rows. */
pg_noreturn extern void ReportDroppedSource(const Study *study);
pg_noreturn extern void ReportSourceKind(const Study *study);

/* Changes of a part of the source cannot be noticed, for the reason in the detail. */
pg_noreturn extern void ReportSourceUnnoticed(const Study *study, const char *detail);

/* A column of the source is missing, of a wrong type, or named twice. */
pg_noreturn extern void ReportMissingColumn(const Study *study, const char *column);
pg_noreturn extern void ReportColumnType(const Study *study, const char *column, const char *type,
										 const char *role, const char *types);
pg_noreturn extern void ReportSampleCollation(const Study *study, const char *column);
pg_noreturn extern void ReportRepeatedColumn(const char *column);

/* An argument of cell_register_study is wrong. */
pg_noreturn extern void ReportNullStudyArgument(const char *argument);
pg_noreturn extern void ReportTwoKindsOfFeatures(void);
pg_noreturn extern void ReportNoFeatures(void);
pg_noreturn extern void ReportFeatureCount(int features, int columns);
pg_noreturn extern void ReportRepeatedFeature(const char *feature);

/* What the current role must be to go on. */
pg_noreturn extern void ReportNotSourceOwner(const Study *study);
pg_noreturn extern void ReportNotStudyOwner(const Study *study);

/* A payload of the study cannot be made ready, for the reason in the detail. */
pg_noreturn extern void ReportNotStored(const Study *study, const char *detail, bool lacks_triggers);

/* The study has no triggers to be made. */
pg_noreturn extern void ReportNotTracked(const Study *study);

/* A warning: what was packed is served, but not stored. */
extern void ReportStoreFailed(const Study *study, const char *sample, const ErrorData *error);

/* A warning: a study that was inserted into the registry is not stored. */
extern void ReportStoreRefused(const char *source);

/* A notice: a table gets no triggers. */
extern void ReportTriggersNotMade(const Study *study, Oid table);

/* A notice: the triggers of a table stay. */
extern void ReportTriggersLeft(const Study *study, Oid table);

/* An integer column of a feature has another value than 0 and 1. */
pg_noreturn extern void ReportNotPositive(int64 value);

/* A study without features would have intensities. */
pg_noreturn extern void ReportIntensitiesOfNoFeature(void);

/* There is no column that has the study's intensities. */
pg_noreturn extern void ReportNoIntensitiesColumn(const Study *study);

/* A column of a cell is null. */
pg_noreturn extern void ReportNullOfCell(const Study *study, const char *column);

/* A cell does not have an intensity for each feature. */
pg_noreturn extern void ReportIntensityCount(const Study *study, int64 cell_id, int intensities);

/* A number of cells is negative, or more than fit into a payload. */
pg_noreturn extern void ReportSubsampleSize(int64 cells);
pg_noreturn extern void ReportSubsampleTooLarge(const Study *study, uint64 cells);

/* What was read twice by one snapshot was not the same. */
pg_noreturn extern void ReportSourceUnsteady(const Study *study);

/* A chunk has no bytes, or fewer. */
pg_noreturn extern void ReportChunkSize(int chunk_bytes);

/* Bytes are fewer than none, or more than can be counted in chunks of that size. */
pg_noreturn extern void ReportChunkCount(int64 bytes, int chunk_bytes);

/* A table of the extension was made logged or unlogged, which it must not be. */
pg_noreturn extern void ReportPersistence(const char *table, const char *persistence);

#endif							/* CELL_BINARY_STUDY_ERRORS_H */
