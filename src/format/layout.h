/*
 * layout.h
 *		The layouts of a payload, and how to write and read one.
 *
 * docs/format.md is the byte-exact specification.  A layout is one file that
 * defines a CbLayout, and one row in layout.c.
 *
 * Both ways work on batches of cells, so that the caller can look for
 * interrupts in between and never holds all cells twice:
 *
 *	writing	cb_writer_init; for layouts that cb_writer_must_measure, the size
 *			pass: cb_writer_measure for every batch; cb_writer_begin with a
 *			buffer of cb_writer_size bytes; then the write pass:
 *			cb_writer_write for the same batches
 *	reading	cb_reader_open, cb_reader_start, then cb_reader_read until it
 *			gives no cell, or cb_reader_count
 *
 * A function that returns false has left what is wrong in the writer's or
 * reader's fault.  Nothing here allocates memory.
 */
#ifndef CB_LAYOUT_H
#define CB_LAYOUT_H

#include "format/cell.h"
#include "format/dense.h"

/* What can be wrong with cells to encode or bytes to decode. */
typedef enum CbFaultCode
{
	CB_NO_FAULT = 0,

	/* encoding */
	CB_ID_REPEATED,				/* cell: the id that two cells have */
	CB_COORDINATE_TOO_LARGE,	/* field: "x" or "y"; cell: its id; found: the
								 * coordinate as it came, truncated; expected:
								 * the largest that can be stored */

	/* decoding: the bytes are not a payload of the layout */
	CB_HEADER_CUT,				/* found: bytes; expected: bytes of a header */
	CB_WRONG_LENGTH,			/* cell: cells that the header announces;
								 * found: bytes; expected: bytes of so many */
	CB_ID_NOT_ASCENDING,		/* cell: position from 0; found: its id;
								 * expected: the id before it */
	CB_WRONG_EXTENT,			/* field: "minimum x" ...; found: the header's
								 * value; expected: the value in the cells */
	CB_WRONG_BYTE,				/* cell: offset; found: the byte there;
								 * expected: the one that every payload, or
								 * one of so many cells, has there */
	CB_WRONG_FIELD,				/* field: what the header gives; found: a
								 * value that it cannot have */
	CB_WRONG_PARENT,			/* cell: a feature; found: what it has as
								 * parent, but cannot */
	CB_FIRST_NOT_ZERO,			/* field: what the first cell has none of */
	CB_ID_TOO_LARGE,			/* an id would be over 2^32-1 */
	CB_COORDINATE_OUTSIDE,		/* field: "x" or "y"; cell: position from 0;
								 * found: a coordinate over int32 */
	CB_BITS_BEHIND_LAST,		/* in a plane, behind the last cell's */
	CB_NOT_NEEDED				/* field: what the header gives, but the cells
								 * don't need */
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

/* A payload being written. */
typedef struct CbWriter
{
	const CbLayout *layout;
	uint64_t	cells;			/* of the payload */
	uint64_t	position;		/* of the next cell of this pass */
	uint32_t	last_id;		/* of the cells of this pass */
	CbExtent	extent;			/* of all cells */
	uint8_t    *payload;
	double		offset_x;		/* what layout spt subtracts before it */
	double		offset_y;		/* truncates */
	double		base;			/* and then adds */
	CbFault		fault;
	CbDenseWriter dense;
} CbWriter;

/* A payload being read. */
typedef struct CbReader
{
	const CbLayout *layout;
	const uint8_t *bytes;
	uint64_t	size;			/* of the whole payload */
	uint64_t	cells;			/* that the header announces */
	uint64_t	position;		/* of the next cell */
	uint32_t	last_id;		/* of the cells read */
	CbExtent	extent;			/* of the cells read */
	CbFault		fault;
	CbDenseReader dense;
} CbReader;

/*
 * A layout.  encode and decode get batches in order, and never more cells
 * than there are in the payload; cells are encoded ascending by cell_id.
 */
struct CbLayout
{
	const char *name;
	size_t		name_length;
	bool		has_ids;		/* decoded cells have a cell_id */
	bool		takes_fractions;	/* encodes untruncated coordinates */
	bool		needs_extent;	/* encoding takes that of all cells */
	size_t		header_size;	/* what decode_header looks at */
	size_t		cell_size;		/* where a payload is its header, then cell
								 * after cell, all of that size; otherwise 0 */

	/*
	 * Bytes of a payload of that many cells; the fewest, if it depends on the
	 * cells.  UINT64_MAX if there can't be so many.
	 */
	uint64_t	(*size) (uint64_t cells);

	/* The size pass; NULL for a layout that needs none. */
	void		(*measure) (CbWriter *writer, const CbBatch *batch);

	/* Bytes after the size pass, if that depends on the cells; or NULL. */
	uint64_t	(*measured_size) (CbWriter *writer);

	void		(*encode_header) (CbWriter *writer);
	bool		(*encode) (CbWriter *writer, const CbBatch *batch);

	/* Set cells and compare them with the size; only the header is there. */
	bool		(*decode_header) (CbReader *reader);

	/* Read what else is to be known before the cells; NULL if nothing is. */
	bool		(*start) (CbReader *reader);

	/* Decode batch->count cells. */
	bool		(*decode) (CbReader *reader, CbBatch *batch);

	/* Check what shows only when all cells were read; NULL if nothing does. */
	bool		(*decode_end) (CbReader *reader);

	/*
	 * Of the count cells from first on, those whose mask, cut to the bits
	 * that are tested, equals all_of.  first is a multiple of CB_BATCH.
	 */
	uint64_t	(*count) (const CbReader *reader, uint64_t first, uint64_t count,
						  uint64_t tested, uint64_t all_of);
};

extern const CbLayout cb_compact;
extern const CbLayout cb_spt;
extern const CbLayout cb_dense;
extern const CbLayout cb_arrow;

/* The layout of that name (not terminated, length bytes), or NULL. */
extern const CbLayout *cb_layout_named(const char *name, size_t length);

/* The layout with that index from 0, or NULL after the last one. */
extern const CbLayout *cb_layout_at(size_t index);

/* The most cells that a payload of at most max_bytes may be able to hold. */
extern uint64_t cb_layout_max_cells(const CbLayout *layout, uint64_t max_bytes);

/*
 * Start to write a payload of that many cells, with that extent if the layout
 * needs it.
 */
extern void cb_writer_init(CbWriter *writer, const CbLayout *layout, uint64_t cells,
						   const CbExtent *extent);

/* Whether the layout needs the size pass. */
extern bool cb_writer_must_measure(const CbWriter *writer);

/*
 * Take the next cells into account.  They must ascend by cell_id; equal ids
 * are the fault CB_ID_REPEATED.  Coordinates must be within int32 once they
 * are truncated.
 */
extern bool cb_writer_measure(CbWriter *writer, const CbBatch *batch);

/* Bytes of the payload; to be called once, after the size pass. */
extern uint64_t cb_writer_size(CbWriter *writer);

/* Start the write pass: write the header into cb_writer_size() bytes. */
extern void cb_writer_begin(CbWriter *writer, uint8_t *payload);

/* Write the next cells; see cb_writer_measure. */
extern bool cb_writer_write(CbWriter *writer, const CbBatch *batch);

/*
 * Look at the header of a payload of size bytes, and check it against the
 * size.  Of the bytes at least the layout's header_size (or all, if fewer)
 * must be there.
 */
extern bool cb_reader_open(CbReader *reader, const CbLayout *layout,
						   const uint8_t *header, uint64_t size);

/* Start to read the cells, now that all bytes are there. */
extern bool cb_reader_start(CbReader *reader, const uint8_t *bytes);

/*
 * Decode the next cells; a batch without any means that all were read and the
 * payload is valid.
 */
extern bool cb_reader_read(CbReader *reader, CbBatch *batch);

/*
 * Of the count cells from first (a multiple of CB_BATCH) on, those that have
 * all bits of all_of and none of none_of.  Reads masks only: what the payload
 * has besides is not validated.
 */
extern uint64_t cb_reader_count(const CbReader *reader, uint64_t first, uint64_t count,
								uint64_t all_of, uint64_t none_of);

/* For the layouts: note a fault and return false. */
extern bool cb_writer_fail(CbWriter *writer, CbFault fault);
extern bool cb_reader_fail(CbReader *reader, CbFault fault);

/* For the layouts: check that a payload has its header. */
extern bool cb_reader_check_header(CbReader *reader);

/* For the layouts: check that it has as many bytes as its cells take. */
extern bool cb_reader_check_length(CbReader *reader, uint64_t expected);

/* For the layouts: check the bytes from an offset on. */
extern bool cb_reader_check_bytes(CbReader *reader, uint64_t offset,
								  const uint8_t *expected, size_t count);

#endif							/* CB_LAYOUT_H */
