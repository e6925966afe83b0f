-- inForm (Akoya) and phenoptr: cell_seg_data.txt, separated by tabs, also merged. A row
-- is a cell of a field. Positions are in pixels, or in micrometres if inForm exported
-- so: then use --unit micrometre.
--
-- Where inForm writes a decimal comma, use --decimal ,. The text #N/A means NULL.
--
-- The features are the phenotypes: the column Phenotype, or columns such as "Phenotype
-- CD8" of a consolidated file, with values such as "CD8+" and "CD8-".

SET VARIABLE nulls = ['#N/A', 'NA'];

CREATE TABLE cell_seg_data (
	"Sample Name" VARCHAR DEFAULT NULL,
	"Cell ID" BIGINT,
	"Cell X Position" DOUBLE,
	"Cell Y Position" DOUBLE,
	Phenotype VARCHAR DEFAULT NULL,
	"Phenotype *" MAP(VARCHAR, VARCHAR) DEFAULT MAP {}
	-- , "Entire Cell CD8 (Opal 570) Mean (Normalized Counts, Total Weighting)" DOUBLE
);

SELECT
	-- inForm writes the ending with a comma where the decimal mark is one
	coalesce(regexp_replace("Sample Name", '[.,]im3$', ''), getvariable('source')) AS sample,
	"Cell ID" AS cell_id,
	"Cell X Position" AS x,
	"Cell Y Position" AS y,
	[rtrim(each, '+') FOR each IN list_distinct([Phenotype] || map_values("Phenotype *"))
		IF each IS NOT NULL AND each NOT LIKE '%-'] AS classes
FROM cell_seg_data;
