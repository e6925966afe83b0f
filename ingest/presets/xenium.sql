-- Xenium (10x Genomics): cells.parquet or cells.csv.gz in the folder of a run.
-- Positions are in micrometres; the image of a run has pixels of 0.2125 micrometres.
--
-- The ids are text such as "aaadnakl-1", in which the letters a to p are the digits of
-- a hexadecimal number, or numbers in early versions. The sample is the folder of the
-- run; for a folder "outs", it is the folder above.

SET VARIABLE unit = 'micrometre';
SET VARIABLE micrometres_per_pixel = 0.2125;

CREATE TABLE cells (
	cell_id VARCHAR PRIMARY KEY,
	x_centroid DOUBLE,
	y_centroid DOUBLE
	-- , transcript_counts BIGINT
);

SELECT
	CASE getvariable('source')
		WHEN 'outs' THEN getvariable('parent')
		WHEN 'cells' THEN
			CASE getvariable('parent') WHEN 'outs' THEN getvariable('grandparent')
			ELSE getvariable('parent') END
		ELSE getvariable('source')
	END AS sample,
	CASE WHEN cell_id SIMILAR TO '[a-p]{8}-[0-9]+'
		THEN ('0x' || translate(split_part(cell_id, '-', 1),
			'abcdefghijklmnop', '0123456789abcdef'))::BIGINT
		ELSE cell_id::BIGINT END AS cell_id,
	x_centroid AS x,
	y_centroid AS y
	-- Add a column for each feature, in the order of the bits:
	-- , transcript_counts > 50 AS "many transcripts"
FROM cells;
