-- CellProfiler's ExportToSpreadsheet without Cytoplasm: a folder with Image.csv,
-- Cells.csv and Nuclei.csv. Names such as MyExpt_Image.csv and the endings .csv.gz
-- and .parquet are accepted.
--
-- A cell is a cell with its nucleus: its parent or, where the file has no parents, the
-- nucleus of the same number, as IdentifySecondaryObjects numbers them. The centroid
-- and the id are those of the cell. A sample is an image.

CREATE TABLE Image (
	ImageNumber BIGINT PRIMARY KEY,
	Metadata_Plate VARCHAR DEFAULT NULL,    -- DEFAULT: the column may be missing
	Metadata_Well VARCHAR DEFAULT NULL,
	Metadata_Site VARCHAR DEFAULT NULL
);

CREATE TABLE Cells (
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	Location_Center_X DOUBLE,
	Location_Center_Y DOUBLE,
	Parent_Nuclei BIGINT DEFAULT NULL,
	PRIMARY KEY (ImageNumber, ObjectNumber)
);

CREATE TABLE Nuclei (
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	-- Intensity_MeanIntensity_CD3 DOUBLE,
	PRIMARY KEY (ImageNumber, ObjectNumber)
);

SELECT
	CASE
		WHEN Metadata_Well IS NOT NULL AND Metadata_Site IS NOT NULL
		THEN concat_ws('_', coalesce(Metadata_Plate, getvariable('source')),
			Metadata_Well, Metadata_Site)
		ELSE concat_ws('_', getvariable('source'), Image.ImageNumber)
	END AS sample,
	Cells.ObjectNumber AS cell_id,
	Cells.Location_Center_X AS x,
	Cells.Location_Center_Y AS y
	-- Add a column for each feature, in the order of the bits:
	-- , Nuclei.Intensity_MeanIntensity_CD3 > 0.05 AS "CD3"
FROM Cells
JOIN Nuclei ON Nuclei.ImageNumber = Cells.ImageNumber
	AND Nuclei.ObjectNumber = coalesce(Cells.Parent_Nuclei, Cells.ObjectNumber)
JOIN Image ON Image.ImageNumber = Cells.ImageNumber;
