/*
 * zstd.c
 *		The coding "zstd", RFC 8878 and RFC 9659, implemented with libzstd.
 */
#include "coding/coding.h"

#include <zstd.h>
#include <zstd_errors.h>

/*
 * The largest window of a frame, as a power of two: 8 MB.  RFC 9659 forbids a
 * larger one in this content coding, and browsers refuse it.
 */
#define WINDOW_LOG 23

/*
 * libzstd's stable interface takes no allocator.  Its memory comes from
 * malloc, and a callback of the stream's memory context frees it.
 */
static void
free_encoder(void *encoder)
{
	ZSTD_freeCCtx(encoder);
}

static void
free_decoder(void *decoder)
{
	ZSTD_freeDCtx(decoder);
}

/*
 * Register a callback that frees the library's state, which the caller creates
 * next, together with the stream.
 */
static MemoryContextCallback *
register_free(CodingStream *stream, MemoryContextCallbackFunction free_state)
{
	MemoryContextCallback *callback = CodingAllocate(stream, sizeof(*callback));

	if (callback != NULL)
	{
		callback->func = free_state;
		callback->arg = NULL;
		MemoryContextRegisterResetCallback(stream->memory, callback);
	}
	return callback;
}

/*
 * The frame records the length of its content, and ends with a checksum.  No
 * level up to max_level has a larger window than RFC 9659 allows.
 */
static CodingStatus
start_encoding(CodingStream *stream, int level, uint64 size)
{
	MemoryContextCallback *callback = register_free(stream, free_encoder);
	ZSTD_CCtx  *encoder;

	if (callback == NULL)
		return CODING_NO_MEMORY;
	stream->state = callback->arg = encoder = ZSTD_createCCtx();
	if (encoder == NULL ||
		ZSTD_isError(ZSTD_CCtx_setParameter(encoder, ZSTD_c_compressionLevel, level)) ||
		ZSTD_isError(ZSTD_CCtx_setParameter(encoder, ZSTD_c_checksumFlag, 1)) ||
		ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(encoder, size)))
		return CODING_NO_MEMORY;
	return CODING_GOES_ON;
}

static CodingStatus
start_decoding(CodingStream *stream)
{
	MemoryContextCallback *callback = register_free(stream, free_decoder);
	ZSTD_DCtx  *decoder;

	if (callback == NULL)
		return CODING_NO_MEMORY;
	stream->state = callback->arg = decoder = ZSTD_createDCtx();
	if (decoder == NULL ||
		ZSTD_isError(ZSTD_DCtx_setParameter(decoder, ZSTD_d_windowLogMax, WINDOW_LOG)))
		return CODING_NO_MEMORY;
	return CODING_GOES_ON;
}

/* Return the status for the result of a step; 0 is the end of a frame. */
static CodingStatus
status_of(CodingStream *stream, size_t result)
{
	if (!ZSTD_isError(result))
		return result == 0 ? CODING_ENDED : CODING_GOES_ON;
	switch (ZSTD_getErrorCode(result))
	{
		case ZSTD_error_memory_allocation:
			return CODING_NO_MEMORY;
		case ZSTD_error_frameParameter_windowTooLarge:
			return CODING_WINDOW_TOO_LARGE;
		default:
			stream->fault = ZSTD_getErrorName(result);
			return CODING_INVALID;
	}
}

static void
move_on(CodingStream *stream, const ZSTD_inBuffer *in, const ZSTD_outBuffer *out)
{
	stream->in += in->pos;
	stream->in_left -= in->pos;
	stream->out += out->pos;
	stream->out_left -= out->pos;
}

static CodingStatus
encode(CodingStream *stream)
{
	ZSTD_inBuffer in = {stream->in, stream->in_left, 0};
	ZSTD_outBuffer out = {stream->out, stream->out_left, 0};
	ZSTD_EndDirective directive = stream->in_last ? ZSTD_e_end :
		stream->flush ? ZSTD_e_flush : ZSTD_e_continue;
	CodingStatus status;

	status = status_of(stream, ZSTD_compressStream2(stream->state, &out, &in, directive));
	move_on(stream, &in, &out);
	if (status == CODING_ENDED && directive != ZSTD_e_end)
		status = CODING_GOES_ON;	/* only the flush has ended */
	return status;
}

static CodingStatus
decode(CodingStream *stream)
{
	ZSTD_inBuffer in = {stream->in, stream->in_left, 0};
	ZSTD_outBuffer out = {stream->out, stream->out_left, 0};
	CodingStatus status;

	/*
	 * At the start of a frame, libzstd may also accept formats older than the
	 * RFC's, with code that ignores the limit of the window.  The first byte
	 * identifies the format.
	 */
	if (stream->at_start && stream->in_left > 0 &&
		*stream->in != (ZSTD_MAGICNUMBER & 0xff) &&
		(*stream->in & 0xf0) != (ZSTD_MAGIC_SKIPPABLE_START & 0xf0))
	{
		stream->fault = ZSTD_getErrorString(ZSTD_error_prefix_unknown);
		return CODING_INVALID;
	}

	status = status_of(stream, ZSTD_decompressStream(stream->state, &out, &in));
	move_on(stream, &in, &out);
	return status;
}

const Coding coding_zstd = {
	.name = "zstd",
	.library = "zstd",
	.concatenates = true,
	.min_level = 1,
	.default_level = 1,
	.max_level = 19,
	.slow_level = 13,
	.max_window = 1 << WINDOW_LOG,
	.start_encoding = start_encoding,
	.encode = encode,
	.start_decoding = start_decoding,
	.decode = decode,
};
