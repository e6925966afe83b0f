/*
 * layout.h
 *		The layouts of a payload, and the functions that write and read a
 *		payload.
 *
 * docs/format.md is the byte-exact specification.  Each layout is one file
 * that defines a CbLayout, and one row of the table in layouts.c.
 *
 * Writing and reading work on batches of cells, so that the caller can check
 * for interrupts between batches and never holds all cells twice:
 *
 *	writing	cb_writer_init; if cb_writer_must_measure, the size pass:
 *			cb_writer_measure for every batch; cb_writer_begin with a
 *			buffer of cb_writer_size bytes; then the write pass:
 *			cb_writer_write for the same batches
 *	reading	cb_reader_open, cb_reader_start, then cb_reader_read until it
 *			returns no cell, or cb_reader_count
 *
 * channels is the number of intensities of each cell in layout intensity, from 1
 * to CB_FEATURES, and 0 in any other layout.
 *
 * A function that returns false has stored the reason in the fault of the
 * writer or reader.  No function here allocates memory.
 */
#ifndef CB_LAYOUT_H
#define CB_LAYOUT_H

#include "format/cell.h"
#include "format/dense.h"

/* Faults in cells to encode and in bytes to decode. */
typedef enum CbFaultCode
{
	CB_NO_FAULT = 0,

	/* encoding */
	CB_ID_REPEATED,				/* cell: the id that two cells have */
	CB_COORDINATE_TOO_LARGE,	/* field: "x" or "y"; cell: its id; found: the
								 * coordinate before the shift, truncated;
								 * expected: the largest that the layout can
								 * store */

	/* decoding: the bytes are not a payload of the layout */
	CB_HEADER_CUT,				/* found: bytes; expected: bytes of a header */
	CB_WRONG_LENGTH,			/* cell: cells in the header; found: bytes;
								 * expected: bytes that this number of cells
								 * takes */
	CB_ID_NOT_ASCENDING,		/* cell: position from 0; found: its id;
								 * expected: the id before it */
	CB_WRONG_EXTENT,			/* field: "minimum x" ...; found: the header's
								 * value; expected: the value computed from the
								 * cells */
	CB_WRONG_BYTE,				/* cell: offset; found: the byte there;
								 * expected: the byte that a payload with this
								 * number of cells has there */
	CB_WRONG_FIELD,				/* field: a header field; found: its value,
								 * which is not allowed */
	CB_WRONG_PARENT,			/* cell: a feature; found: its parent, which is
								 * not allowed */
	CB_FIRST_NOT_ZERO,			/* field: a value of the first cell that must
								 * be zero */
	CB_ID_TOO_LARGE,			/* an id would be over 2^32-1 */
	CB_COORDINATE_OUTSIDE,		/* field: "x" or "y"; cell: position from 0;
								 * found: a coordinate over int32 */
	CB_BITS_BEHIND_LAST,		/* bits are set in a plane after the last
								 * cell */
	CB_NOT_NEEDED,				/* field: what the header provides although the
								 * cells don't need it */
	CB_PART_OF_CELL				/* cell: channels; found: bytes; expected: bytes
								 * of a cell, which do not divide them */
} CbFaultCode;

typedef struct CbFault
{
	CbFaultCode code;
	const char *field;
	uint64_t	cell;
	int64_t		found;
	int64_t		expected;
} CbFault;

typedef struct CbLayout CbLayout;

/* A payload that is being written. */
typedef struct CbWriter
{
	const CbLayout *layout;
	unsigned	channels;
	uint64_t	cells;			/* in the payload */
	uint64_t	position;		/* of the next cell of this pass */
	uint32_t	last_id;		/* of the previous cell of this pass */
	CbExtent	extent;			/* of all cells */
	uint8_t    *payload;
	double		offset_x;		/* layout spt subtracts offset_x and */
	double		offset_y;		/* offset_y, then adds base, and */
	double		base;			/* then truncates */
	CbFault		fault;
	CbDenseWriter dense;
} CbWriter;

/* A payload that is being read. */
typedef struct CbReader
{
	const CbLayout *layout;
	unsigned	channels;
	const uint8_t *bytes;
	uint64_t	size;			/* of the whole payload */
	uint64_t	cells;			/* number in the header */
	uint64_t	position;		/* of the next cell */
	uint32_t	last_id;		/* of the last cell read */
	CbExtent	extent;			/* of the cells read so far */
	CbFault		fault;
	CbDenseReader dense;
} CbReader;

/*
 * A layout.  encode and decode get the batches in order, and never more cells
 * than the payload has.  Cells are encoded in ascending order of cell_id.
 */
struct CbLayout
{
	const char *name;
	size_t		name_length;
	bool		has_ids;		/* decoded cells have a cell_id */
	bool		has_intensities;	/* cells have intensities, but neither
									 * coordinates nor phenotypes */
	bool		takes_fractions;	/* takes untruncated coordinates */
	bool		needs_extent;	/* encoding needs the extent of all cells */
	size_t		header_size;	/* bytes that decode_header reads */
	size_t		cell_size;		/* if a payload is its header and then cells of
								 * equal size, their size; otherwise 0 */

	/*
	 * Bytes of a payload with this number of cells, or the fewest if the size
	 * depends on the cells.  UINT64_MAX if a payload cannot have this number
	 * of cells.
	 */
	uint64_t	(*size) (uint64_t cells);

	/* The size pass; NULL if the layout needs none. */
	void		(*measure) (CbWriter *writer, const CbBatch *batch);

	/*
	 * Bytes of the payload after the size pass; NULL if the size depends only
	 * on the number of cells.
	 */
	uint64_t	(*measured_size) (CbWriter *writer);

	void		(*encode_header) (CbWriter *writer);
	bool		(*encode) (CbWriter *writer, const CbBatch *batch);

	/*
	 * Set reader->cells and check it against the size.  Only the header may be
	 * read.
	 */
	bool		(*decode_header) (CbReader *reader);

	/* Read what decoding needs before the cells; NULL if it needs nothing. */
	bool		(*start) (CbReader *reader);

	/* Decode batch->count cells. */
	bool		(*decode) (CbReader *reader, CbBatch *batch);

	/* Run the checks that need all cells; NULL if there are none. */
	bool		(*decode_end) (CbReader *reader);

	/*
	 * Count the cells, among count cells from first, whose phenotypes equal
	 * all_of in the tested bits.  first is a multiple of CB_BATCH.
	 */
	uint64_t	(*count) (const CbReader *reader, uint64_t first, uint64_t count,
						  uint64_t tested, uint64_t all_of);
};

/* The layouts, each defined in its own file. */
extern const CbLayout cb_compact;
extern const CbLayout cb_spt;
extern const CbLayout cb_dense;
extern const CbLayout cb_arrow;
extern const CbLayout cb_intensity;

/*
 * Return an upper limit on the cells that a payload of at most max_bytes can
 * hold.
 */
extern uint64_t cb_layout_max_cells(const CbLayout *layout, uint64_t max_bytes);

/*
 * Start to write a payload of this number of cells.  extent is used only if
 * the layout needs it.
 */
extern void cb_writer_init(CbWriter *writer, const CbLayout *layout, unsigned channels,
						   uint64_t cells, const CbExtent *extent);

/* Return whether the layout needs the size pass. */
extern bool cb_writer_must_measure(const CbWriter *writer);

/*
 * Size pass: take the next cells into account.  Their ids must ascend; equal
 * ids are the fault CB_ID_REPEATED.  Truncated coordinates must fit in int32.
 */
extern bool cb_writer_measure(CbWriter *writer, const CbBatch *batch);

/* Return the bytes of the payload.  Call it once, after the size pass. */
extern uint64_t cb_writer_size(CbWriter *writer);

/*
 * Start the write pass: write the header into a buffer of cb_writer_size()
 * bytes.
 */
extern void cb_writer_begin(CbWriter *writer, uint8_t *payload);

/* Write the next cells, under the rules of cb_writer_measure. */
extern bool cb_writer_write(CbWriter *writer, const CbBatch *batch);

/*
 * Read the header of a payload of size bytes, and check it against the size.
 * At least the layout's header_size bytes must be there, or all bytes of a
 * shorter payload.
 */
extern bool cb_reader_open(CbReader *reader, const CbLayout *layout, unsigned channels,
						   const uint8_t *header, uint64_t size);

/* Start to read the cells; now all bytes must be there. */
extern bool cb_reader_start(CbReader *reader, const uint8_t *bytes);

/*
 * Decode the next cells.  An empty batch means that all cells were read and
 * the payload is valid.
 */
extern bool cb_reader_read(CbReader *reader, CbBatch *batch);

/*
 * Count the cells, among count cells from first (a multiple of CB_BATCH), that
 * have all bits of all_of and none of none_of.  This reads only phenotypes and
 * validates nothing else.
 */
extern uint64_t cb_reader_count(const CbReader *reader, uint64_t first, uint64_t count,
								uint64_t all_of, uint64_t none_of);

/* For the layouts: store a fault and return false. */
extern bool cb_writer_fail(CbWriter *writer, CbFault fault);
extern bool cb_reader_fail(CbReader *reader, CbFault fault);

/* For the layouts: check that the payload is long enough for its header. */
extern bool cb_reader_check_header(CbReader *reader);

/* For the layouts: check that the payload has the expected length. */
extern bool cb_reader_check_length(CbReader *reader, uint64_t expected);

/* For the layouts: check the bytes that start at an offset. */
extern bool cb_reader_check_bytes(CbReader *reader, uint64_t offset,
								  const uint8_t *expected, size_t count);

#endif							/* CB_LAYOUT_H */
