-- The output of cytominer-database, as in the data set Cell Health: an SQLite
-- database with the tables Image, Cells, Nuclei and Cytoplasm. TableNumber, a
-- number or a hash, identifies the CSV file that a row comes from.
--
-- A cell is a cytoplasm with its parent cell and its parent nucleus. The centroid
-- and the id, CellProfiler's object number, are those of the parent cell. A sample
-- is an image.

CREATE TABLE Image (
	TableNumber VARCHAR,
	ImageNumber BIGINT,
	Image_Metadata_Plate VARCHAR DEFAULT NULL,    -- DEFAULT: the column may be missing
	Image_Metadata_Well VARCHAR DEFAULT NULL,
	Image_Metadata_Site VARCHAR DEFAULT NULL,
	Metadata_Plate VARCHAR DEFAULT NULL,
	Metadata_Barcode VARCHAR DEFAULT NULL,
	Metadata_Well VARCHAR DEFAULT NULL,
	Metadata_Site VARCHAR DEFAULT NULL,
	PRIMARY KEY (TableNumber, ImageNumber)
);

CREATE TABLE Cells (
	TableNumber VARCHAR,
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	Cells_Location_Center_X DOUBLE,
	Cells_Location_Center_Y DOUBLE,
	PRIMARY KEY (TableNumber, ImageNumber, ObjectNumber)
);

CREATE TABLE Nuclei (
	TableNumber VARCHAR,
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	-- Nuclei_Intensity_MeanIntensity_CD3 DOUBLE,
	PRIMARY KEY (TableNumber, ImageNumber, ObjectNumber)
);

CREATE TABLE Cytoplasm (
	TableNumber VARCHAR,
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	Cytoplasm_Parent_Cells BIGINT,
	Cytoplasm_Parent_Nuclei BIGINT,
	PRIMARY KEY (TableNumber, ImageNumber, ObjectNumber)
);

SELECT
	CASE
		WHEN coalesce(Image_Metadata_Well, Metadata_Well) IS NOT NULL
			AND coalesce(Image_Metadata_Site, Metadata_Site) IS NOT NULL
		THEN concat_ws('_',
			coalesce(Image_Metadata_Plate, Metadata_Plate, Metadata_Barcode, getvariable('source')),
			coalesce(Image_Metadata_Well, Metadata_Well), coalesce(Image_Metadata_Site, Metadata_Site))
		ELSE concat_ws('_', getvariable('source'), Image.TableNumber, Image.ImageNumber)
	END AS sample,
	Cells.ObjectNumber AS cell_id,
	Cells_Location_Center_X AS x,
	Cells_Location_Center_Y AS y
	-- Add a column for each feature, in the order of the bits:
	-- , Nuclei_Intensity_MeanIntensity_CD3 > 0.05 AS "CD3"
FROM Cytoplasm
JOIN Cells ON Cells.TableNumber = Cytoplasm.TableNumber
	AND Cells.ImageNumber = Cytoplasm.ImageNumber
	AND Cells.ObjectNumber = Cytoplasm_Parent_Cells
JOIN Nuclei ON Nuclei.TableNumber = Cytoplasm.TableNumber
	AND Nuclei.ImageNumber = Cytoplasm.ImageNumber
	AND Nuclei.ObjectNumber = Cytoplasm_Parent_Nuclei
JOIN Image ON Image.TableNumber = Cytoplasm.TableNumber
	AND Image.ImageNumber = Cytoplasm.ImageNumber;
