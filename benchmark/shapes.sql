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
