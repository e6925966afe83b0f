/*
 * codings.h
 *		The codings of a payload for transport, which are HTTP's content codings.
 *		The adapters to the libraries are in br.c, gzip.c and zstd.c.
 */
#ifndef CELL_BINARY_CODINGS_H
#define CELL_BINARY_CODINGS_H

#include "compat.h"

#include "coding/coding.h"

/* The coding that changes nothing; it has no functions. */
extern const Coding coding_identity;

/*
 * Return the coding that a text argument names.  Errors: 22023 for an unknown
 * name.
 */
extern const Coding *GetCodingArgument(FunctionCallInfo fcinfo, int arg);

/*
 * Encode a payload in a coding other than "identity", at one of its levels.
 * The result is allocated in the current memory context.
 */
extern bytea *EncodePayload(const Coding *coding, const bytea *payload, int level);

#endif							/* CELL_BINARY_CODINGS_H */
