-- scimap: a table of cells as CSV, the quantification of MCMICRO or the table that
-- scimap writes. The positions have the columns X_position or X_centroid, in pixels. A
-- column imageid names the image.
--
-- The features are the phenotype of the cell, if the file has a column phenotype.
-- Otherwise add them with a threshold for each marker, as in the preset mcmicro.

SET VARIABLE unit = 'pixel';

CREATE TABLE cells (
	CellID BIGINT DEFAULT NULL,    -- not in a file .h5ad
	X_position DOUBLE DEFAULT NULL,
	Y_position DOUBLE DEFAULT NULL,
	X_centroid DOUBLE DEFAULT NULL,
	Y_centroid DOUBLE DEFAULT NULL,
	imageid VARCHAR DEFAULT NULL,
	phenotype VARCHAR DEFAULT NULL
	-- , CD45 DOUBLE
);

SELECT
	coalesce(imageid, getvariable('source')) AS sample,
	coalesce(CellID, rowid + 1) AS cell_id,
	coalesce(X_position, X_centroid) AS x,
	coalesce(Y_position, Y_centroid) AS y,
	-- Add a column for each feature that is a measurement above a threshold:
	-- CD45 > 700 AS "CD45",
	[phenotype] AS classes
FROM cells;
