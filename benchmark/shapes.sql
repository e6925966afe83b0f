-- Tables of the shapes that studies have, created in the current schema from the
-- table cells.

-- One sample of all cells, with a column of phenotypes
CREATE TABLE cells_slide AS SELECT 'S1' AS sample, * FROM cells;

-- Ten samples, loaded one after another, with a column of phenotypes
CREATE TABLE cells_slides AS
SELECT 'S' || cell_id * 10 / (SELECT count(*) FROM cells) AS sample, * FROM cells;
CREATE INDEX ON cells_slides (sample);

DO $$
BEGIN
	-- The same ten samples with 30 boolean columns, f0 to f29
	EXECUTE format('CREATE TABLE cells_columns AS SELECT sample, cell_id, x, y, %s FROM cells_slides',
		(SELECT string_agg(format('phenotypes >> %s & 1 = 1 AS f%s', bit, bit), ', ' ORDER BY bit) FROM tissue.feature));
	CREATE INDEX ON cells_columns (sample);

	-- The same with a partition for each sample
	CREATE TABLE cells_partitions (LIKE cells_columns) PARTITION BY LIST (sample);
	FOR n IN 0 .. 9 LOOP
		EXECUTE format('CREATE TABLE cells_partition_%s PARTITION OF cells_partitions FOR VALUES IN (%L)', n, 'S' || n);
	END LOOP;
	INSERT INTO cells_partitions SELECT * FROM cells_columns;
END
$$;

-- Ten samples of a million cells in all, with 30 intensities each
CREATE TABLE cells_intense AS
SELECT 'S' || i * 10 / total AS sample, cell_id, x, y, phenotypes, ARRAY(
	SELECT ((hashint8(cell_id * 64 + bit)::bigint & 65535) / 65536.0 * 0.3 + 0.4 * (phenotypes >> bit & 1))::real
	FROM generate_series(0, 29) bit) AS intensities
FROM (SELECT *, row_number() OVER (ORDER BY cell_id) - 1 AS i, least(1000000, (SELECT count(*) FROM cells)) AS total FROM cells) c
WHERE i < total;
CREATE INDEX ON cells_intense (sample);
