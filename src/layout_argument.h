/*
 * layout_argument.h
 *		The SQL argument "layout text".
 */
#ifndef CELL_BINARY_LAYOUT_ARGUMENT_H
#define CELL_BINARY_LAYOUT_ARGUMENT_H

#include "compat.h"

#include "format/layout.h"
#include "errors.h"

/* The layout that an argument names, or an error that lists all. */
static inline const CbLayout *
GetLayoutArgument(FunctionCallInfo fcinfo, int arg)
{
	text	   *name = PG_GETARG_TEXT_PP(arg);
	const CbLayout *layout = cb_layout_named(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));

	if (layout == NULL)
		ReportUnknownLayout(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	return layout;
}

/*
 * Refuse an argument that names another layout than earlier rows did.  This
 * is for every row: comparing a few bytes here takes less than calling memcmp.
 */
static inline void
CheckLayoutArgument(FunctionCallInfo fcinfo, int arg, const CbLayout *expected)
{
	text	   *name = PG_GETARG_TEXT_PP(arg);
	bool		same = VARSIZE_ANY_EXHDR(name) == expected->name_length;

	for (size_t i = 0; same && i < expected->name_length; i++)
		same = VARDATA_ANY(name)[i] == expected->name[i];
	if (unlikely(!same))
		ReportMixedLayouts(expected, GetLayoutArgument(fcinfo, arg));
}

#endif							/* CELL_BINARY_LAYOUT_ARGUMENT_H */
