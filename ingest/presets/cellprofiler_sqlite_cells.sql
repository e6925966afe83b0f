-- CellProfiler's ExportToDatabase with SQLite, without Cytoplasm: the tables Per_Image,
-- Per_Cells and Per_Nuclei, also with a prefix such as MyExpt_Per_Image.
--
-- A cell is a cell with its nucleus: its parent or, where the table has no parents,
-- the nucleus of the same number, as IdentifySecondaryObjects numbers them. The
-- centroid and the id are those of the cell. A sample is an image.

CREATE TABLE Per_Image (
	ImageNumber BIGINT PRIMARY KEY,
	Image_Metadata_Plate VARCHAR DEFAULT NULL,    -- DEFAULT: the column may be missing
	Image_Metadata_Well VARCHAR DEFAULT NULL,
	Image_Metadata_Site VARCHAR DEFAULT NULL
);

CREATE TABLE Per_Cells (
	ImageNumber BIGINT,
	Cells_Number_Object_Number BIGINT,
	Cells_Location_Center_X DOUBLE,
	Cells_Location_Center_Y DOUBLE,
	Cells_Parent_Nuclei BIGINT DEFAULT NULL,
	PRIMARY KEY (ImageNumber, Cells_Number_Object_Number)
);

CREATE TABLE Per_Nuclei (
	ImageNumber BIGINT,
	Nuclei_Number_Object_Number BIGINT,
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
	Cells_Number_Object_Number AS cell_id,
	Cells_Location_Center_X AS x,
	Cells_Location_Center_Y AS y
	-- Add a column for each feature, in the order of the bits:
	-- , Nuclei_Intensity_MeanIntensity_CD3 > 0.05 AS "CD3"
FROM Per_Cells AS cells
JOIN Per_Nuclei AS nuclei ON nuclei.ImageNumber = cells.ImageNumber
	AND Nuclei_Number_Object_Number = coalesce(Cells_Parent_Nuclei, Cells_Number_Object_Number)
JOIN Per_Image AS image ON image.ImageNumber = cells.ImageNumber;
