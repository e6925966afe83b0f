/*
 * query.h
 *		The texts of the queries on a study's source, and on its relation of
 *		payloads.  Every name in them is quoted and schema-qualified.  source.h
 *		runs them.
 */
#ifndef CELL_BINARY_QUERY_H
#define CELL_BINARY_QUERY_H

#include "compat.h"

#include "coding/codings.h"
#include "format/layouts.h"
#include "study/registry.h"

typedef enum SourceQuery
{
	/*
	 * One row: the payload of a sample.  It is made of the positions and
	 * features, or of the intensities if the layout is of them.
	 */
	SOURCE_PACK,

	/* A row for each sample: its name and its payload. */
	SOURCE_PACK_ALL,

	/* A row for each sample: its name; in the order of the sample column. */
	SOURCE_SAMPLES,

	/*
	 * A row for each cell: the name of its sample, its cell_id, its intensities,
	 * and then either its phenotypes or one boolean or bigint for each feature.
	 */
	SOURCE_INTENSITIES,

	/*
	 * The same for a scan: one row, the result of an aggregate with the same
	 * columns as arguments, and the features as phenotypes.
	 */
	SOURCE_SCAN_INTENSITIES,

	/* The others read the study's relation of payloads. */

	/* One row: the payload of a sample. */
	SOURCE_READY,

	/* One row: the cells, bytes and etag of the payload. */
	SOURCE_READY_HEAD,

	/* A row for each sample: its name, the cells and the payload. */
	SOURCE_READY_ALL,

	/* A row for each sample: its name; in ascending order. */
	SOURCE_READY_SAMPLES
} SourceQuery;

/* What a query asks for; each query uses only some of them. */
typedef struct SourceArguments
{
	Datum		sample;			/* a value of the sample's type; for a query of
								 * payloads, the sample's name as a text */
	const CbLayout *layout;
	const Coding *coding;		/* of the payloads */
} SourceArguments;

/* Return whether a query reads the relation of payloads and not the source. */
static inline bool
IsOfPayloads(SourceQuery query)
{
	return query >= SOURCE_READY;
}

/* The text of a query, and its parameters. */
typedef struct QueryText
{
	char	   *text;
	int			count;
	Oid			types[3];
	Datum		values[3];
} QueryText;

/* What the text of SOURCE_PACK ends with. */
#define SAMPLE_PARAMETER "$1"

extern QueryText QueryTextOf(const Study *study, SourceQuery query,
							 const SourceArguments *arguments);

/*
 * Return another text of SOURCE_PACK, SOURCE_PACK_ALL, SOURCE_SAMPLES or
 * SOURCE_READY_SAMPLES, with the same parameters, in which the rows are grouped by
 * sample.  The planner can send it to the servers of foreign partitions.  Without
 * cells, it has no row.
 */
extern char *GroupQueryText(const Study *study, SourceQuery query, const CbLayout *layout);

#endif							/* CELL_BINARY_QUERY_H */
