/*
 * registry.h
 *		The table cell_study, in which each row is a registered study.  study.h
 *		checks that the source and its columns are as the row says.
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
	STUDY_SUBSAMPLE_CELLS,
	STUDY_SUBSAMPLE_SEED,
	STUDY_LISTED,
	STUDY_FULL_NAMES,
	STUDY_PAYLOADS,
	STUDY_COLUMNS = STUDY_PAYLOADS
};

/*
 * Whether the table has the column payloads.  In a database that was not updated from
 * version 0.1.0, the table can have a column of somebody else in this place.
 */
extern bool RegistryHasPayloads(TupleDesc columns);

/* A column of the source. */
typedef struct SourceColumn
{
	const char *name;
	Oid			type;			/* the base type, if the column has a domain */
} SourceColumn;

typedef struct Study
{
	Oid			schema;			/* of the extension */
	int32		id;
	const char *name;
	Oid			source;
	char		source_kind;	/* a relkind */
	bool		store;			/* whether payloads are stored */
	Oid			registered_by;	/* a role, which may have been dropped */
	SourceColumn sample;
	SourceColumn cell_id;
	SourceColumn x;
	SourceColumn y;
	SourceColumn phenotypes;	/* name is NULL if there are feature columns */
	int			feature_columns;
	SourceColumn *feature;
	int			features;
	const char **feature_names;
	const char **full_names;	/* of the features; NULL if there are none */
	SourceColumn intensities;	/* name is NULL if the study has none */
	int64		subsample_cells;	/* at least 1 */
	int64		subsample_seed;
	Oid			payloads;		/* a relation that has the payloads, or InvalidOid */
	bool		listed;			/* for those who ask which studies there are */
	const char *fault;			/* what is wrong with the row, or NULL */
} Study;

/*
 * The study with a name, as a snapshot sees it, in the current memory context;
 * NULL if there is none.  A NULL snapshot stands for a current catalog
 * snapshot.
 *
 * The owner of the extension, a restore or a publication can write rows into
 * the registry, so each read validates the row.  An invalid row is returned
 * with its fault and not as an error, because cell_drop_study() must be able
 * to drop it.
 */
extern Study *RegistryRead(Oid schema, const char *name, Snapshot snapshot);

/* The same, but raises 42704 if there is no such study. */
extern Study *RegistryGet(Oid schema, const char *name, Snapshot snapshot);

/*
 * The source of the study with an id, and the name of the sample column;
 * InvalidOid if there is no such study.  Reads with a current catalog
 * snapshot, because the snapshot of a writer can be older than the study.
 */
extern Oid	RegistrySource(Oid schema, int32 id, char **sample_column);

/* Insert the study's row, and set study->id to an unused id. */
extern void RegistryInsert(Study *study);

/* Set the relation of payloads in the study's row, or null. */
extern void RegistrySetPayloads(const Study *study);

/* Delete the study's row.  The caller deletes what other tables have of it. */
extern void RegistryDelete(const Study *study);

/*
 * Lock a study's name until the transaction ends, so that transactions that
 * register, drop or track the study run one after the other.  No other
 * function takes this lock.
 */
extern void RegistryLockName(Oid schema, const char *name);

#endif							/* CELL_BINARY_REGISTRY_H */
