-- AnnData: a file .h5ad, or a group of Zarr, also in SpatialData. The positions are in
-- obsm/spatial. Their unit is that of the program that wrote the file: see --unit and
-- --pixel-size. The id is the number of the observation.
--
-- The columns of a map are obs_names, those of obs, and those of the matrices by their
-- paths: "obsm/spatial/0", "X/CD3", "layers/raw/CD3".
--
-- The features are the types of the cells, in one of the usual columns of obs.

CREATE TABLE observations (
	"obsm/spatial/0" DOUBLE,
	"obsm/spatial/1" DOUBLE,
	sample VARCHAR DEFAULT NULL,
	imageid VARCHAR DEFAULT NULL,
	library_id VARCHAR DEFAULT NULL,
	phenotype VARCHAR DEFAULT NULL,
	cell_type VARCHAR DEFAULT NULL
	-- , "X/CD3" DOUBLE
);

SELECT
	coalesce(sample, imageid, library_id, getvariable('source')) AS sample,
	rowid + 1 AS cell_id,
	"obsm/spatial/0" AS x,
	"obsm/spatial/1" AS y,
	-- Add a column for each feature that is a measurement above a threshold:
	-- "X/CD3" > 0.5 AS "CD3",
	[coalesce(phenotype, cell_type)] AS classes
FROM observations;
