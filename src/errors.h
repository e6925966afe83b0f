/*
 * errors.h
 *		The errors that a user can cause, each with its SQLSTATE, in one place.
 *
 * None of these functions returns.
 */
#ifndef CELL_BINARY_ERRORS_H
#define CELL_BINARY_ERRORS_H

#include "compat.h"

#include "coding/coding.h"
#include "format/layout.h"
#include "smprofiler/shapefile.h"

/*
 * An argument of an aggregate is NULL; row says for which row ("cell_id 7"),
 * NULL if that is not known.  The first one hints at leaving out the row.
 */
pg_noreturn extern void ReportNullArgument(const char *argument, const char *row);
pg_noreturn extern void ReportNull(const char *argument, const char *row, const char *hint);

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

/* A list of features has NULL for a name; counted from 0. */
pg_noreturn extern void ReportNullFeatureName(int feature);

/*
 * A row has a feature that is not in the list; a cell, or whatever owner says
 * ("cell 7"), has several rows for a feature, or none.
 */
pg_noreturn extern void ReportUnknownFeature(const char *feature, int length, const char *owner);
pg_noreturn extern void ReportFeatureTwice(const char *feature, int length, const char *owner);
pg_noreturn extern void ReportFeatureMissing(const char *feature, int length, const char *owner);

/* A group of rows has two lists of features. */
pg_noreturn extern void ReportMixedFeatures(void);

/* A text is not a cell_id. */
pg_noreturn extern void ReportCellText(const char *text, int length);

/* There are more cells than those whose features fit into a value. */
pg_noreturn extern void ReportFeaturesTooLarge(uint64 max_cells);

/* Bytes are not what was collected of the features of cells. */
pg_noreturn extern void ReportCollectedValues(uint32 values, bool with_values);
pg_noreturn extern void ReportCollectedSize(Size size, Size header, Size width);

/* The layout is NULL. */
pg_noreturn extern void ReportNullLayout(void);

/* There is no layout of that name. */
pg_noreturn extern void ReportUnknownLayout(const char *name, int length);

/* A group of rows names two layouts. */
pg_noreturn extern void ReportMixedLayouts(const CbLayout *first, const CbLayout *other);

/* The arrays of intensities of a group have different lengths. */
pg_noreturn extern void ReportMixedChannels(int first, int other);

/*
 * An array of intensities has several dimensions, none or too many elements,
 * or an element, counted from 1, that is NULL or NaN.
 */
pg_noreturn extern void ReportIntensityDimensions(int64 cell_id, int dimensions);
pg_noreturn extern void ReportNoIntensities(int64 cell_id);
pg_noreturn extern void ReportTooManyIntensities(int64 cell_id, int intensities, int max_intensities);
pg_noreturn extern void ReportNullIntensity(int64 cell_id, int element);
pg_noreturn extern void ReportIntensity(int64 cell_id, int element);

/* There are more cells than those that fit into a payload. */
pg_noreturn extern void ReportPayloadTooLarge(const CbLayout *layout, uint64 max_cells);

/* The same for a payload of intensities. */
pg_noreturn extern void ReportIntensitiesTooLarge(int channels, uint64 max_cells);

/* The cells take more bytes than a payload may have. */
pg_noreturn extern void ReportMeasuredTooLarge(const CbLayout *layout, uint64 cells, uint64 bytes);

/* A parallel worker has more cells than one value can hold. */
pg_noreturn extern void ReportPartialSetTooLarge(uint64 cells, uint64 max_cells);

/* Two rows have one cell_id. */
pg_noreturn extern void ReportRepeatedId(uint32 cell_id);

/* What src/format found wrong with cells or with bytes. */
pg_noreturn extern void ReportFault(const CbLayout *layout, const CbFault *fault);

/* A value has no code of one byte, or a code is none. */
pg_noreturn extern void ReportNotEncodable(void);
pg_noreturn extern void ReportFloat8Code(int code);

/* A text is not base64 where its decoder is, or not a shapefile. */
pg_noreturn extern void ReportShapeText(void);
pg_noreturn extern void ReportShapeFault(const CbShapeFault *fault);

/* There is no coding of that name. */
pg_noreturn extern void ReportUnknownCoding(const char *name, int length);

/* A level is given for a coding that has none, or is not one of the coding's. */
pg_noreturn extern void ReportNoLevels(const Coding *coding);
pg_noreturn extern void ReportLevel(const Coding *coding, int level);

/* The result of encoding does not fit into a bytea. */
pg_noreturn extern void ReportEncodedTooLarge(const Coding *coding);

/* The result of decoding is larger than a payload may be. */
pg_noreturn extern void ReportDecodedTooLarge(const Coding *coding);

/* Bytes are not of that coding: what the library says, or what we see. */
pg_noreturn extern void ReportInvalidCoding(const Coding *coding, const char *fault);
pg_noreturn extern void ReportTruncatedCoding(const Coding *coding);
pg_noreturn extern void ReportTrailingBytes(const Coding *coding, Size end, Size size);

/* To decode would take a larger window than is allowed. */
pg_noreturn extern void ReportWindowTooLarge(const Coding *coding, int max_window);

/* The library got no memory. */
pg_noreturn extern void ReportCodingMemory(const Coding *coding);

#endif							/* CELL_BINARY_ERRORS_H */
