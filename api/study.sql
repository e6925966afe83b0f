-- The study of the demo of the service, from the table cells: one sample if it
-- was loaded from the file :csv, otherwise smaller tissues, too. The service's
-- role may read it, and that is all it needs.
SELECT :'csv' <> '' AS from_csv,
	CASE WHEN :'csv' <> '' THEN regexp_replace(:'csv', '^.*/|\.csv$', '', 'g') ELSE format('%s cells', :cells) END AS sample \gset

CREATE TABLE cell AS SELECT :'sample'::text AS sample, * FROM cells;
\if :from_csv
\else
INSERT INTO cell SELECT format('%s cells', n), tissue.* FROM unnest(ARRAY[:cells / 10, :cells / 100]) n, tissue.cells(n, n) tissue WHERE n > 0;
\endif
ALTER TABLE cell ADD PRIMARY KEY (sample, cell_id);
VACUUM ANALYZE cell;

SELECT cell_register_study('demo', 'cell', phenotypes => 'phenotypes', features => array_agg(feature ORDER BY bit)) FROM features;

CREATE ROLE api LOGIN;
GRANT SELECT ON cell TO api;
