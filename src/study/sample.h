/*
 * sample.h
 *		A sample as a value of the source's column, as a name and as a hash.  What
 *		cells a sample has is asked of the source (query.h, source.h).
 */
#ifndef CELL_BINARY_SAMPLE_H
#define CELL_BINARY_SAMPLE_H

#include "compat.h"

/* The type of a query's parameter that is compared with a column of a type. */
extern Oid	SampleParameterType(Oid column_type);

/*
 * The value that a caller's text stands for in a column of a type, as the
 * parameter of a query; and its name.  A sample has one name, however the caller
 * wrote it: 7 for 007.  Errors: those of the type's input function.
 */
extern Datum SampleValue(Oid column_type, const char *given, const char **name);

/* The name of a value.  It is not terminated: *length is its length. */
extern const char *SampleName(Oid type, Datum value, int *length);

/* What stands for a sample in keys: equal for equal names, and never 0. */
extern int64 SampleHash(const char *name, int length);

#endif							/* CELL_BINARY_SAMPLE_H */
