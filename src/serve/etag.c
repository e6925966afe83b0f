/*
 * etag.c
 *		The strong ETag of a payload, which is a hash of its bytes.
 *
 * The hash is PostgreSQL's SHA-256, which is OpenSSL's if PostgreSQL is built
 * with OpenSSL.
 */
#include "serve/etag.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "utils/builtins.h"

/* Bytes that are hashed between two checks for interrupts. */
#define SLICE ((Size) 1024 * 1024)

char *
EntityTag(const bytea *payload)
{
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(payload);
	Size		size = VARSIZE_ANY_EXHDR(payload);
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	char	   *tag = palloc(2 * sizeof(digest) + 3);
	bool		fine = pg_cryptohash_init(hash) == 0;

	for (Size done = 0; fine && done < size; done += SLICE)
	{
		CHECK_FOR_INTERRUPTS();
		fine = pg_cryptohash_update(hash, bytes + done, Min(SLICE, size - done)) == 0;
	}
	if (!fine || pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(hash));
	pg_cryptohash_free(hash);

	tag[0] = '"';
	hex_encode((const char *) digest, sizeof(digest), tag + 1);
	tag[2 * sizeof(digest) + 1] = '"';
	tag[2 * sizeof(digest) + 2] = '\0';
	return tag;
}
