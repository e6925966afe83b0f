/*
 * feature_list.h
 *		The SQL argument "features text[]" of an aggregate: the names of the
 *		features, in the order of their bits.
 */
#ifndef CELL_BINARY_FEATURE_LIST_H
#define CELL_BINARY_FEATURE_LIST_H

#include "compat.h"

#include "format/cell.h"

typedef struct FeatureList
{
	bytea	   *array;			/* the argument's bytes */
	uint64		number;			/* no other list that was made has it */
	bool		is_constant;	/* the same for all rows, as the query says */
	int			count;
	uint64		all;			/* the bits of all features */
	const char *name[CB_FEATURES];
	int			length[CB_FEATURES];	/* of the name; -1 behind the last one */

	/*
	 * Rows of a cell mostly come in the same order as those of the cell before:
	 * the bit that came after a bit is tried first.
	 */
	uint8		after[CB_FEATURES + 1];
	uint8		last;			/* the bit found last; CB_FEATURES before the
								 * first */
} FeatureList;

/*
 * A list from the bytes of a text[], copied into the current context.  Errors:
 * 54023 for more than CB_FEATURES names, 2202E for several dimensions, 22004
 * for a NULL, 22023 for a name that comes twice.
 */
extern FeatureList *FeatureListMake(const struct varlena *array);

/* Whether a list is of an array with the same bytes, and so the same names. */
extern bool FeatureListIsOf(const FeatureList *list, const struct varlena *array);

/* The list that an argument is, which must not be NULL; made once for equal ones. */
extern FeatureList *FeatureListArgument(FunctionCallInfo fcinfo, int arg);

/* The bit of a name that is not the expected one; -1 if it is none. */
extern int	FeatureListSearch(FeatureList *list, const char *name, int length);

/* The bit of a name; -1 if it is none. */
static inline int
FeatureListBit(FeatureList *list, const text *name)
{
	int			expected = list->after[list->last];
	int			length = VARSIZE_ANY_EXHDR(name);

	if (unlikely(length != list->length[expected] ||
				 memcmp(VARDATA_ANY(name), list->name[expected], length) != 0))
		return FeatureListSearch(list, VARDATA_ANY(name), length);
	list->last = expected;
	return expected;
}

#endif							/* CELL_BINARY_FEATURE_LIST_H */
