-- CellProfiler's ExportToDatabase with SQLite: the tables Per_Image, Per_Cells,
-- Per_Nuclei and Per_Cytoplasm, also with a prefix such as MyExpt_Per_Image. If the
-- database has several experiments, write the prefix in the names here.
--
-- A cell is a cytoplasm with its parent cell and its parent nucleus. The centroid
-- and the id, CellProfiler's object number, are those of the parent cell. A sample
-- is an image.

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
	PRIMARY KEY (ImageNumber, Cells_Number_Object_Number)
);

CREATE TABLE Per_Nuclei (
	ImageNumber BIGINT,
	Nuclei_Number_Object_Number BIGINT,
	-- Nuclei_Intensity_MeanIntensity_CD3 DOUBLE,
	PRIMARY KEY (ImageNumber, Nuclei_Number_Object_Number)
);

CREATE TABLE Per_Cytoplasm (
	ImageNumber BIGINT,
	Cytoplasm_Number_Object_Number BIGINT,
	Cytoplasm_Parent_Cells BIGINT,
	Cytoplasm_Parent_Nuclei BIGINT,
	PRIMARY KEY (ImageNumber, Cytoplasm_Number_Object_Number)
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
FROM Per_Cytoplasm AS cytoplasm
JOIN Per_Cells AS cells ON cells.ImageNumber = cytoplasm.ImageNumber
	AND Cells_Number_Object_Number = Cytoplasm_Parent_Cells
JOIN Per_Nuclei AS nuclei ON nuclei.ImageNumber = cytoplasm.ImageNumber
	AND Nuclei_Number_Object_Number = Cytoplasm_Parent_Nuclei
JOIN Per_Image AS image ON image.ImageNumber = cytoplasm.ImageNumber;
