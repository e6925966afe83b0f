-- CellProfiler's ExportToDatabase with SQLite, nuclei only: the tables Per_Image and
-- Per_Nuclei, also with a prefix such as MyExpt_Per_Image. For another kind of object,
-- change the names of the table and of its columns.
--
-- A cell is a nucleus, with the centroid and the id of the nucleus. A sample is an
-- image.

CREATE TABLE Per_Image (
	ImageNumber BIGINT PRIMARY KEY,
	Image_Metadata_Plate VARCHAR DEFAULT NULL,    -- DEFAULT: the column may be missing
	Image_Metadata_Well VARCHAR DEFAULT NULL,
	Image_Metadata_Site VARCHAR DEFAULT NULL
);

CREATE TABLE Per_Nuclei (
	ImageNumber BIGINT,
	Nuclei_Number_Object_Number BIGINT,
	Nuclei_Location_Center_X DOUBLE,
	Nuclei_Location_Center_Y DOUBLE,
	-- Nuclei_Intensity_MeanIntensity_CD3 DOUBLE,
	PRIMARY KEY (ImageNumber, Nuclei_Number_Object_Number)
);

SELECT
	CASE
		WHEN Image_Metadata_Well IS NOT NULL AND Image_Metadata_Site IS NOT NULL
		THEN concat_ws('_', coalesce(Image_Metadata_Plate, getvariable('source')),
			Image_Metadata_Well, Image_Metadata_Site)
		ELSE concat_ws('_', getvariable('source'), image.ImageNumber)
	END AS sample,
	Nuclei_Number_Object_Number AS cell_id,
	Nuclei_Location_Center_X AS x,
	Nuclei_Location_Center_Y AS y
	-- Add a column for each feature, in the order of the bits:
	-- , Nuclei_Intensity_MeanIntensity_CD3 > 0.05 AS "CD3"
FROM Per_Nuclei AS nuclei
JOIN Per_Image AS image ON image.ImageNumber = nuclei.ImageNumber;
