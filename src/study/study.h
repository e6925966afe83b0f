/*
 * study.h
 *		A registered study: the relation that its cells are in, and the columns.
 */
#ifndef CELL_BINARY_STUDY_H
#define CELL_BINARY_STUDY_H

#include "compat.h"

#include "utils/array.h"
#include "utils/snapshot.h"

#define MAX_FEATURES 64

/* The columns of a row of the table cell_study. */
enum
{
	STUDY_ID = 1,
	STUDY_NAME,
	STUDY_SOURCE,
	STUDY_STORE,
	STUDY_REGISTERED_BY,
	STUDY_SAMPLE,
	STUDY_CELL_ID,
	STUDY_X,
	STUDY_Y,
	STUDY_PHENOTYPES,
	STUDY_FEATURE_COLUMNS,
	STUDY_FEATURES,
	STUDY_INTENSITIES,
	STUDY_COLUMNS = STUDY_INTENSITIES
};

/* A column of the source. */
typedef struct SourceColumn
{
	const char *name;
	Oid			type;			/* what a domain is over, if it is one */
} SourceColumn;

typedef struct Study
{
	Oid			schema;			/* of the extension */
	int32		id;
	const char *name;
	Oid			source;
	char		source_kind;	/* a relkind */
	bool		store;			/* payloads are to be stored */
	Oid			registered_by;	/* a role, which may have been dropped */
	SourceColumn sample;
	SourceColumn cell_id;
	SourceColumn x;
	SourceColumn y;
	SourceColumn phenotypes;	/* without a name if there are feature columns */
	int			feature_columns;
	SourceColumn *feature;
	int			features;
	const char **feature_names;
	SourceColumn intensities;	/* without a name if there are none */
	const char *fault;			/* why it is not registered correctly, or NULL */
} Study;

/*
 * The study of that name, as a snapshot has it; its source and columns are
 * checked.  An error if there is none, or the source is not what it was.
 *
 * A row of the registry is input like any other: the owner of the extension, a
 * restore or a publication can have written it.  It is validated whenever it is
 * read, and gives nobody a right that he would not have without it.
 */
extern Study *StudyNamed(Oid schema, const char *name, Snapshot snapshot);

/*
 * The same without a look at the source, and whether or not the row is valid,
 * as one that is not can be dropped; NULL if there is none.
 */
extern Study *StudyRead(Oid schema, const char *name, Snapshot snapshot);

/*
 * The source of the study with that id, and the name of the column that has the
 * samples; InvalidOid if there is none.  As of now: a writer's own snapshot may
 * be older than the study.
 */
extern Oid	StudySource(Oid schema, int32 id, char **sample_column);

/* Delete the study's row; nothing else. */
extern void StudyDelete(const Study *study);

/*
 * Take the lock of a study's name until the transaction ends: registering,
 * dropping and tracking it happen one after the other.  Nobody else waits.
 */
extern void StudyLockName(Oid schema, const char *name);

/*
 * Keep the source from being dropped, renamed or altered until the transaction
 * ends.  An error if it is gone, or the caller may not read any of it: who may
 * not, shall not lock it either.
 */
extern void StudyLockSource(Study *study);

/*
 * Find source and columns; an error if something is missing or does not fit, or
 * the study is not registered correctly.
 */
extern void StudyResolve(Study *study);

/*
 * The same of the column of intensities, which what serves payloads does not
 * need; an error also if there is none.
 */
extern void StudyResolveIntensities(Study *study);

/*
 * An error unless the caller may read all columns of the study.  This is what
 * the executor would find for the source of a query; but no query is planned,
 * which can run code of the source's owner.
 */
extern void StudyCheckReadable(const Study *study);

/* Whether changes of the source can be noticed by triggers. */
extern bool StudyHasTriggers(const Study *study);

/*
 * Queries of the source, complete and quoted.  That for the intensities gives a
 * row for each cell: the sample's name, cell_id, intensities, and then the mask,
 * or the features, booleans or bigints.
 */
extern char *StudyPackQuery(const Study *study);	/* $1 sample, $2 layout */
extern char *StudyPackAllQuery(const Study *study); /* $1 layout */
extern char *StudySamplesQuery(const Study *study);
extern char *StudySizesQuery(const Study *study);
extern char *StudyIntensitiesQuery(const Study *study);

/*
 * A sample as the query takes it, of the type of its column; and its name, of
 * which there is only one, whatever the caller wrote (7 for 007).
 */
extern Datum StudySampleValue(const Study *study, const char *given, const char **name);

/* The type of the query's first parameter. */
extern Oid	StudySampleType(const Study *study);

/* The same name from a value of the column; its length is returned. */
extern const char *SampleName(Oid type, Datum value, int *length);

/* What stands for a sample in keys: equal for equal names, and never 0. */
extern int64 SampleHash(const char *name, int length);

/*
 * The elements of a name[] or text[] as strings, NULL for those that are null;
 * the count is returned.
 */
extern int	ArrayStrings(ArrayType *array, const char ***strings);

/* The first string that is there twice, or NULL. */
extern const char *RepeatedString(int count, const char **strings);

/* Only who registered a study, owns its source or the extension may go on. */
extern void StudyCheckOwner(const Study *study);

#endif							/* CELL_BINARY_STUDY_H */
