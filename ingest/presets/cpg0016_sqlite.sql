-- The JUMP data set cpg0016: an SQLite database for each plate, with the tables
-- Image, Cells, Nuclei and Cytoplasm. ImageNumber is unique in a plate.
--
-- A cell is a cytoplasm with its parent cell and its parent nucleus. The centroid
-- and the id, CellProfiler's object number, are those of the parent cell. A sample
-- is an image.

CREATE TABLE Image (
	ImageNumber BIGINT PRIMARY KEY,
	Metadata_Plate VARCHAR DEFAULT NULL,    -- DEFAULT: the column may be missing
	Metadata_Well VARCHAR DEFAULT NULL,
	Metadata_Site VARCHAR DEFAULT NULL,
	Image_Metadata_Plate VARCHAR DEFAULT NULL,
	Image_Metadata_Well VARCHAR DEFAULT NULL,
	Image_Metadata_Site VARCHAR DEFAULT NULL
);

CREATE TABLE Cells (
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	Cells_Location_Center_X DOUBLE,
	Cells_Location_Center_Y DOUBLE,
	PRIMARY KEY (ImageNumber, ObjectNumber)
);

CREATE TABLE Nuclei (
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	-- Nuclei_Intensity_MeanIntensity_CD3 DOUBLE,
	PRIMARY KEY (ImageNumber, ObjectNumber)
);

CREATE TABLE Cytoplasm (
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	Cytoplasm_Parent_Cells BIGINT,
	Cytoplasm_Parent_Nuclei BIGINT,
	PRIMARY KEY (ImageNumber, ObjectNumber)
);

SELECT
	CASE
		WHEN coalesce(Image_Metadata_Well, Metadata_Well) IS NOT NULL
			AND coalesce(Image_Metadata_Site, Metadata_Site) IS NOT NULL
		THEN concat_ws('_',
			coalesce(Image_Metadata_Plate, Metadata_Plate, getvariable('source')),
			coalesce(Image_Metadata_Well, Metadata_Well), coalesce(Image_Metadata_Site, Metadata_Site))
		ELSE concat_ws('_', getvariable('source'), Image.ImageNumber)
	END AS sample,
	Cells.ObjectNumber AS cell_id,
	Cells_Location_Center_X AS x,
	Cells_Location_Center_Y AS y
	-- Add a column for each feature, in the order of the bits:
	-- , Nuclei_Intensity_MeanIntensity_CD3 > 0.05 AS "CD3"
FROM Cytoplasm
JOIN Cells ON Cells.ImageNumber = Cytoplasm.ImageNumber
	AND Cells.ObjectNumber = Cytoplasm_Parent_Cells
JOIN Nuclei ON Nuclei.ImageNumber = Cytoplasm.ImageNumber
	AND Nuclei.ObjectNumber = Cytoplasm_Parent_Nuclei
JOIN Image ON Image.ImageNumber = Cytoplasm.ImageNumber;
