-- QuPath: the measurements of detections or cells, exported as CSV or TSV. A row is a
-- cell; rows of annotations and TMA cores are left out. The id is the number of the
-- row.
--
-- The name of the column of the centroid has its unit: "Centroid X µm", or "Centroid X
-- px" for an image without a pixel size. --pixel-size is the size of a pixel of the
-- image.
--
-- The features are the parts of the classification: "Tumor: CD8" is positive for Tumor
-- and for CD8. To load several images, name them: SET VARIABLE features = ['Tumor',
-- 'CD8'];

SET VARIABLE unit = 'named';

CREATE TABLE detections (
	Image VARCHAR DEFAULT NULL,
	"Object type" VARCHAR DEFAULT NULL,
	Name VARCHAR DEFAULT NULL,
	"Centroid X*" MAP(VARCHAR, DOUBLE),
	"Centroid Y*" MAP(VARCHAR, DOUBLE),
	Classification VARCHAR DEFAULT NULL,
	Class VARCHAR DEFAULT NULL    -- the name until QuPath 0.3
	-- , "CD8: Cell: Mean" DOUBLE
);

SELECT
	coalesce(Image, getvariable('source')) AS sample,
	rowid + 1 AS cell_id,
	coalesce("Centroid X*"['μm'], "Centroid X*"['um'], map_values("Centroid X*")[1]) AS x,
	coalesce("Centroid Y*"['μm'], "Centroid Y*"['um'], map_values("Centroid Y*")[1]) AS y,
	-- Add a column for each feature that is a measurement above a threshold:
	-- "CD8: Cell: Mean" > 3 AS "CD8 mean",
	string_split(coalesce(Classification, Class), ': ') AS classes
FROM detections
WHERE coalesce("Object type", Name, '') NOT IN
	('Annotation', 'PathAnnotationObject', 'TMA core', 'TMACoreObject', 'PathRootObject');
