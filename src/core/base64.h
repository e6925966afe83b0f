/*
 * base64.h
 *		Bytes from base64 (RFC 4648), as much at a time as the caller likes.
 */
#ifndef CB_BASE64_H
#define CB_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text being decoded. */
typedef struct CbBase64
{
	const char *text;
	size_t		length;
	size_t		position;		/* of the next character; of the one that
								 * cannot be there, if there is one */
	bool		at_end;			/* all bytes were given */
} CbBase64;

extern void cb_base64_init(CbBase64 *decoder, const char *text, size_t length);

/*
 * Decode up to room bytes, a multiple of 3; fewer are the last ones.  Blanks
 * and line breaks are skipped, and at the end there must be the padding.  The
 * number of bytes is left in *count; false if the text is not base64.
 */
extern bool cb_base64_decode(CbBase64 *decoder, uint8_t *to, size_t room, size_t *count);

#endif							/* CB_BASE64_H */
