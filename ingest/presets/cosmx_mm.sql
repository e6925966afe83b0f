-- CosMx (NanoString, Bruker): the file *_metadata_file.csv of a version that has
-- positions in millimetres only. See cosmx for the others.
--
-- A cell is numbered in its field of view. There can be a column cell_id beside
-- cell_ID: the map means the latter.

SET VARIABLE unit = 'millimetre';
SET VARIABLE micrometres_per_pixel = 0.12028;

CREATE TABLE metadata_file (
	fov BIGINT,
	"cell_ID" BIGINT,
	x_slide_mm DOUBLE,
	y_slide_mm DOUBLE,
	-- "Mean.CD45" DOUBLE,
	PRIMARY KEY (fov, "cell_ID")
);

SELECT
	regexp_replace(getvariable('source'), '_metadata_file$', '') AS sample,
	fov * 100000 + "cell_ID" AS cell_id,
	x_slide_mm AS x,
	y_slide_mm AS y
	-- Add a column for each feature, in the order of the bits:
	-- , "Mean.CD45" > 500 AS "CD45"
FROM metadata_file;
