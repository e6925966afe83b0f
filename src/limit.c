/*
 * limit.c
 *		The error for a payload that would be larger than the limit.  The limit
 *		itself is in limit.h.
 */
#include "limit.h"

void
RaiseTooLarge(const char *what, const char *fact, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s would exceed %d bytes", what, MaxPayloadSize()),
			 MaxPayloadSize() < LARGEST_BYTEA ?
			 errdetail("%s; the limit is \"cell_binary.max_payload_size\".", fact) :
			 errdetail("%s; the limit is the size of a bytea.", fact),
			 hint ? errhint("%s", hint) : 0));
}
