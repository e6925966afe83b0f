/*
 * dense_read.c
 *		Reading layout dense: decoding, validating and counting its cells; and
 *		the layout's CbLayout.  The writer is in dense_write.c.
 */
#include "format/dense_header.h"
#include "format/layout.h"

static const char *const axis_names[2] = {"x", "y"};

/*
 * Return the fewest bytes of a payload.  At least the plane of x is always
 * there.
 */
static uint64_t
dense_size(uint64_t cells)
{
	if (cells > DENSE_MAX_CELLS)
		return UINT64_MAX;
	return DENSE_HEADER + cb_plane_size(cells);
}

/* Refuse a header field whose value is not allowed. */
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
		!cb_reader_check_bytes(reader, 0, cb_dense_magic, sizeof(cb_dense_magic)))
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
		cb_reader_check_length(reader, cb_dense_payload_size(columns, reader->cells));
}

/* Read the parents of the features. */
static bool
dense_start(CbReader *reader)
{
	CbDenseColumns *columns = &reader->dense.columns;
	const uint8_t *next = reader->bytes + DENSE_HEADER;

	for (int k = 0; k < CB_FEATURES; k++)
		if (cb_dense_has(columns->features, k))
		{
			int			parent = *next++;

			if (parent != DENSE_NO_PARENT &&
				(parent >= k || !cb_dense_has(columns->features, parent)))
				return cb_reader_fail(reader, (CbFault)
									  {.code = CB_WRONG_PARENT, .cell = (uint64_t) k,
									   .found = parent});
			columns->parents[k] = (uint8_t) parent;
		}
	return true;
}

/*
 * Return the address where the planes have the bits of the batch at position.
 */
static const uint8_t *
first_plane(const CbReader *reader, uint64_t position)
{
	return reader->bytes + DENSE_HEADER + cb_dense_feature_count(&reader->dense.columns) +
		position / 8;
}

static bool
decode_ids(CbReader *reader, CbBatch *batch, const uint64_t *gaps)
{
	CbDenseReader *dense = &reader->dense;
	uint64_t	next_id = reader->position == 0 ? dense->columns.first_id :
		(uint64_t) reader->last_id + 1;
	uint64_t	all_gaps = 0;

	if (reader->position == 0 && gaps[0] != 0)
		return cb_reader_fail(reader,
							  (CbFault) {.code = CB_FIRST_NOT_ZERO, .field = "gap of cell_id"});
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

/* Decode one axis, whose stored values begin at bit shift of codes. */
static bool
decode_axis(CbReader *reader, int axis_number, const uint64_t *codes, int shift,
			size_t count, double *values)
{
	CbDenseReader *dense = &reader->dense;
	CbDenseAxis *axis = &dense->columns.axes[axis_number];
	const char *name = axis_names[axis_number];
	const uint32_t mask = (uint32_t) (((uint64_t) 1 << axis->planes) - 1);

	if (axis->differences)
	{
		if (reader->position == 0 && ((uint32_t) (codes[0] >> shift) & mask) != 0)
			return cb_reader_fail(reader, (CbFault)
								  {.code = CB_FIRST_NOT_ZERO,
								   .field = axis_number == 0 ? "difference of x" :
									   "difference of y"});
		for (size_t i = 0; i < count; i++)
		{
			uint32_t	code = (uint32_t) (codes[i] >> shift) & mask;

			dense->codes[axis_number] |= code;
			axis->last += cb_dense_unzigzag(code);
			values[i] = (int32_t) axis->last;
		}
		return true;
	}

	for (size_t i = 0; i < count; i++)
	{
		uint32_t	code = (uint32_t) (codes[i] >> shift) & mask;

		/* base + code must not exceed the largest int32. */
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

/* Clear the planes of numbers with this number of bits. */
static void
no_planes(CbPlanes planes, int bits)
{
	memset(planes, 0, (size_t) cb_planes_for(bits) * sizeof(*planes));
}

static bool
dense_decode(CbReader *reader, CbBatch *batch)
{
	CbDenseReader *dense = &reader->dense;
	const CbDenseColumns *columns = &dense->columns;
	const uint64_t plane_size = cb_plane_size(reader->cells);
	const size_t count = batch->count;
	const int	coordinate_planes = columns->axes[0].planes + columns->axes[1].planes;
	const int	mask_bits = cb_dense_mask_bits(columns->features);
	const uint8_t *next = first_plane(reader, reader->position);
	uint64_t	numbers[CB_BATCH] = {0};
	CbPlanes	planes;
	bool		clean = true;	/* no bits are set after the last cell */

	if (columns->gap_planes > 0)
	{
		no_planes(planes, columns->gap_planes);
		for (int bit = 0; bit < columns->gap_planes; bit++, next += plane_size)
			clean &= cb_get_plane(next, planes[bit], count);
		cb_numbers_of(planes, count, columns->gap_planes, numbers);
	}
	if (!decode_ids(reader, batch, numbers))
		return false;

	no_planes(planes, coordinate_planes);
	for (int bit = 0; bit < coordinate_planes; bit++, next += plane_size)
		clean &= cb_get_plane(next, planes[bit], count);
	cb_numbers_of(planes, count, coordinate_planes, numbers);
	if (!decode_axis(reader, 0, numbers, 0, count, batch->x) ||
		!decode_axis(reader, 1, numbers, columns->axes[0].planes, count, batch->y))
		return false;

	no_planes(planes, mask_bits);
	for (int k = 0; k < CB_FEATURES; k++)
		if (cb_dense_has(columns->features, k))
		{
			clean &= cb_get_plane(next, planes[k], count);
			next += plane_size;
			if (columns->parents[k] != DENSE_NO_PARENT)
				for (size_t word = 0; word < CB_BATCH_WORDS; word++)
					planes[k][word] ^= planes[columns->parents[k]][word];
		}
	if (!clean)
		return cb_reader_fail(reader, (CbFault) {.code = CB_BITS_BEHIND_LAST});
	cb_numbers_of(planes, count, mask_bits, batch->phenotypes);
	for (size_t i = 0; i < count; i++)
	{
		batch->phenotypes[i] ^= columns->base_mask;
		dense->any |= batch->phenotypes[i];
		dense->all &= batch->phenotypes[i];
	}
	return true;
}

/*
 * Refuse planes and bases that the cells don't need, so that each choice of an
 * encoder has only one valid form.
 */
static bool
dense_decode_end(CbReader *reader)
{
	const CbDenseReader *dense = &reader->dense;
	const CbDenseColumns *columns = &dense->columns;
	const char *field = NULL;

	if (reader->cells == 0)
		return true;
	if (columns->gap_planes != cb_dense_bit_length(dense->gaps))
		field = "planes of cell_id";
	for (int i = 0; i < 2; i++)
	{
		const CbDenseAxis *axis = &columns->axes[i];
		int			needed = cb_dense_bit_length(dense->codes[i]);

		/* There is a plane of x even if all x are equal. */
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

/*
 * Count 64 cells at a time: a cell matches if its bit in each tested plane has
 * the value asked for.
 */
static uint64_t
dense_count(const CbReader *reader, uint64_t first, uint64_t count,
			uint64_t tested, uint64_t all_of)
{
	const CbDenseColumns *columns = &reader->dense.columns;
	const uint64_t plane_size = cb_plane_size(reader->cells);
	const uint8_t *at[CB_FEATURES] = {NULL};
	const uint8_t *next =
		first_plane(reader, first) + (uint64_t) cb_dense_number_planes(columns) * plane_size;
	uint64_t	asked = tested & columns->features;
	uint64_t	needed = asked;
	uint64_t	found = 0;

	if ((columns->base_mask ^ all_of) & tested & ~columns->features)
		return 0;				/* all cells have, or all lack, this feature */

	for (int k = CB_FEATURES - 1; k >= 0; k--)
		if (cb_dense_has(needed, k) && columns->parents[k] != DENSE_NO_PARENT)
			needed |= (uint64_t) 1 << columns->parents[k];
	for (int k = 0; k < CB_FEATURES; k++)
		if (cb_dense_has(columns->features, k))
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
			matching[word] = cells - word * 64 >= 64 ? UINT64_MAX :
				((uint64_t) 1 << cells % 64) - 1;
		for (int k = 0; k < CB_FEATURES; k++)
			if (cb_dense_has(needed, k))
			{
				uint64_t	absent = 0 - (uint64_t) !cb_dense_has(columns->base_mask ^ all_of, k);

				(void) cb_get_plane(at[k] + done / 8, planes[k], cells);
				if (columns->parents[k] != DENSE_NO_PARENT)
					for (size_t word = 0; word < CB_BATCH_WORDS; word++)
						planes[k][word] ^= planes[columns->parents[k]][word];
				if (cb_dense_has(asked, k))
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
	.measure = cb_dense_measure,
	.measured_size = cb_dense_measured_size,
	.encode_header = cb_dense_encode_header,
	.encode = cb_dense_encode,
	.decode_header = dense_decode_header,
	.start = dense_start,
	.decode = dense_decode,
	.decode_end = dense_decode_end,
	.count = dense_count,
};
