-- In Carta: one CSV file with a row for each object. The protocol determines the
-- names "Primary Target" and wv1 (the wave): change them to those of your protocol.
--
-- A cell is an object, and the centroid is its centre of gravity. The id is that of
-- the object. A sample is a field of view of a well.

CREATE TABLE objects (
	"OBJECT ID" BIGINT NOT NULL,
	"WELL LABEL" VARCHAR NOT NULL,
	"FOV" VARCHAR NOT NULL,
	"Z" VARCHAR DEFAULT NULL,    -- DEFAULT: the column may be missing
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
	-- Add a column for each feature, in the order of the bits:
	-- , "Primary Target Intensity wv1" > 5000 AS "DAPI"
FROM objects;
