/*
 * codings.c
 *		cell_encode and cell_decode: payloads in an HTTP content coding.  The
 *		adapters to the libraries are in br.c, gzip.c and zstd.c.
 *
 * The input goes through a library in slices.  The output goes into a buffer
 * that grows by doubling and finally becomes the result.  So a call holds the
 * input, the output and the memory of the library, and nothing else.
 */
#include "coding/codings.h"

#include "access/detoast.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "settings.h"
#include "utils/builtins.h"

/*
 * Bytes that a library may read or write between two checks for interrupts.
 * At slow levels, some of which work at 0.5 MB/s, the input comes in small
 * slices, and each slice is flushed, because the libraries otherwise collect
 * far more input before they start.
 */
#define SLICE (256 * 1024)
#define SMALL_SLICE (32 * 1024)

const Coding coding_identity = {.name = "identity"};

static const Coding *const codings[] = {
	&coding_identity, &coding_gzip, &coding_zstd, &coding_br
};

/*
 * Start a stream, with a memory context for the library.  On an error the
 * memory is released with the parent context.
 */
static void
start_stream(CodingStream *stream)
{
	memset(stream, 0, sizeof(*stream));
	stream->at_start = true;
	stream->memory = AllocSetContextCreate(CurrentMemoryContext, "cell_binary coding",
										   ALLOCSET_DEFAULT_SIZES);
}

/*
 * Raise 22P03: the bytes are not valid in the coding, for the reason in
 * detail.
 */
pg_noreturn static void
raise_invalid(const Coding *coding, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid bytes for coding \"%s\"", coding->name),
			 errdetail_internal("%s", detail),
			 errhint("The coding must be the one that the payload was encoded in.")));
}

/*
 * Raise 54000: encoding or decoding would produce more bytes than the limit.
 */
pg_noreturn static void
raise_too_large(const Coding *coding, bool encoding, int limit)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 encoding ?
			 errmsg("payload encoded in coding \"%s\" would exceed %d bytes", coding->name, limit) :
			 errmsg("payload decoded from coding \"%s\" would exceed %d bytes", coding->name,
					limit),
			 limit < LARGEST_BYTEA ?
			 errdetail("The limit is \"cell_binary.max_payload_size\".") :
			 errdetail("The limit is the maximum size of a bytea.")));
}

/* Raise the error for a status that keeps the stream from continuing. */
static void
check_status(const Coding *coding, CodingStatus status, const CodingStream *stream)
{
	switch (status)
	{
		case CODING_GOES_ON:
		case CODING_ENDED:
			return;
		case CODING_INVALID:
			raise_invalid(coding, psprintf("The library %s reports \"%s\".", coding->library,
										   stream->fault ? stream->fault : "invalid data"));
		case CODING_WINDOW_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("window for coding \"%s\" is too large", coding->name),
					 errdetail("The bytes need a window of more than %d bytes, which RFC 9659 does "
							   "not allow.",
							   coding->max_window),
					 errhint("Encode the payload with a smaller window, for example with \"zstd "
							 "--zstd=wlog=%d\".",
							 pg_leftmost_one_pos32(coding->max_window))));
			break;
		case CODING_NO_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory"),
					 errdetail("The library %s, which implements coding \"%s\", could not "
							   "allocate memory.",
							   coding->library, coding->name)));
	}
}

/* Step a stream through the whole input, and return the whole output. */
static bytea *
run_stream(CodingStream *stream, const Coding *coding, const bytea *input, bool encoding)
{
	const Size	limit = encoding ? LARGEST_BYTEA : MaxPayloadSize();
	const Size	in_slice = stream->flush ? SMALL_SLICE : SLICE;
	Size		left = VARSIZE_ANY_EXHDR(input);
	Size		room = Min(SLICE, limit + 1);
	Size		size = 0;
	bytea	   *output = palloc(VARHDRSZ + room);

	stream->in = (const uint8 *) VARDATA_ANY(input);
	for (;;)
	{
		CodingStatus status;
		Size		in_given;
		Size		out_given;

		CHECK_FOR_INTERRUPTS();

		/*
		 * The buffer has room for one byte over the limit, which shows that
		 * the output is too large.
		 */
		if (size == room)
		{
			room = Min(2 * room, limit + 1);
			output = repalloc_huge(output, VARHDRSZ + room);
		}

		stream->in_left = in_given = Min(left, in_slice);
		stream->in_last = in_given == left;
		stream->out = (uint8 *) VARDATA(output) + size;
		stream->out_left = out_given = Min(room - size, SLICE);

		status = encoding ? coding->encode(stream) : coding->decode(stream);

		left -= in_given - stream->in_left;
		size += out_given - stream->out_left;
		if (encoding && status == CODING_INVALID)
			elog(ERROR, "coding \"%s\" failed: %s", coding->name, stream->fault);
		check_status(coding, status, stream);
		if (size > limit)
			raise_too_large(coding, encoding, limit);

		stream->at_start = status == CODING_ENDED ||
			(stream->at_start && stream->in_left == in_given);
		if (status == CODING_ENDED)
		{
			if (left == 0)
				break;
			if (!coding->concatenates)
				raise_invalid(coding,
							  psprintf("The encoded payload ends after byte %zu of %zu.",
									   VARSIZE_ANY_EXHDR(input) - left,
									   VARSIZE_ANY_EXHDR(input)));
		}
		else if (left == 0 && stream->out_left > 0)
		{
			if (encoding)
				elog(ERROR, "coding \"%s\" did not end", coding->name);
			raise_invalid(coding, "The bytes end before the encoded payload does.");
		}
	}

	MemoryContextDelete(stream->memory);
	output = repalloc(output, VARHDRSZ + size);
	SET_VARSIZE(output, VARHDRSZ + size);
	return output;
}

/* Return the names of all codings, for a hint. */
static const char *
coding_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (size_t i = 0; i < lengthof(codings); i++)
		appendStringInfo(&names, "%s\"%s\"", i > 0 ? ", " : "", codings[i]->name);
	return names.data;
}

const Coding *
GetCodingArgument(FunctionCallInfo fcinfo, int arg)
{
	text	   *name = PG_GETARG_TEXT_PP(arg);
	size_t		length = VARSIZE_ANY_EXHDR(name);

	for (size_t i = 0; i < lengthof(codings); i++)
		if (strlen(codings[i]->name) == length &&
			memcmp(codings[i]->name, VARDATA_ANY(name), length) == 0)
			return codings[i];
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown coding \"%s\"", text_to_cstring(name)),
			 errhint("The codings are %s.", coding_names())));
}

bytea *
EncodePayload(const Coding *coding, const bytea *payload, int level)
{
	CodingStream stream;

	start_stream(&stream);
	stream.flush = level >= coding->slow_level;
	check_status(coding, coding->start_encoding(&stream, level, VARSIZE_ANY_EXHDR(payload)),
				 &stream);
	return run_stream(&stream, coding, payload, true);
}

/*
 * cell_encode(payload bytea, coding text, level integer) -> bytea
 *
 * Returns the payload in a coding.  Not strict: a NULL level selects the
 * coding's default level; a NULL payload or coding returns NULL.  Errors:
 * 22023 for an unknown coding or a level that it does not have, 54000 if the
 * result would be too large.
 */
PG_FUNCTION_INFO_V1(cell_encode);
Datum
cell_encode(PG_FUNCTION_ARGS)
{
	const Coding *coding;
	int			level;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();

	coding = GetCodingArgument(fcinfo, 1);
	if (!PG_ARGISNULL(2) && coding->encode == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("coding \"%s\" has no levels", coding->name),
				 errhint("Omit the level, or pass NULL.")));
	level = PG_ARGISNULL(2) ? coding->default_level : PG_GETARG_INT32(2);
	if (level < coding->min_level || level > coding->max_level)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("level %d is out of range for coding \"%s\"", level, coding->name),
				 errdetail("A level must be from %d to %d; the default is %d.",
						   coding->min_level, coding->max_level, coding->default_level)));

	if (coding->encode == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));

	PG_RETURN_BYTEA_P(EncodePayload(coding, PG_GETARG_BYTEA_PP(0), level));
}

/*
 * cell_decode(encoded bytea, coding text) -> bytea; strict
 *
 * Returns the decoded payload.  Errors: 22023 for an unknown coding, 22P03 for
 * bytes that are not valid in it, 54000 if the payload or the window would be
 * too large.
 */
PG_FUNCTION_INFO_V1(cell_decode);
Datum
cell_decode(PG_FUNCTION_ARGS)
{
	const Coding *coding = GetCodingArgument(fcinfo, 1);
	CodingStream stream;
	bytea	   *encoded;

	if (coding->decode == NULL)
	{
		if (toast_raw_datum_size(PG_GETARG_DATUM(0)) - VARHDRSZ > (Size) MaxPayloadSize())
			raise_too_large(coding, false, MaxPayloadSize());
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}

	encoded = PG_GETARG_BYTEA_PP(0);
	start_stream(&stream);
	check_status(coding, coding->start_decoding(&stream), &stream);
	PG_RETURN_BYTEA_P(run_stream(&stream, coding, encoded, false));
}
