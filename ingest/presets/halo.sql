-- HALO (Indica Labs): the object data, exported as CSV. A row is a cell. The centroid
-- is the centre of the bounding box, in pixels. The id is the number of the row,
-- because objects are numbered anew in each region.
--
-- The features are the columns such as "CD3 Positive" or "CD3 Positive Classification",
-- without those of the nucleus and so on. The values are 0 or 1.

SET VARIABLE unit = 'pixel';

CREATE TABLE objects (
	"Image Location" VARCHAR DEFAULT NULL,    -- or "Image File Name"
	"Image File Name" VARCHAR DEFAULT NULL,
	XMin DOUBLE, XMax DOUBLE, YMin DOUBLE, YMax DOUBLE,
	"* Positive Classification" MAP(VARCHAR, BOOLEAN) DEFAULT MAP {},
	"* Positive" MAP(VARCHAR, BOOLEAN) DEFAULT MAP {}
);

SELECT
	-- the name of the image without its folder and ending
	coalesce(
		regexp_extract(
			coalesce("Image Location", "Image File Name"), '([^/\\]+?)(\.[^./\\]*)?$', 1),
		getvariable('source')) AS sample,
	rowid + 1 AS cell_id,
	(XMin + XMax) / 2 AS x,
	(YMin + YMax) / 2 AS y,
	[each.key FOR each IN map_entries("* Positive Classification") IF each.value]
		|| [each.key FOR each IN map_entries("* Positive") IF each.value] AS classes
FROM objects;
