/*
 * registry.h
 *		The table cell_study: a registered study is a row of it.  Whether the
 *		source and its columns are what the row says is checked in study.h.
 */
#ifndef CELL_BINARY_REGISTRY_H
#define CELL_BINARY_REGISTRY_H

#include "compat.h"

#include "utils/snapshot.h"

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
	const char *fault;			/* what is wrong with the row, or NULL */
} Study;

/*
 * The study of that name, as a snapshot sees it; NULL if there is none.
 *
 * A row of the registry is input like any other: the owner of the extension, a
 * restore or a publication can have written it.  Each reading validates it.  A
 * row that is not valid is returned, too, with its fault, because it can be
 * dropped.
 */
extern Study *RegistryRead(Oid schema, const char *name, Snapshot snapshot);

/* The same.  Errors: 42704 if there is no such study. */
extern Study *RegistryGet(Oid schema, const char *name, Snapshot snapshot);

/*
 * The source of the study with an id, and the name of the column that has the
 * samples; InvalidOid if there is none.  As of now, because the snapshot of a
 * writer may be older than the study.
 */
extern Oid	RegistrySource(Oid schema, int32 id, char **sample_column);

/* Add the study's row, with an id that no study has. */
extern void RegistryInsert(Study *study);

/* Delete the study's row; nothing else. */
extern void RegistryDelete(const Study *study);

/*
 * Lock a study's name until the transaction ends, so that registering, dropping
 * and tracking it happen one after the other.  No other function waits for it.
 */
extern void RegistryLockName(Oid schema, const char *name);

#endif							/* CELL_BINARY_REGISTRY_H */
