-- MERSCOPE (Vizgen): cell_metadata.csv. Positions are in micrometres; the image has
-- pixels of 0.108 micrometres.
--
-- The ids in the file are numbers of 64 bits, or the first column, which has no name;
-- they do not fit into an id of a payload. The id is therefore the number of the row.

SET VARIABLE unit = 'micrometre';
SET VARIABLE micrometres_per_pixel = 0.108;

CREATE TABLE cell_metadata (
	center_x DOUBLE,
	center_y DOUBLE
	-- , volume DOUBLE
);

SELECT
	getvariable('source') AS sample,
	rowid + 1 AS cell_id,
	center_x AS x,
	center_y AS y
	-- Add a column for each feature, in the order of the bits:
	-- , volume > 100 AS "large"
FROM cell_metadata;
