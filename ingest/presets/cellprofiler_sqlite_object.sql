-- CellProfiler's ExportToDatabase with SQLite and a single table of objects: the tables
-- Per_Image and Per_Object, also with a prefix such as MyExpt_Per_Image.
--
-- CellProfiler fills a row with NULL or zeros where an image has fewer cells than
-- objects of another kind. Such a row has no number of a cell; it is left out and
-- counted. The centroid and the id are those of the cell. A sample is an image.

CREATE TABLE Per_Image (
	ImageNumber BIGINT PRIMARY KEY,
	Image_Metadata_Plate VARCHAR DEFAULT NULL,    -- DEFAULT: the column may be missing
	Image_Metadata_Well VARCHAR DEFAULT NULL,
	Image_Metadata_Site VARCHAR DEFAULT NULL
);

CREATE TABLE Per_Object (
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	Cells_Number_Object_Number BIGINT,
	Cells_Location_Center_X DOUBLE,
	Cells_Location_Center_Y DOUBLE,
	-- Nuclei_Intensity_MeanIntensity_CD3 DOUBLE,
	PRIMARY KEY (ImageNumber, ObjectNumber)
);

SELECT
	CASE
		WHEN Image_Metadata_Well IS NOT NULL AND Image_Metadata_Site IS NOT NULL
		THEN concat_ws('_', coalesce(Image_Metadata_Plate, getvariable('source')),
			Image_Metadata_Well, Image_Metadata_Site)
		ELSE concat_ws('_', getvariable('source'), image.ImageNumber)
	END AS sample,
	Cells_Number_Object_Number AS cell_id,
	Cells_Location_Center_X AS x,
	Cells_Location_Center_Y AS y
	-- Add a column for each feature, in the order of the bits:
	-- , Nuclei_Intensity_MeanIntensity_CD3 > 0.05 AS "CD3"
FROM Per_Object AS object
JOIN Per_Image AS image ON image.ImageNumber = object.ImageNumber
WHERE Cells_Number_Object_Number > 0;
