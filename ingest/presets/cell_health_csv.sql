-- The input of cytominer-database, as in the data set Cell Health: a folder for
-- each site, with image.csv, Cells.csv, Nuclei.csv and Cytoplasm.csv.
--
-- A cell is a cytoplasm with its parent cell and its parent nucleus. The centroid
-- and the id, CellProfiler's object number, are those of the parent cell. A sample
-- is an image.

CREATE TABLE Image (
	ImageNumber BIGINT PRIMARY KEY,
	Metadata_Plate VARCHAR DEFAULT NULL,    -- DEFAULT: the column may be missing
	Metadata_Barcode VARCHAR DEFAULT NULL,
	Metadata_Well VARCHAR DEFAULT NULL,
	Metadata_Site VARCHAR DEFAULT NULL
);

CREATE TABLE Cells (
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	Location_Center_X DOUBLE,
	Location_Center_Y DOUBLE,
	PRIMARY KEY (ImageNumber, ObjectNumber)
);

CREATE TABLE Nuclei (
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	-- Intensity_MeanIntensity_CD3 DOUBLE,
	PRIMARY KEY (ImageNumber, ObjectNumber)
);

CREATE TABLE Cytoplasm (
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	Parent_Cells BIGINT,
	Parent_Nuclei BIGINT,
	PRIMARY KEY (ImageNumber, ObjectNumber)
);

SELECT
	CASE
		WHEN Metadata_Well IS NOT NULL AND Metadata_Site IS NOT NULL
		THEN concat_ws('_', coalesce(Metadata_Plate, Metadata_Barcode, getvariable('source')),
			Metadata_Well, Metadata_Site)
		ELSE concat_ws('_', getvariable('source'), Image.ImageNumber)
	END AS sample,
	Cells.ObjectNumber AS cell_id,
	Cells.Location_Center_X AS x,
	Cells.Location_Center_Y AS y
	-- Add a column for each feature, in the order of the bits:
	-- , Nuclei.Intensity_MeanIntensity_CD3 > 0.05 AS "CD3"
FROM Cytoplasm
JOIN Cells ON Cells.ImageNumber = Cytoplasm.ImageNumber
	AND Cells.ObjectNumber = Cytoplasm.Parent_Cells
JOIN Nuclei ON Nuclei.ImageNumber = Cytoplasm.ImageNumber
	AND Nuclei.ObjectNumber = Cytoplasm.Parent_Nuclei
JOIN Image ON Image.ImageNumber = Cytoplasm.ImageNumber;
