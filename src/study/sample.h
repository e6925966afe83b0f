/*
 * sample.h
 *		Conversion of a sample between its value in the sample column, its name
 *		and its hash.  query.h and source.h read the cells of a sample.
 */
#ifndef CELL_BINARY_SAMPLE_H
#define CELL_BINARY_SAMPLE_H

#include "compat.h"

/* The type of a query parameter that is compared with a sample column of a type. */
extern Oid	SampleParameterType(Oid column_type);

/*
 * Convert the text that a caller gives for a sample into a value of
 * SampleParameterType(column_type), and set *name to the sample's name.  A
 * sample has one name, however the caller writes it: in an integer column, 007
 * has the name 7.  Both results are in the current memory context.  Errors:
 * those of the type's input function.
 */
extern Datum SampleValue(Oid column_type, const char *given, const char **name);

/*
 * The name of a value.  It is not terminated by a zero byte: *length is its
 * length.  It may point into the value.
 */
extern const char *SampleName(Oid type, Datum value, int *length);

/*
 * The hash that the extension's tables use as the key of a sample.  It is
 * never 0, because cell_change uses 0 for "every sample".
 */
extern int64 SampleHash(const char *name, int length);

#endif							/* CELL_BINARY_SAMPLE_H */
