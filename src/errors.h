/*
 * errors.h
 *		The errors that a user can cause, each with its SQLSTATE, in one place.
 *
 * None of these functions returns.
 */
#ifndef CELL_BINARY_ERRORS_H
#define CELL_BINARY_ERRORS_H

#include "compat.h"

#include "core/layout.h"

/*
 * An argument of an aggregate is NULL; row says for which row ("cell_id 7"),
 * NULL if that is not known.
 */
pg_noreturn extern void ReportNullArgument(const char *argument, const char *row);

/* A coordinate is NaN, infinite or outside int32. */
pg_noreturn extern void ReportCoordinate(const char *axis, double value, const char *row);

/* A cell_id is outside uint32. */
pg_noreturn extern void ReportCellId(int64 cell_id);

/* There are more features than a mask has bits. */
pg_noreturn extern void ReportTooManyFeatures(int features, int max_features);

/* An array of features has more than one dimension. */
pg_noreturn extern void ReportFeatureDimensions(int dimensions);

/* A feature, counted from 0, is neither positive nor negative. */
pg_noreturn extern void ReportNullFeature(int feature);

/* A feature is not a bit of a mask. */
pg_noreturn extern void ReportFeatureIndex(int feature, int max_feature);

/* The layout is NULL. */
pg_noreturn extern void ReportNullLayout(void);

/* There is no layout of that name. */
pg_noreturn extern void ReportUnknownLayout(const char *name, int length);

/* A group of rows names two layouts. */
pg_noreturn extern void ReportMixedLayouts(const CbLayout *first, const CbLayout *other);

/* There are more cells than those that fit into a payload. */
pg_noreturn extern void ReportPayloadTooLarge(const CbLayout *layout, uint64 max_cells);

/* A parallel worker has more cells than one value can hold. */
pg_noreturn extern void ReportPartialSetTooLarge(uint64 cells, uint64 max_cells);

/* What src/core found wrong with cells or with bytes. */
pg_noreturn extern void ReportFault(const CbLayout *layout, const CbFault *fault);

#endif							/* CELL_BINARY_ERRORS_H */
