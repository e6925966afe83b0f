-- CODEX and CytoMAP: a table of cells as CSV, with positions such as "X.X", "X",
-- "Position X" or "Position_X", in pixels or micrometres: see --unit. The id is the
-- number of the row.
--
-- The intensities of the markers have columns of their own: add the features with a
-- threshold for each.

CREATE TABLE cells (
	"X" DOUBLE DEFAULT NULL, "Y" DOUBLE DEFAULT NULL,
	"X:X" DOUBLE DEFAULT NULL, "Y:Y" DOUBLE DEFAULT NULL,
	"Position X" DOUBLE DEFAULT NULL, "Position Y" DOUBLE DEFAULT NULL
	-- , CD45 DOUBLE
);

SELECT
	getvariable('source') AS sample,
	rowid + 1 AS cell_id,
	coalesce("X:X", "Position X", "X") AS x,
	coalesce("Y:Y", "Position Y", "Y") AS y
	-- Add a column for each feature, in the order of the bits:
	-- , CD45 > 1000 AS "CD45"
FROM cells;
