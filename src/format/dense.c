/*
 * dense.c
 *		Layout dense: columns as bit planes, for a general coder to compress.
 *
 * The ids are stored as gaps, a coordinate as difference to the cell before
 * or to the smallest one, and the phenotypes as one plane a feature, XORed
 * with the plane of the feature that is most like it.  docs/format.md is the
 * specification, docs/dense.md tells what else was tried.
 *
 * Each feature chooses its parent by counts of pairs in a sample of the
 * batches, so that this takes little of the time, and memory does not grow
 * with the cells.
 */
#include "format/bitplanes.h"
#include "format/layout.h"

enum
{
	DENSE_HEADER = 40,			/* without the parents */
	DENSE_VERSION = 1,
	DENSE_MAX_CELLS = (1 << 26) - 1,	/* that compact holds in a gigabyte */
	DENSE_DIFFERENCES = 0x80,	/* flag beside an axis' number of planes */
	DENSE_NO_PARENT = 255,
	DENSE_SAMPLE_FIRST = 64,	/* batches that are all in the sample; */
	DENSE_SAMPLE_EVERY = 16		/* of later ones, each of so many */
};

/* Offsets in the header. */
enum
{
	AT_CELLS = 4,
	AT_FIRST_ID = 8,
	AT_BASES = 12,				/* of x, of y */
	AT_GAP_PLANES = 20,
	AT_AXES = 21,				/* planes of x, of y */
	AT_RESERVED = 23,
	AT_BASE_MASK = 24,
	AT_FEATURES = 32
};

static const uint8_t magic[AT_CELLS] = {'C', 'B', 'D', DENSE_VERSION};

static const char *const axis_names[2] = {"x", "y"};

/* The fewest bytes of a payload: the plane of x is always there. */
static uint64_t
dense_size(uint64_t cells)
{
	if (cells > DENSE_MAX_CELLS)
		return UINT64_MAX;
	return DENSE_HEADER + cb_plane_size(cells);
}

/* The number of bits that a value needs. */
static inline int
bit_length(uint32_t value)
{
	return value == 0 ? 0 : 32 - __builtin_clz(value);
}

/* 0, -1, 1, -2, ... as 0, 1, 2, 3, ... */
static inline uint32_t
zigzag(uint32_t difference)
{
	return difference << 1 ^ (0 - (difference >> 31));
}

static inline uint32_t
unzigzag(uint32_t code)
{
	return code >> 1 ^ (0 - (code & 1));
}

static inline bool
has_bit(uint64_t mask, int bit)
{
	return (mask >> bit & 1) != 0;
}

static inline int
count_features(const CbDenseColumns *columns)
{
	return __builtin_popcountll(columns->features);
}

/* Planes in front of those of the features. */
static inline int
count_number_planes(const CbDenseColumns *columns)
{
	return columns->gap_planes + columns->axes[0].planes + columns->axes[1].planes;
}

/* Bytes of a payload with these columns. */
static uint64_t
payload_size(const CbDenseColumns *columns, uint64_t cells)
{
	uint64_t	features = (uint64_t) count_features(columns);

	return DENSE_HEADER + features +
		(features + (uint64_t) count_number_planes(columns)) * cb_plane_size(cells);
}

/* ---- the size pass ---- */

/* Take the coordinates of a batch into account. */
static void
measure_axis(CbDenseRange *range, const double *values, size_t count, bool is_first)
{
	CbDenseRange wide = *range;

	if (is_first)
	{
		int32_t		first = (int32_t) values[0];

		wide = (CbDenseRange) {.first = first, .last = first, .min = first, .max = first};
	}
	for (size_t i = 0; i < count; i++)
	{
		int32_t		value = (int32_t) values[i];
		uint32_t	code = zigzag((uint32_t) value - (uint32_t) wide.last);

		wide.differences |= code;
		wide.difference_bits += (uint64_t) bit_length(code);
		wide.last = value;
		wide.min = value < wide.min ? value : wide.min;
		wide.max = value > wide.max ? value : wide.max;
	}
	*range = wide;
}

/* Count the features of a batch, and how often two are in the same cell. */
static void
sample_features(CbDenseWriter *dense, const CbBatch *batch)
{
	CbPlanes	planes;
	int			used[64];
	int			n = 0;

	cb_planes_of(batch->phenotypes, batch->count, planes);
	for (int k = 0; k < 64; k++)
		if (cb_count_common(planes[k], planes[k]) > 0)
			used[n++] = k;
	for (int k = 0; k < n; k++)
		for (int j = 0; j <= k; j++)
			dense->common[used[k]][used[j]] += cb_count_common(planes[used[k]], planes[used[j]]);
	dense->sampled += batch->count;
}

static void
dense_measure(CbWriter *writer, const CbBatch *batch)
{
	CbDenseWriter *dense = &writer->dense;
	bool		is_first = writer->position == 0;
	uint64_t	number = writer->position / CB_BATCH;
	uint32_t	last_id;

	if (is_first)
	{
		memset(dense, 0, sizeof(*dense));
		dense->all = UINT64_MAX;
		dense->columns.first_id = batch->cell_id[0];
	}
	last_id = is_first ? batch->cell_id[0] - 1 : writer->last_id;
	for (size_t i = 0; i < batch->count; i++)
	{
		dense->gaps |= batch->cell_id[i] - last_id - 1;
		last_id = batch->cell_id[i];
		dense->any |= batch->phenotypes[i];
		dense->all &= batch->phenotypes[i];
	}
	measure_axis(&dense->ranges[0], batch->x, batch->count, is_first);
	measure_axis(&dense->ranges[1], batch->y, batch->count, is_first);
	if (number < DENSE_SAMPLE_FIRST || number % DENSE_SAMPLE_EVERY == 0)
		sample_features(dense, batch);
}

/*
 * How to store an axis: what takes the fewer bits, as they are stored and as a
 * general coder may leave them, together.  Differences must save a bit, as
 * noise is better left as it is.
 */
static void
decide_axis(CbDenseAxis *axis, const CbDenseRange *range, uint64_t cells, int fewest_planes)
{
	int			whole = bit_length((uint32_t) range->max - (uint32_t) range->min);
	int			difference = bit_length(range->differences);

	axis->differences = range->difference_bits + (uint64_t) (difference + 1) * cells <
		2 * (uint64_t) whole * cells;
	axis->planes = axis->differences ? difference : whole;
	if (axis->planes < fewest_planes)
		axis->planes = fewest_planes;
	axis->base = (uint32_t) (axis->differences ? range->first : range->min);
	axis->last = axis->base;
}

/*
 * Which lower feature's plane each feature's is XORed with, and whether it is
 * inverted: what leaves the fewest ones.  Of equally many, no parent, then
 * the lowest.
 */
static void
decide_parents(CbDenseWriter *dense)
{
	CbDenseColumns *columns = &dense->columns;
	uint64_t	cells = dense->sampled;

	columns->features = dense->any & ~dense->all;
	columns->base_mask = dense->all;
	for (int k = 0; k < 64; k++)
	{
		uint64_t	ones = dense->common[k][k];
		bool		inverted = ones > cells - ones;
		uint64_t	fewest = inverted ? cells - ones : ones;

		columns->parents[k] = DENSE_NO_PARENT;
		if (!has_bit(columns->features, k))
			continue;
		for (int j = 0; j < k; j++)
		{
			uint64_t	differ = ones + dense->common[j][j] - 2 * (uint64_t) dense->common[k][j];

			if (has_bit(columns->features, j) &&
				(differ < fewest || cells - differ < fewest))
			{
				inverted = differ > cells - differ;
				fewest = inverted ? cells - differ : differ;
				columns->parents[k] = (uint8_t) j;
			}
		}
		if (columns->parents[k] != DENSE_NO_PARENT)
			inverted ^= has_bit(columns->base_mask, columns->parents[k]);
		columns->base_mask |= (uint64_t) inverted << k;
	}
}

static uint64_t
dense_measured_size(CbWriter *writer)
{
	CbDenseWriter *dense = &writer->dense;

	if (writer->cells == 0)
		return DENSE_HEADER;
	dense->columns.gap_planes = bit_length(dense->gaps);
	decide_axis(&dense->columns.axes[0], &dense->ranges[0], writer->cells, 1);
	decide_axis(&dense->columns.axes[1], &dense->ranges[1], writer->cells, 0);
	decide_parents(dense);
	return payload_size(&dense->columns, writer->cells);
}

/* ---- the write pass ---- */

static void
dense_encode_header(CbWriter *writer)
{
	const CbDenseColumns *columns = &writer->dense.columns;
	uint8_t    *header = writer->payload;
	uint8_t    *next = header + DENSE_HEADER;

	memset(header, 0, DENSE_HEADER);
	memcpy(header, magic, sizeof(magic));
	if (writer->cells == 0)
		return;

	cb_put_le32(header + AT_CELLS, (uint32_t) writer->cells);
	cb_put_le32(header + AT_FIRST_ID, columns->first_id);
	header[AT_GAP_PLANES] = (uint8_t) columns->gap_planes;
	for (int i = 0; i < 2; i++)
	{
		const CbDenseAxis *axis = &columns->axes[i];

		cb_put_le32(header + AT_BASES + 4 * i, axis->base);
		header[AT_AXES + i] = (uint8_t) (axis->planes | (axis->differences ? DENSE_DIFFERENCES : 0));
	}
	cb_put_le64(header + AT_BASE_MASK, columns->base_mask);
	cb_put_le64(header + AT_FEATURES, columns->features);
	for (int k = 0; k < 64; k++)
		if (has_bit(columns->features, k))
			*next++ = columns->parents[k];
}

/* What is stored for a coordinate. */
static inline uint32_t
axis_code(CbDenseAxis *axis, double value)
{
	uint32_t	coordinate = (uint32_t) (int32_t) value;
	uint32_t	code = coordinate - axis->base;

	if (axis->differences)
		code = zigzag(coordinate - axis->last);
	axis->last = coordinate;
	return code;
}

static bool
dense_encode(CbWriter *writer, const CbBatch *batch)
{
	CbDenseColumns *columns = &writer->dense.columns;
	const uint64_t plane_size = cb_plane_size(writer->cells);
	const size_t count = batch->count;
	uint8_t    *next = writer->payload + DENSE_HEADER + count_features(columns) + writer->position / 8;
	CbDenseAxis x = columns->axes[0];
	CbDenseAxis y = columns->axes[1];
	uint64_t	numbers[CB_BATCH];
	CbPlanes	planes;

	if (columns->gap_planes > 0)
	{
		uint32_t	last_id = writer->position == 0 ? columns->first_id - 1 : writer->last_id;

		for (size_t i = 0; i < count; i++)
		{
			numbers[i] = (uint32_t) (batch->cell_id[i] - last_id - 1);
			last_id = batch->cell_id[i];
		}
		cb_planes_of(numbers, count, planes);
		for (int bit = 0; bit < columns->gap_planes; bit++, next += plane_size)
			cb_put_plane(next, planes[bit], count);
	}

	for (size_t i = 0; i < count; i++)
		numbers[i] = axis_code(&x, batch->x[i]) | (uint64_t) axis_code(&y, batch->y[i]) << 32;
	cb_planes_of(numbers, count, planes);
	for (int bit = 0; bit < x.planes; bit++, next += plane_size)
		cb_put_plane(next, planes[bit], count);
	for (int bit = 0; bit < y.planes; bit++, next += plane_size)
		cb_put_plane(next, planes[32 + bit], count);
	columns->axes[0].last = x.last;
	columns->axes[1].last = y.last;

	for (size_t i = 0; i < count; i++)
		numbers[i] = batch->phenotypes[i] ^ columns->base_mask;
	cb_planes_of(numbers, count, planes);
	for (int k = 0; k < 64; k++)
		if (has_bit(columns->features, k))
		{
			uint64_t	stored[CB_BATCH_WORDS];

			memcpy(stored, planes[k], sizeof(stored));
			if (columns->parents[k] != DENSE_NO_PARENT)
				for (size_t word = 0; word < CB_BATCH_WORDS; word++)
					stored[word] ^= planes[columns->parents[k]][word];
			cb_put_plane(next, stored, count);
			next += plane_size;
		}
	return true;
}

/* ---- reading ---- */

/* Refuse a header in which a field can't have the value that it has. */
static bool
fail_field(CbReader *reader, const char *field, int64_t found)
{
	return cb_reader_fail(reader, (CbFault)
						  {.code = CB_WRONG_FIELD, .field = field, .found = found});
}

static bool
dense_decode_header(CbReader *reader)
{
	CbDenseReader *dense = &reader->dense;
	CbDenseColumns *columns = &dense->columns;
	const uint8_t *header = reader->bytes;
	static const uint8_t zeros[DENSE_HEADER - AT_FIRST_ID];

	if (!cb_reader_check_header(reader) ||
		!cb_reader_check_bytes(reader, 0, magic, sizeof(magic)))
		return false;

	memset(dense, 0, sizeof(*dense));
	reader->cells = cb_get_le32(header + AT_CELLS);
	if (reader->cells > DENSE_MAX_CELLS)
		return fail_field(reader, "number of cells", (int64_t) reader->cells);
	if (reader->cells == 0)
		return cb_reader_check_bytes(reader, AT_FIRST_ID, zeros, sizeof(zeros)) &&
			cb_reader_check_length(reader, DENSE_HEADER);

	columns->first_id = cb_get_le32(header + AT_FIRST_ID);
	columns->gap_planes = header[AT_GAP_PLANES];
	if (columns->gap_planes > 32)
		return fail_field(reader, "planes of cell_id", columns->gap_planes);
	for (int i = 0; i < 2; i++)
	{
		CbDenseAxis *axis = &columns->axes[i];

		axis->base = axis->last = cb_get_le32(header + AT_BASES + 4 * i);
		axis->planes = header[AT_AXES + i] & ~DENSE_DIFFERENCES;
		axis->differences = (header[AT_AXES + i] & DENSE_DIFFERENCES) != 0;
		if (axis->planes > 32 || (axis->planes == 0 && (i == 0 || axis->differences)))
			return fail_field(reader, i == 0 ? "planes of x" : "planes of y", header[AT_AXES + i]);
		dense->lowest[i] = UINT32_MAX;
	}
	dense->all = UINT64_MAX;
	columns->base_mask = cb_get_le64(header + AT_BASE_MASK);
	columns->features = cb_get_le64(header + AT_FEATURES);
	return cb_reader_check_bytes(reader, AT_RESERVED, zeros, 1) &&
		cb_reader_check_length(reader, payload_size(columns, reader->cells));
}

/* Read the parents. */
static bool
dense_start(CbReader *reader)
{
	CbDenseColumns *columns = &reader->dense.columns;
	const uint8_t *next = reader->bytes + DENSE_HEADER;

	for (int k = 0; k < 64; k++)
		if (has_bit(columns->features, k))
		{
			int			parent = *next++;

			if (parent != DENSE_NO_PARENT && (parent >= k || !has_bit(columns->features, parent)))
				return cb_reader_fail(reader, (CbFault)
									  {.code = CB_WRONG_PARENT, .cell = (uint64_t) k, .found = parent});
			columns->parents[k] = (uint8_t) parent;
		}
	return true;
}

/* Where the planes of a batch begin. */
static const uint8_t *
first_plane(const CbReader *reader, uint64_t position)
{
	return reader->bytes + DENSE_HEADER + count_features(&reader->dense.columns) + position / 8;
}

static bool
decode_ids(CbReader *reader, CbBatch *batch, const uint64_t *gaps)
{
	CbDenseReader *dense = &reader->dense;
	uint64_t	next_id = reader->position == 0 ? dense->columns.first_id : (uint64_t) reader->last_id + 1;
	uint64_t	all_gaps = 0;

	if (reader->position == 0 && gaps[0] != 0)
		return cb_reader_fail(reader, (CbFault) {.code = CB_FIRST_NOT_ZERO, .field = "gap of cell_id"});
	for (size_t i = 0; i < batch->count; i++)
	{
		all_gaps |= gaps[i];
		next_id += gaps[i];
		batch->cell_id[i] = (uint32_t) next_id++;
	}
	if (next_id - 1 > UINT32_MAX)
		return cb_reader_fail(reader, (CbFault) {.code = CB_ID_TOO_LARGE});
	dense->gaps |= (uint32_t) all_gaps;
	return true;
}

/* Decode one axis, whose codes begin at bit shift of the numbers. */
static bool
decode_axis(CbReader *reader, int axis_number, const uint64_t *codes, int shift,
			size_t count, double *values)
{
	CbDenseReader *dense = &reader->dense;
	CbDenseAxis *axis = &dense->columns.axes[axis_number];
	const char *name = axis_names[axis_number];

	if (axis->differences)
	{
		if (reader->position == 0 && (uint32_t) (codes[0] >> shift) != 0)
			return cb_reader_fail(reader, (CbFault)
								  {.code = CB_FIRST_NOT_ZERO,
								   .field = axis_number == 0 ? "difference of x" : "difference of y"});
		for (size_t i = 0; i < count; i++)
		{
			uint32_t	code = (uint32_t) (codes[i] >> shift);

			dense->codes[axis_number] |= code;
			axis->last += unzigzag(code);
			values[i] = (int32_t) axis->last;
		}
		return true;
	}

	for (size_t i = 0; i < count; i++)
	{
		uint32_t	code = (uint32_t) (codes[i] >> shift);

		/* Must base + code not exceed the largest int32? */
		if (code > (uint32_t) INT32_MAX - axis->base)
			return cb_reader_fail(reader, (CbFault)
								  {.code = CB_COORDINATE_OUTSIDE, .field = name,
								   .cell = reader->position + i,
								   .found = (int64_t) (int32_t) axis->base + code});
		dense->codes[axis_number] |= code;
		if (code < dense->lowest[axis_number])
			dense->lowest[axis_number] = code;
		values[i] = (int32_t) (axis->base + code);
	}
	return true;
}

static bool
dense_decode(CbReader *reader, CbBatch *batch)
{
	CbDenseReader *dense = &reader->dense;
	const CbDenseColumns *columns = &dense->columns;
	const uint64_t plane_size = cb_plane_size(reader->cells);
	const size_t count = batch->count;
	const uint8_t *next = first_plane(reader, reader->position);
	uint64_t	numbers[CB_BATCH] = {0};
	CbPlanes	planes;
	bool		clean = true;	/* no bits behind the last cell */

	if (columns->gap_planes > 0)
	{
		memset(planes, 0, sizeof(planes));
		for (int bit = 0; bit < columns->gap_planes; bit++, next += plane_size)
			clean &= cb_get_plane(next, planes[bit], count);
		cb_numbers_of(planes, count, numbers);
	}
	if (!decode_ids(reader, batch, numbers))
		return false;

	memset(planes, 0, sizeof(planes));
	for (int bit = 0; bit < columns->axes[0].planes; bit++, next += plane_size)
		clean &= cb_get_plane(next, planes[bit], count);
	for (int bit = 0; bit < columns->axes[1].planes; bit++, next += plane_size)
		clean &= cb_get_plane(next, planes[32 + bit], count);
	cb_numbers_of(planes, count, numbers);
	if (!decode_axis(reader, 0, numbers, 0, count, batch->x) ||
		!decode_axis(reader, 1, numbers, 32, count, batch->y))
		return false;

	memset(planes, 0, sizeof(planes));
	for (int k = 0; k < 64; k++)
		if (has_bit(columns->features, k))
		{
			clean &= cb_get_plane(next, planes[k], count);
			next += plane_size;
			if (columns->parents[k] != DENSE_NO_PARENT)
				for (size_t word = 0; word < CB_BATCH_WORDS; word++)
					planes[k][word] ^= planes[columns->parents[k]][word];
		}
	if (!clean)
		return cb_reader_fail(reader, (CbFault) {.code = CB_BITS_BEHIND_LAST});
	cb_numbers_of(planes, count, batch->phenotypes);
	for (size_t i = 0; i < count; i++)
	{
		batch->phenotypes[i] ^= columns->base_mask;
		dense->any |= batch->phenotypes[i];
		dense->all &= batch->phenotypes[i];
	}
	return true;
}

/* Refuse planes and bases that the cells don't need: one way to write them. */
static bool
dense_decode_end(CbReader *reader)
{
	const CbDenseReader *dense = &reader->dense;
	const CbDenseColumns *columns = &dense->columns;
	const char *field = NULL;

	if (reader->cells == 0)
		return true;
	if (columns->gap_planes != bit_length(dense->gaps))
		field = "planes of cell_id";
	for (int i = 0; i < 2; i++)
	{
		const CbDenseAxis *axis = &columns->axes[i];
		int			needed = bit_length(dense->codes[i]);

		/* There is a plane of x even if all are equal. */
		if (i == 0 && !axis->differences && needed == 0)
			needed = 1;
		if (axis->planes != needed)
			field = i == 0 ? "planes of x" : "planes of y";
		else if (!axis->differences && dense->lowest[i] != 0)
			field = i == 0 ? "base of x" : "base of y";
	}
	if (columns->features != (dense->any & ~dense->all))
		field = "features";
	if (field != NULL)
		return cb_reader_fail(reader, (CbFault) {.code = CB_NOT_NEEDED, .field = field});
	return true;
}

/* 64 cells at a time: a cell matches if its planes are as they are asked for. */
static uint64_t
dense_count(const CbReader *reader, uint64_t first, uint64_t count,
			uint64_t tested, uint64_t all_of)
{
	const CbDenseColumns *columns = &reader->dense.columns;
	const uint64_t plane_size = cb_plane_size(reader->cells);
	const uint8_t *at[64] = {NULL};
	const uint8_t *next = first_plane(reader, first) + (uint64_t) count_number_planes(columns) * plane_size;
	uint64_t	asked = tested & columns->features;
	uint64_t	needed = asked;
	uint64_t	found = 0;

	if ((columns->base_mask ^ all_of) & tested & ~columns->features)
		return 0;				/* a feature that all cells have or lack */

	for (int k = 63; k >= 0; k--)
		if (has_bit(needed, k) && columns->parents[k] != DENSE_NO_PARENT)
			needed |= (uint64_t) 1 << columns->parents[k];
	for (int k = 0; k < 64; k++)
		if (has_bit(columns->features, k))
		{
			at[k] = next;
			next += plane_size;
		}

	for (uint64_t done = 0; done < count; done += CB_BATCH)
	{
		const size_t cells = count - done < CB_BATCH ? (size_t) (count - done) : CB_BATCH;
		CbPlanes	planes;
		uint64_t	matching[CB_BATCH_WORDS] = {0};

		for (size_t word = 0; word * 64 < cells; word++)
			matching[word] = cells - word * 64 >= 64 ? UINT64_MAX : ((uint64_t) 1 << cells % 64) - 1;
		for (int k = 0; k < 64; k++)
			if (has_bit(needed, k))
			{
				uint64_t	absent = 0 - (uint64_t) !has_bit(columns->base_mask ^ all_of, k);

				(void) cb_get_plane(at[k] + done / 8, planes[k], cells);
				if (columns->parents[k] != DENSE_NO_PARENT)
					for (size_t word = 0; word < CB_BATCH_WORDS; word++)
						planes[k][word] ^= planes[columns->parents[k]][word];
				if (has_bit(asked, k))
					for (size_t word = 0; word < CB_BATCH_WORDS; word++)
						matching[word] &= planes[k][word] ^ absent;
			}
		found += cb_count_common(matching, matching);
	}
	return found;
}

const CbLayout cb_dense = {
	.name = "dense",
	.name_length = sizeof("dense") - 1,
	.has_ids = true,
	.header_size = DENSE_HEADER,
	.size = dense_size,
	.measure = dense_measure,
	.measured_size = dense_measured_size,
	.encode_header = dense_encode_header,
	.encode = dense_encode,
	.decode_header = dense_decode_header,
	.start = dense_start,
	.decode = dense_decode,
	.decode_end = dense_decode_end,
	.count = dense_count,
};
