/*
 * arrow_metadata.h
 *		The bytes before the columns in layout arrow.  They are the same for
 *		every payload except for eighteen numbers.
 *
 * They are two messages of the Arrow IPC stream format: a schema and a record
 * batch.  A message is 0xFFFFFFFF, the size of its metadata as an int32, and
 * the metadata, a flatbuffer of table Message.  The tables are those of
 * Arrow's Schema.fbs and Message.fbs.
 *
 * In a flatbuffer, a table starts with the distance back to its vtable.  A
 * vtable has its own size, the size of the table, and for each field, in the
 * order of the .fbs file, the field's offset in the table, or 0 if the field
 * is absent.  A union takes two fields, its type first.  A value that is not a
 * number is stored further on, and its field has the distance to it from the
 * field itself.  Vectors and strings start with their length, and a string
 * ends with a zero byte.  An int64 is at a multiple of 8; every other value is
 * at a multiple of its size.
 *
 * A flatbuffer may have a vtable anywhere, but the reader of Polars does not
 * find a vtable that is before the table or vector that leads to its table.
 *
 * The number at the start of a line is its offset in the payload.  A distance
 * is written as the two offsets that it lies between.
 */
#ifndef CB_ARROW_METADATA_H
#define CB_ARROW_METADATA_H

#include <stdint.h>

/* Offsets of what depends on the number of cells; all are int64. */
enum
{
	ARROW_BODY_LENGTH = 312,
	ARROW_BATCH_LENGTH = 344,
	ARROW_NODES = 360,			/* per column: length and null count */
	ARROW_NODE = 16,			/* bytes from one to the next */
	ARROW_BUFFERS = 432,		/* per column: offset and length of the
								 * validity bitmap, then those of the values */
	ARROW_BUFFER = 16,
	ARROW_BODY = 576			/* where the columns begin */
};

#define ARROW_16(value) (uint8_t) (value), (uint8_t) ((value) >> 8)
#define ARROW_32(value) ARROW_16(value), ARROW_16((value) >> 16)
#define ARROW_PATCHED 0, 0, 0, 0, 0, 0, 0, 0

/* The two kinds of distances. */
#define ARROW_VTABLE(at, vtable) ARROW_32((at) - (vtable))
#define ARROW_TO(at, target) ARROW_32((target) - (at))

/* *INDENT-OFF* */
static const uint8_t arrow_metadata[] = {
	/* ---- The schema message ---- */
	/*   0 */ ARROW_32(0xFFFFFFFF),
	/*   4 */ ARROW_32(280 - 8),		/* size of the metadata */
	/*   8 */ ARROW_TO(8, 24),			/* to the root, table Message */

	/* vtable of Message */
	/*  12 */ ARROW_16(12), ARROW_16(20),
	/*  16 */ ARROW_16(16),				/* version */
	/*  18 */ ARROW_16(18),				/* header_type */
	/*  20 */ ARROW_16(4),				/* header */
	/*  22 */ ARROW_16(8),				/* bodyLength */

	/* Message */
	/*  24 */ ARROW_VTABLE(24, 12),
	/*  28 */ ARROW_TO(28, 52),			/* header */
	/*  32 */ 0, 0, 0, 0, 0, 0, 0, 0,	/* bodyLength: none */
	/*  40 */ ARROW_16(4),				/* version: V5 */
	/*  42 */ 1,						/* header_type: Schema */
	/*  43 */ 0,						/* padding */

	/* vtable of Schema */
	/*  44 */ ARROW_16(8), ARROW_16(8),
	/*  48 */ ARROW_16(0),				/* endianness: not there, so Little */
	/*  50 */ ARROW_16(4),				/* fields */

	/* Schema */
	/*  52 */ ARROW_VTABLE(52, 44),
	/*  56 */ ARROW_TO(56, 60),			/* fields */

	/* vector of Field */
	/*  60 */ ARROW_32(4),
	/*  64 */ ARROW_TO(64, 96),
	/*  68 */ ARROW_TO(68, 116),
	/*  72 */ ARROW_TO(72, 136),
	/*  76 */ ARROW_TO(76, 156),

	/* vtable of Field */
	/*  80 */ ARROW_16(16), ARROW_16(20),
	/*  84 */ ARROW_16(4),				/* name */
	/*  86 */ ARROW_16(17),				/* nullable */
	/*  88 */ ARROW_16(16),				/* type_type */
	/*  90 */ ARROW_16(8),				/* type */
	/*  92 */ ARROW_16(0),				/* dictionary: not there */
	/*  94 */ ARROW_16(12),				/* children */

	/* Field cell_id */
	/*  96 */ ARROW_VTABLE(96, 80),
	/* 100 */ ARROW_TO(100, 232),		/* name */
	/* 104 */ ARROW_TO(104, 184),		/* type */
	/* 108 */ ARROW_TO(108, 276),		/* children */
	/* 112 */ 2,						/* type_type: Int */
	/* 113 */ 0,						/* nullable: false */
	/* 114 */ 0, 0,					/* padding */

	/* Field x */
	/* 116 */ ARROW_VTABLE(116, 80),
	/* 120 */ ARROW_TO(120, 244),		/* name */
	/* 124 */ ARROW_TO(124, 196),		/* type */
	/* 128 */ ARROW_TO(128, 276),		/* children */
	/* 132 */ 2,						/* type_type: Int */
	/* 133 */ 0,						/* nullable: false */
	/* 134 */ 0, 0,					/* padding */

	/* Field y */
	/* 136 */ ARROW_VTABLE(136, 80),
	/* 140 */ ARROW_TO(140, 252),		/* name */
	/* 144 */ ARROW_TO(144, 208),		/* type */
	/* 148 */ ARROW_TO(148, 276),		/* children */
	/* 152 */ 2,						/* type_type: Int */
	/* 153 */ 0,						/* nullable: false */
	/* 154 */ 0, 0,					/* padding */

	/* Field phenotypes */
	/* 156 */ ARROW_VTABLE(156, 80),
	/* 160 */ ARROW_TO(160, 260),		/* name */
	/* 164 */ ARROW_TO(164, 220),		/* type */
	/* 168 */ ARROW_TO(168, 276),		/* children */
	/* 172 */ 2,						/* type_type: Int */
	/* 173 */ 0,						/* nullable: false */
	/* 174 */ 0, 0,					/* padding */

	/* vtable of Int, not before the tables that lead to an Int: see above */
	/* 176 */ ARROW_16(8), ARROW_16(12),
	/* 180 */ ARROW_16(4),				/* bitWidth */
	/* 182 */ ARROW_16(8),				/* is_signed, before 3 bytes of padding */

	/* Int of cell_id, x, y, phenotypes */
	/* 184 */ ARROW_VTABLE(184, 176), ARROW_32(32), 0, 0, 0, 0,
	/* 196 */ ARROW_VTABLE(196, 176), ARROW_32(32), 1, 0, 0, 0,
	/* 208 */ ARROW_VTABLE(208, 176), ARROW_32(32), 1, 0, 0, 0,
	/* 220 */ ARROW_VTABLE(220, 176), ARROW_32(64), 0, 0, 0, 0,

	/* The names */
	/* 232 */ ARROW_32(7), 'c', 'e', 'l', 'l', '_', 'i', 'd', 0,
	/* 244 */ ARROW_32(1), 'x', 0, 0, 0,
	/* 252 */ ARROW_32(1), 'y', 0, 0, 0,
	/* 260 */ ARROW_32(10), 'p', 'h', 'e', 'n', 'o', 't', 'y', 'p', 'e', 's', 0, 0,

	/* vector of Field, the children of all four: none */
	/* 276 */ ARROW_32(0),

	/* ---- The record batch message ---- */
	/* 280 */ ARROW_32(0xFFFFFFFF),
	/* 284 */ ARROW_32(ARROW_BODY - 288),	/* size of the metadata */
	/* 288 */ ARROW_TO(288, 304),

	/* vtable of Message, as before */
	/* 292 */ ARROW_16(12), ARROW_16(20),
	/* 296 */ ARROW_16(16), ARROW_16(18), ARROW_16(4), ARROW_16(8),

	/* Message */
	/* 304 */ ARROW_VTABLE(304, 292),
	/* 308 */ ARROW_TO(308, 336),		/* header */
	/* 312 */ ARROW_PATCHED,			/* bodyLength */
	/* 320 */ ARROW_16(4),				/* version: V5 */
	/* 322 */ 3,						/* header_type: RecordBatch */
	/* 323 */ 0,						/* padding */

	/* vtable of RecordBatch, and padding */
	/* 324 */ ARROW_16(10), ARROW_16(20),
	/* 328 */ ARROW_16(8),				/* length */
	/* 330 */ ARROW_16(4),				/* nodes */
	/* 332 */ ARROW_16(16),				/* buffers */
	/* 334 */ 0, 0,

	/* RecordBatch */
	/* 336 */ ARROW_VTABLE(336, 324),
	/* 340 */ ARROW_TO(340, 356),		/* nodes */
	/* 344 */ ARROW_PATCHED,			/* length */
	/* 352 */ ARROW_TO(352, 428),		/* buffers */

	/* vector of FieldNode: length, null_count */
	/* 356 */ ARROW_32(4),
	/* 360 */ ARROW_PATCHED, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 376 */ ARROW_PATCHED, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 392 */ ARROW_PATCHED, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 408 */ ARROW_PATCHED, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 424 */ 0, 0, 0, 0,				/* padding */

	/* vector of Buffer: offset in the body, length */
	/* 428 */ ARROW_32(8),
	/* 432 */ ARROW_PATCHED, 0, 0, 0, 0, 0, 0, 0, 0,	/* no validity bitmap */
	/* 448 */ ARROW_PATCHED, ARROW_PATCHED,				/* cell_id */
	/* 464 */ ARROW_PATCHED, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 480 */ ARROW_PATCHED, ARROW_PATCHED,				/* x */
	/* 496 */ ARROW_PATCHED, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 512 */ ARROW_PATCHED, ARROW_PATCHED,				/* y */
	/* 528 */ ARROW_PATCHED, 0, 0, 0, 0, 0, 0, 0, 0,
	/* 544 */ ARROW_PATCHED, ARROW_PATCHED,				/* phenotypes */

	/* Padding, so that the body starts at a multiple of 64 */
	/* 560 */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
};
/* *INDENT-ON* */

_Static_assert(sizeof(arrow_metadata) == ARROW_BODY, "bytes of the metadata");
_Static_assert(ARROW_BODY % 64 == 0, "alignment of the columns");

#undef ARROW_16
#undef ARROW_32
#undef ARROW_PATCHED
#undef ARROW_VTABLE
#undef ARROW_TO

#endif							/* CB_ARROW_METADATA_H */
