/*
 * gzip.c
 *		The coding "gzip", RFC 1952, implemented with zlib.
 */
#include "coding/coding.h"

#define ZLIB_CONST
#include <zlib.h>

/* zlib's largest window, 32 kB; adding 16 selects the gzip format. */
#define WINDOW_BITS (MAX_WBITS + 16)

static voidpf
allocate(voidpf stream, uInt items, uInt size)
{
	return CodingAllocate(stream, (size_t) items * size);
}

static void
release(voidpf stream pg_attribute_unused(), voidpf address)
{
	CodingFree(address);
}

static z_stream *
new_zlib(CodingStream *stream)
{
	z_stream   *zlib = CodingAllocate(stream, sizeof(z_stream));

	if (zlib != NULL)
	{
		memset(zlib, 0, sizeof(*zlib));
		zlib->zalloc = allocate;
		zlib->zfree = release;
		zlib->opaque = stream;
	}
	return stream->state = zlib;
}

/*
 * The gzip header has no time and no file name, so that equal input gives
 * equal bytes.
 */
static CodingStatus
start_encoding(CodingStream *stream, int level, uint64 size pg_attribute_unused())
{
	const int	memory_level = 8;	/* zlib's default */
	z_stream   *zlib = new_zlib(stream);

	if (zlib == NULL ||
		deflateInit2(zlib, level, Z_DEFLATED, WINDOW_BITS, memory_level,
					 Z_DEFAULT_STRATEGY) != Z_OK)
		return CODING_NO_MEMORY;
	return CODING_GOES_ON;
}

static CodingStatus
start_decoding(CodingStream *stream)
{
	z_stream   *zlib = new_zlib(stream);

	if (zlib == NULL || inflateInit2(zlib, WINDOW_BITS) != Z_OK)
		return CODING_NO_MEMORY;
	return CODING_GOES_ON;
}

/* Pass the slices to zlib, and take them back as zlib left them. */
static void
lend(const CodingStream *stream, z_stream *zlib)
{
	zlib->next_in = stream->in;
	zlib->avail_in = stream->in_left;
	zlib->next_out = stream->out;
	zlib->avail_out = stream->out_left;
}

static void
take_back(CodingStream *stream, const z_stream *zlib)
{
	stream->in = zlib->next_in;
	stream->in_left = zlib->avail_in;
	stream->out = zlib->next_out;
	stream->out_left = zlib->avail_out;
}

/* zlib processes its input as it comes, so a slow level needs no flush. */
static CodingStatus
encode(CodingStream *stream)
{
	z_stream   *zlib = stream->state;
	int			result;

	lend(stream, zlib);
	result = deflate(zlib, stream->in_last ? Z_FINISH : Z_NO_FLUSH);
	take_back(stream, zlib);
	return result == Z_STREAM_END ? CODING_ENDED : CODING_GOES_ON;
}

static CodingStatus
decode(CodingStream *stream)
{
	z_stream   *zlib = stream->state;
	int			result;

	lend(stream, zlib);
	result = inflate(zlib, Z_NO_FLUSH);
	take_back(stream, zlib);
	switch (result)
	{
		case Z_OK:
		case Z_BUF_ERROR:		/* zlib had nothing to do */
			return CODING_GOES_ON;
		case Z_STREAM_END:
			inflateReset(zlib);
			return CODING_ENDED;
		case Z_MEM_ERROR:
			return CODING_NO_MEMORY;
		default:
			stream->fault = zlib->msg;
			return CODING_INVALID;
	}
}

const Coding coding_gzip = {
	.name = "gzip",
	.library = "zlib",
	.concatenates = true,
	.min_level = 1,
	.default_level = 4,
	.max_level = 9,
	.slow_level = 6,
	.start_encoding = start_encoding,
	.encode = encode,
	.start_decoding = start_decoding,
	.decode = decode,
};
