/*
 * br.c
 *		The coding "br", RFC 7932, implemented with brotli.
 */
#include "coding/coding.h"

#include <brotli/decode.h>
#include <brotli/encode.h>

/*
 * Allocate memory, or raise an error.  The encoder would call exit() on a
 * NULL, which would end the session.  The error passes through the library's
 * frames; that is safe because the library holds nothing except memory of the
 * stream, and is not called again.
 */
static void *
allocate_or_throw(void *stream, size_t size)
{
	return MemoryContextAllocHuge(((CodingStream *) stream)->memory, size);
}

static void *
allocate(void *stream, size_t size)
{
	return CodingAllocate(stream, size);
}

static void
release(void *stream pg_attribute_unused(), void *address)
{
	CodingFree(address);
}

static CodingStatus
start_encoding(CodingStream *stream, int level, uint64 size)
{
	BrotliEncoderState *encoder = BrotliEncoderCreateInstance(allocate_or_throw, release, stream);

	if (encoder == NULL)
		return CODING_NO_MEMORY;
	BrotliEncoderSetParameter(encoder, BROTLI_PARAM_QUALITY, level);
	BrotliEncoderSetParameter(encoder, BROTLI_PARAM_SIZE_HINT, size);
	stream->state = encoder;
	return CODING_GOES_ON;
}

static CodingStatus
start_decoding(CodingStream *stream)
{
	stream->state = BrotliDecoderCreateInstance(allocate, release, stream);
	return stream->state == NULL ? CODING_NO_MEMORY : CODING_GOES_ON;
}

static CodingStatus
encode(CodingStream *stream)
{
	BrotliEncoderOperation operation = stream->in_last ? BROTLI_OPERATION_FINISH :
		stream->flush ? BROTLI_OPERATION_FLUSH : BROTLI_OPERATION_PROCESS;
	size_t		in_left = stream->in_left;
	size_t		waiting = 0;

	/* The encoder takes no input while it has output from a flush. */
	if (BrotliEncoderHasMoreOutput(stream->state))
	{
		operation = BROTLI_OPERATION_PROCESS;
		waiting = in_left;
		in_left = 0;
	}
	if (!BrotliEncoderCompressStream(stream->state, operation, &in_left, &stream->in,
									 &stream->out_left, &stream->out, NULL))
	{
		stream->fault = "wrong call of the encoder";
		return CODING_INVALID;
	}
	stream->in_left = waiting + in_left;
	return BrotliEncoderIsFinished(stream->state) ? CODING_ENDED : CODING_GOES_ON;
}

static CodingStatus
decode(CodingStream *stream)
{
	BrotliDecoderErrorCode error;

	switch (BrotliDecoderDecompressStream(stream->state, &stream->in_left, &stream->in,
										  &stream->out_left, &stream->out, NULL))
	{
		case BROTLI_DECODER_RESULT_SUCCESS:
			return CODING_ENDED;
		case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
		case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
			return CODING_GOES_ON;
		case BROTLI_DECODER_RESULT_ERROR:
			break;
	}
	error = BrotliDecoderGetErrorCode(stream->state);
	if (error <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
		error >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
		return CODING_NO_MEMORY;
	stream->fault = BrotliDecoderErrorString(error);
	return CODING_INVALID;
}

const Coding coding_br = {
	.name = "br",
	.library = "brotli",
	.concatenates = false,
	.min_level = 0,
	.default_level = 4,
	.max_level = 11,
	.slow_level = 9,
	.start_encoding = start_encoding,
	.encode = encode,
	.start_decoding = start_decoding,
	.decode = decode,
};
