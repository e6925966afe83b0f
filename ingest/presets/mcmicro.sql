-- MCMICRO: the quantification of an image, a CSV file with a row for each cell.
-- Positions are in pixels.
--
-- The columns of the markers have the mean intensities, and no name tells which are
-- positive: add the features with a threshold for each marker, for example the gates
-- that you use in Minerva or scimap. Columns of quantifications with several masks end
-- in _cellMask or _nucleiMask.

SET VARIABLE unit = 'pixel';

CREATE TABLE quantification (
	CellID BIGINT PRIMARY KEY,
	X_centroid DOUBLE,
	Y_centroid DOUBLE
	-- , CD45 DOUBLE
);

SELECT
	getvariable('source') AS sample,
	CellID AS cell_id,
	X_centroid AS x,
	Y_centroid AS y
	-- Add a column for each feature, in the order of the bits:
	-- , CD45 > 700 AS "CD45"
FROM quantification;
