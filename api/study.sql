-- The studies of the service's demo, made from the table cells. Cells that come from the file :csv are
-- the only sample of the only study; otherwise smaller synthetic tissues are added, and a study in which
-- these have intensities. The service's role gets SELECT on the tables, and needs nothing else.
SELECT :'csv' <> '' AS from_csv,
	CASE WHEN :'csv' <> '' THEN regexp_replace(:'csv', '^.*/|\.csv$', '', 'g')
		ELSE 'large' END AS sample \gset

SELECT count(*) = 0 AS no_features FROM features \gset
\if :no_features
DO $$ BEGIN RAISE EXCEPTION 'the CSV needs a column "NAME Positive" for each feature'; END $$;
\endif

CREATE TABLE cell AS SELECT :'sample'::text AS sample, * FROM cells;
\if :from_csv
\else
INSERT INTO cell SELECT 'medium', * FROM tissue.cells(:cells / 10, 2);
INSERT INTO cell SELECT 'small', * FROM tissue.cells(:cells / 100, 3);
\endif
ALTER TABLE cell ADD PRIMARY KEY (sample, cell_id);
VACUUM ANALYZE cell;

SELECT cell_register_study('demo', 'cell', phenotypes => 'phenotypes',
	features => array_agg(feature ORDER BY bit)) FROM features;

CREATE ROLE api LOGIN;
GRANT SELECT ON cell TO api;

\if :from_csv
\else
-- The intensity of a feature has a lognormal distribution, with a larger median if the cell is positive.
CREATE TABLE intense_cell AS
SELECT *, (
	SELECT array_agg(exp(CASE phenotypes >> bit & 1 WHEN 1 THEN -1 ELSE -3 END
		+ 0.5 * sqrt(-2 * ln(1 - tissue.draw(length(sample), cell_id, 100 + bit)))
			* cos(2 * pi() * tissue.draw(length(sample), cell_id, 200 + bit)))::real ORDER BY bit)
	FROM features) AS intensities
FROM cell WHERE sample <> 'large';
ALTER TABLE intense_cell ADD PRIMARY KEY (sample, cell_id);
VACUUM ANALYZE intense_cell;

SELECT cell_register_study('demo with intensities', 'intense_cell', phenotypes => 'phenotypes',
	features => array_agg(feature ORDER BY bit), intensities => 'intensities') FROM features;
GRANT SELECT ON intense_cell TO api;
\endif
