/*
 * query.h
 *		The texts of the queries on a study's source.  Every name in them is
 *		quoted and schema-qualified.  source.h runs them.
 */
#ifndef CELL_BINARY_QUERY_H
#define CELL_BINARY_QUERY_H

#include "compat.h"

#include "format/layout.h"
#include "study/registry.h"

/*
 * One row: the payload of a sample.  It is made of the positions and features, or
 * of the intensities if the layout is of them.  Parameters: the sample, and in the
 * first case the layout.
 */
extern char *PackQuery(const Study *study, const CbLayout *layout);

/* What the text of PackQuery ends with. */
#define SAMPLE_PARAMETER "$1"

/*
 * PackQuery for a sample in a foreign partition, or no row without cells.  With this
 * form, the planner can send the aggregate to the other server.
 */
extern char *PackGroupQuery(const Study *study, const CbLayout *layout);

/* A row for each sample: its name and its payload.  Parameter: the layout, as above. */
extern char *PackAllQuery(const Study *study, const CbLayout *layout);

/* A row for each sample: its name; in the order of the sample column. */
extern char *SamplesQuery(const Study *study);

/* The same for a source with foreign tables, which send the names only. */
extern char *SamplesGroupQuery(const Study *study);

/*
 * A row for each cell: the name of its sample, its cell_id, its intensities,
 * and then either its phenotypes or one boolean or bigint for each feature.
 */
extern char *IntensitiesQuery(const Study *study);

/*
 * Queries on the study's relation of payloads, with the parameters layout and coding.
 *
 * ReadyQuery has the sample's name as a third parameter, and returns a row with its
 * payload, or with the payload's cells, bytes and etag.  ReadyAllQuery returns a row for
 * each sample: its name, the cells and the payload.  ReadySamplesQuery returns the names
 * of the samples in ascending order.
 */
extern char *ReadyQuery(const Study *study, bool wants_payload);
extern char *ReadyAllQuery(const Study *study);
extern char *ReadySamplesQuery(const Study *study);

/*
 * IntensitiesQuery for a scan: one row, the result of an aggregate with the same
 * columns as arguments, and the features as phenotypes.
 */
extern char *ScanIntensitiesQuery(const Study *study);

#endif							/* CELL_BINARY_QUERY_H */
