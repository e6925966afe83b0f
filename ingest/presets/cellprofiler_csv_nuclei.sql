-- CellProfiler's ExportToSpreadsheet with nuclei only: a folder with Image.csv and
-- Nuclei.csv. Names such as MyExpt_Image.csv and the endings .csv.gz and .parquet are
-- accepted. For another kind of object, change the name of the table.
--
-- A cell is a nucleus, with the centroid and the id of the nucleus. A sample is an
-- image.

CREATE TABLE Image (
	ImageNumber BIGINT PRIMARY KEY,
	Metadata_Plate VARCHAR DEFAULT NULL,    -- DEFAULT: the column may be missing
	Metadata_Well VARCHAR DEFAULT NULL,
	Metadata_Site VARCHAR DEFAULT NULL
);

CREATE TABLE Nuclei (
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	Location_Center_X DOUBLE,
	Location_Center_Y DOUBLE,
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
	Nuclei.ObjectNumber AS cell_id,
	Nuclei.Location_Center_X AS x,
	Nuclei.Location_Center_Y AS y
	-- Add a column for each feature, in the order of the bits:
	-- , Nuclei.Intensity_MeanIntensity_CD3 > 0.05 AS "CD3"
FROM Nuclei
JOIN Image ON Image.ImageNumber = Nuclei.ImageNumber;
