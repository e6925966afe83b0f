-- steinbock: the folder of a project, with the folders regionprops and intensities, in
-- which each image has a file. A sample is an image. Positions are in pixels, which are
-- micrometres in imaging mass cytometry.
--
-- centroid-0 is the row of the image, so y, and centroid-1 the column, so x.

SET VARIABLE unit = 'pixel';
SET VARIABLE micrometres_per_pixel = 1;

CREATE TABLE regionprops (
	Object BIGINT PRIMARY KEY,
	"centroid-0" DOUBLE,
	"centroid-1" DOUBLE
);

CREATE TABLE intensities (
	Object BIGINT PRIMARY KEY
	-- , CD3 DOUBLE
);

SELECT
	getvariable('source') AS sample,
	regionprops.Object AS cell_id,
	"centroid-1" AS x,
	"centroid-0" AS y
	-- Add a column for each feature, in the order of the bits:
	-- , intensities.CD3 > 1 AS "CD3"
FROM regionprops
JOIN intensities ON intensities.Object = regionprops.Object;
