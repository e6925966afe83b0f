/*
 * dense_write.c
 *		Writing layout dense: columns as bit planes, for a general-purpose
 *		coder to compress.  The reader is in dense_read.c.
 *
 * Ids are stored as gaps.  A coordinate is stored as its difference from the
 * previous cell, or from the smallest coordinate.  The phenotypes are stored
 * as one plane per feature, XORed with the plane of the feature that is most
 * similar.  docs/format.md is the specification; docs/dense.md describes the
 * alternatives that were measured.
 *
 * The parent of each feature is chosen from counts of pairs in a sample of the
 * batches: this takes little time, and the memory does not grow with the
 * number of cells.
 */
#include "format/dense_header.h"

/* Size pass: take the coordinates of a batch into account. */
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
		uint32_t	code = cb_dense_zigzag((uint32_t) value - (uint32_t) wide.last);

		wide.differences |= code;
		wide.difference_bits += (uint64_t) cb_dense_bit_length(code);
		wide.last = value;
		wide.min = value < wide.min ? value : wide.min;
		wide.max = value > wide.max ? value : wide.max;
	}
	*range = wide;
}

/*
 * Count the cells of a batch with each feature and with each pair of features.
 */
static void
sample_features(CbDenseWriter *dense, const CbBatch *batch)
{
	CbPlanes	planes;
	int			used[CB_FEATURES];
	int			n = 0;

	cb_planes_of(batch->phenotypes, batch->count, cb_dense_mask_bits(dense->any), planes);
	for (int k = 0; k < CB_FEATURES; k++)
		if (cb_dense_has(dense->any, k) && cb_count_common(planes[k], planes[k]) > 0)
			used[n++] = k;
	for (int k = 0; k < n; k++)
		for (int j = 0; j <= k; j++)
			dense->common[used[k]][used[j]] += cb_count_common(planes[used[k]], planes[used[j]]);
	dense->sampled += batch->count;
}

void
cb_dense_measure(CbWriter *writer, const CbBatch *batch)
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
 * Choose how to store an axis: the form with the smaller sum of the bits
 * stored and the bits that a general-purpose coder may leave.  Differences
 * must save more than one bit per cell, because noise is better left as it is.
 */
static void
decide_axis(CbDenseAxis *axis, const CbDenseRange *range, uint64_t cells, int fewest_planes)
{
	int			whole = cb_dense_bit_length((uint32_t) range->max - (uint32_t) range->min);
	int			difference = cb_dense_bit_length(range->differences);

	axis->differences = range->difference_bits + (uint64_t) (difference + 1) * cells <
		2 * (uint64_t) whole * cells;
	axis->planes = axis->differences ? difference : whole;
	if (axis->planes < fewest_planes)
		axis->planes = fewest_planes;
	axis->base = (uint32_t) (axis->differences ? range->first : range->min);
	axis->last = axis->base;
}

/*
 * For each feature, choose a parent, which is a lower feature, and whether to
 * invert the plane.  The feature's plane is XORed with the parent's.  The
 * choice leaves the fewest ones; ties prefer no parent, then the lowest
 * feature.
 */
static void
decide_parents(CbDenseWriter *dense)
{
	CbDenseColumns *columns = &dense->columns;
	uint64_t	cells = dense->sampled;

	columns->features = dense->any & ~dense->all;
	columns->base_mask = dense->all;
	for (int k = 0; k < CB_FEATURES; k++)
	{
		uint64_t	ones = dense->common[k][k];
		bool		inverted = ones > cells - ones;
		uint64_t	fewest = inverted ? cells - ones : ones;

		columns->parents[k] = DENSE_NO_PARENT;
		if (!cb_dense_has(columns->features, k))
			continue;
		for (int j = 0; j < k; j++)
		{
			uint64_t	differ = ones + dense->common[j][j] - 2 * (uint64_t) dense->common[k][j];

			if (cb_dense_has(columns->features, j) &&
				(differ < fewest || cells - differ < fewest))
			{
				inverted = differ > cells - differ;
				fewest = inverted ? cells - differ : differ;
				columns->parents[k] = (uint8_t) j;
			}
		}
		if (columns->parents[k] != DENSE_NO_PARENT)
			inverted ^= cb_dense_has(columns->base_mask, columns->parents[k]);
		columns->base_mask |= (uint64_t) inverted << k;
	}
}

uint64_t
cb_dense_measured_size(CbWriter *writer)
{
	CbDenseWriter *dense = &writer->dense;

	if (writer->cells == 0)
		return DENSE_HEADER;
	dense->columns.gap_planes = cb_dense_bit_length(dense->gaps);
	decide_axis(&dense->columns.axes[0], &dense->ranges[0], writer->cells, 1);
	decide_axis(&dense->columns.axes[1], &dense->ranges[1], writer->cells, 0);
	decide_parents(dense);
	return cb_dense_payload_size(&dense->columns, writer->cells);
}

void
cb_dense_encode_header(CbWriter *writer)
{
	const CbDenseColumns *columns = &writer->dense.columns;
	uint8_t    *header = writer->payload;
	uint8_t    *next = header + DENSE_HEADER;

	memset(header, 0, DENSE_HEADER);
	memcpy(header, cb_dense_magic, sizeof(cb_dense_magic));
	if (writer->cells == 0)
		return;

	cb_put_le32(header + AT_CELLS, (uint32_t) writer->cells);
	cb_put_le32(header + AT_FIRST_ID, columns->first_id);
	header[AT_GAP_PLANES] = (uint8_t) columns->gap_planes;
	for (int i = 0; i < 2; i++)
	{
		const CbDenseAxis *axis = &columns->axes[i];

		cb_put_le32(header + AT_BASES + 4 * i, axis->base);
		header[AT_AXES + i] = (uint8_t) (axis->planes |
										 (axis->differences ? DENSE_DIFFERENCES : 0));
	}
	cb_put_le64(header + AT_BASE_MASK, columns->base_mask);
	cb_put_le64(header + AT_FEATURES, columns->features);
	for (int k = 0; k < CB_FEATURES; k++)
		if (cb_dense_has(columns->features, k))
			*next++ = columns->parents[k];
}

/* Return the stored value of a coordinate. */
static inline uint32_t
axis_code(CbDenseAxis *axis, double value)
{
	uint32_t	coordinate = (uint32_t) (int32_t) value;
	uint32_t	code = coordinate - axis->base;

	if (axis->differences)
		code = cb_dense_zigzag(coordinate - axis->last);
	axis->last = coordinate;
	return code;
}

bool
cb_dense_encode(CbWriter *writer, const CbBatch *batch)
{
	CbDenseColumns *columns = &writer->dense.columns;
	const uint64_t plane_size = cb_plane_size(writer->cells);
	const size_t count = batch->count;
	uint8_t    *next =
		writer->payload + DENSE_HEADER + cb_dense_feature_count(columns) + writer->position / 8;
	CbDenseAxis x = columns->axes[0];
	CbDenseAxis y = columns->axes[1];
	const int	coordinate_planes = x.planes + y.planes;
	uint64_t	numbers[CB_BATCH] = {0};
	CbPlanes	planes;

	if (columns->gap_planes > 0)
	{
		uint32_t	last_id = writer->position == 0 ? columns->first_id - 1 : writer->last_id;

		for (size_t i = 0; i < count; i++)
		{
			numbers[i] = (uint32_t) (batch->cell_id[i] - last_id - 1);
			last_id = batch->cell_id[i];
		}
		cb_planes_of(numbers, count, columns->gap_planes, planes);
		for (int bit = 0; bit < columns->gap_planes; bit++, next += plane_size)
			cb_put_plane(next, planes[bit], count);
	}

	for (size_t i = 0; i < count; i++)
		numbers[i] = axis_code(&x, batch->x[i]) | (uint64_t) axis_code(&y, batch->y[i]) << x.planes;
	cb_planes_of(numbers, count, coordinate_planes, planes);
	for (int bit = 0; bit < coordinate_planes; bit++, next += plane_size)
		cb_put_plane(next, planes[bit], count);
	columns->axes[0].last = x.last;
	columns->axes[1].last = y.last;

	for (size_t i = 0; i < count; i++)
		numbers[i] = batch->phenotypes[i] ^ columns->base_mask;
	cb_planes_of(numbers, count, cb_dense_mask_bits(columns->features), planes);
	for (int k = 0; k < CB_FEATURES; k++)
		if (cb_dense_has(columns->features, k))
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
