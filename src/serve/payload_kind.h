/*
 * payload_kind.h
 *		What the argument layout of cell_data stands for: a layout, in which the
 *		payload of a sample is packed, or a payload of the whole study.
 *
 * A payload of a study is its subsample or a part of it.  The parts are cut from
 * the subsample, so that all three are of the same cells.
 */
#ifndef CELL_BINARY_PAYLOAD_KIND_H
#define CELL_BINARY_PAYLOAD_KIND_H

#include "compat.h"

#include "format/layouts.h"

typedef struct PayloadKind
{
	const char *name;
	const CbLayout *layout;		/* NULL: the payload is of a study */

	/*
	 * Return a part of the subsample, in the current memory context; NULL unless
	 * the payload is a part of a subsample.
	 */
	bytea	   *(*cut) (const bytea *subsample);
} PayloadKind;

/* The subsample of a study, with its metadata. */
extern const PayloadKind subsample_kind;

/* Return the kind that an argument names.  Errors: 22023 for an unknown name. */
extern PayloadKind GetPayloadKindArgument(FunctionCallInfo fcinfo, int arg);

/* Return whether a kind is a payload of a study and not of a sample. */
static inline bool
IsOfStudy(const PayloadKind *kind)
{
	return kind->layout == NULL;
}

/* Return whether a kind needs the study's intensities. */
static inline bool
NeedsIntensities(const PayloadKind *kind)
{
	return kind->layout == NULL || kind->layout->has_intensities;
}

#endif							/* CELL_BINARY_PAYLOAD_KIND_H */
