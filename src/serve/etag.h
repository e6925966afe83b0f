/*
 * etag.h
 *		The strong ETag of a payload: a hash of its bytes.
 */
#ifndef CELL_BINARY_ETAG_H
#define CELL_BINARY_ETAG_H

#include "compat.h"

/*
 * The entity tag of some bytes as HTTP writes it (RFC 9110, section 8.8.3): in
 * double quotes, the SHA-256 of the bytes in lower-case hexadecimal.
 */
extern char *EntityTag(const bytea *payload);

#endif							/* CELL_BINARY_ETAG_H */
