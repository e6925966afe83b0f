-- CosMx (NanoString, Bruker): the file *_metadata_file.csv. Positions are in pixels of
-- 0.12028 micrometres. Early versions have x_slide_mm and y_slide_mm instead of pixels:
-- for these, use cosmx_mm.
--
-- A cell is numbered in its field of view. There can be a column cell_id beside
-- cell_ID: the map means the latter.

SET VARIABLE unit = 'pixel';
SET VARIABLE micrometres_per_pixel = 0.12028;

CREATE TABLE metadata_file (
	fov BIGINT,
	"cell_ID" BIGINT,
	CenterX_global_px DOUBLE,
	CenterY_global_px DOUBLE,
	-- "Mean.CD45" DOUBLE,
	PRIMARY KEY (fov, "cell_ID")
);

SELECT
	regexp_replace(getvariable('source'), '_metadata_file$', '') AS sample,
	fov * 100000 + "cell_ID" AS cell_id,
	CenterX_global_px AS x,
	CenterY_global_px AS y
	-- Add a column for each feature, in the order of the bits:
	-- , "Mean.CD45" > 500 AS "CD45"
FROM metadata_file;
