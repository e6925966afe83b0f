-- The study of the service's demo, made from the table cells. Cells that come from the file :csv are
-- its only sample; otherwise smaller synthetic tissues are added. The service's role gets SELECT on
-- the table, and needs nothing else.
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
