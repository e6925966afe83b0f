-- In Carta: one CSV file with a row for each object. The target that is called
-- "Primary Target" here, and its wave wv1, are named by the protocol: change
-- them to those of yours.
--
-- A cell is an object, at its centre of gravity; a sample is a field of view of
-- a well, and a cell's id the object's.

CREATE TABLE objects (
	"OBJECT ID" BIGINT NOT NULL,
	"WELL LABEL" VARCHAR NOT NULL,
	"FOV" VARCHAR NOT NULL,
	"Z" VARCHAR DEFAULT NULL,    -- with DEFAULT: such a column need not be there
	"T" VARCHAR DEFAULT NULL,
	"Primary Target cg X wv1" DOUBLE,
	"Primary Target cg Y wv1" DOUBLE
	-- , "Primary Target Intensity wv1" DOUBLE
);

SELECT
	concat_ws('_', getvariable('source'), replace("WELL LABEL", ' ', ''), "FOV", "Z", "T") AS sample,
	"OBJECT ID" AS cell_id,
	"Primary Target cg X wv1" AS x,
	"Primary Target cg Y wv1" AS y
	-- and a column for each feature, in the order of the bits:
	-- , "Primary Target Intensity wv1" > 5000 AS "DAPI"
FROM objects;
