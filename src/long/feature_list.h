/*
 * feature_list.h
 *		The SQL argument "features text[]" of an aggregate: the names of the
 *		features, in the order of their bits.
 */
#ifndef CELL_BINARY_FEATURE_LIST_H
#define CELL_BINARY_FEATURE_LIST_H

#include "compat.h"

#include "format/cell.h"
#include "same_bytes.h"

typedef struct FeatureList
{
	bytea	   *array;			/* the argument's bytes */
	uint64		number;			/* unique to this list in the process */
	bool		is_constant;	/* the query has a constant here, so all rows
								 * have the same list */
	int			count;
	uint64		all;			/* the bits of all features */
	const char *name[CB_FEATURES];
	int			length[CB_FEATURES];	/* of the name; -1 after the last
										 * one */

	/*
	 * The rows of a cell mostly come in the same order as those of the
	 * previous cell.  Therefore the bit that followed the last bit before is
	 * tried first.
	 */
	uint8		after[CB_FEATURES + 1];
	uint8		last;			/* the bit found last; CB_FEATURES before the
								 * first */
} FeatureList;

/*
 * Make a list from the bytes of a text[], which are copied into the current
 * memory context.  Errors: 54023 for more than CB_FEATURES names, 2202E for
 * more than one dimension, 22004 for a NULL, 22023 for a repeated name.
 */
extern FeatureList *FeatureListMake(const struct varlena *array);

/* Return whether a list was made from an array with the same bytes. */
extern bool FeatureListIsOf(const FeatureList *list, const struct varlena *array);

/*
 * Return the list in an argument, which must not be NULL.  The list is cached
 * in the function's memory context, and made again when the argument changes.
 */
extern FeatureList *FeatureListArgument(FunctionCallInfo fcinfo, int arg);

/*
 * Return the bit of a name that is not the expected one, or -1 for an unknown
 * name.
 */
extern int	FeatureListSearch(FeatureList *list, const char *name, int length);

/* Return the bit of a name, or -1 for an unknown name. */
static inline int
FeatureListBit(FeatureList *list, const char *name, int length)
{
	int			expected = list->after[list->last];

	if (unlikely(length != list->length[expected] ||
				 !SameBytes(name, list->name[expected], length)))
		return FeatureListSearch(list, name, length);
	list->last = expected;
	return expected;
}

#endif							/* CELL_BINARY_FEATURE_LIST_H */
