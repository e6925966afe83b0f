/*
 * etag.h
 *		The strong ETag of a payload, which is a hash of its bytes.
 */
#ifndef CELL_BINARY_ETAG_H
#define CELL_BINARY_ETAG_H

#include "compat.h"

/*
 * The entity tag of a payload as HTTP writes it (RFC 9110, section 8.8.3): the
 * SHA-256 of its bytes in lower-case hexadecimal, in double quotes.  The
 * result is in the current memory context.
 */
extern char *EntityTag(const bytea *payload);

#endif							/* CELL_BINARY_ETAG_H */
