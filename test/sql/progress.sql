-- The view cell_progress: what a session that makes a payload reports
CREATE SCHEMA test_progress;
SET search_path = test_progress, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set preamble :abs_srcdir '/include/store_preamble.sql'
\i :preamble

-- A source whose cells note the session's report while they are read.
CREATE FUNCTION report() RETURNS text LANGUAGE plpgsql SET search_path = test_progress, public AS $$
BEGIN
	PERFORM pg_stat_clear_snapshot();
	RETURN (SELECT concat_ws(', ', study, sample, layout, coding, phase, since > now() - interval '1 hour' AND since <= clock_timestamp(), number, samples)
		FROM cell_progress WHERE pid = pg_backend_pid());
END
$$;
CREATE FUNCTION noted(x integer) RETURNS integer LANGUAGE plpgsql SET search_path = test_progress, public AS $$
BEGIN
	PERFORM set_config('test.reports', concat_ws('; ', nullif(current_setting('test.reports', true), ''), report()), false);
	RETURN x;
END
$$;
CREATE FUNCTION reports() RETURNS text LANGUAGE sql AS $$ SELECT noted FROM (SELECT current_setting('test.reports') OFFSET 0) n (noted), set_config('test.reports', '', false) $$;
CREATE TABLE cells AS SELECT s AS sample, 1 AS cell_id, 1 AS x, 1 AS y, 1::bigint AS phenotypes, '{0.5}'::real[] AS intensities FROM unnest('{A,B}'::text[]) s;
CREATE VIEW source AS SELECT sample, cell_id, noted(x) AS x, y, phenotypes, CASE WHEN noted(1) = 1 THEN intensities END AS intensities FROM cells;
SELECT cell_register_study('s', 'source', phenotypes => 'phenotypes', features => '{a}', intensities => 'intensities', store => true);

SELECT cell_data('s', 'A') IS NOT NULL AS packed, reports();
SELECT cell_data('s', 'A') IS NOT NULL AS ready, reports();
SELECT cells, reports() FROM cell_data_head('s', 'A', 'spt', 'br');
SELECT octet_length(cell_data('s', 'A', 'intensity')), reports();
SELECT octet_length(cell_data('s', NULL, 'subsample_body', 'gzip')), reports();
SELECT report() IS NULL AS "none afterwards";
CALL cell_prepare('s', layout => 'dense');
SELECT reports();
-- after an error, and after one in a subtransaction
SELECT state FROM error_of($$SELECT cell_data('s', 'C')$$);
SELECT report() IS NULL AS "none afterwards";
-- without the store
SELECT cell_register_study('direct', 'source', phenotypes => 'phenotypes', features => '{a}');
SELECT cell_data('direct', 'B', 'compact', 'zstd') IS NOT NULL AS packed, reports();
-- a call in a call: the outer report is there again
CREATE VIEW outer_source AS SELECT sample, cell_id, x + octet_length(cell_data('direct', sample, 'spt')) AS x, noted(y) AS y, phenotypes FROM cells;
SELECT cell_register_study('outer', 'outer_source', phenotypes => 'phenotypes', features => '{a}');
SELECT cell_data('outer', 'A') IS NOT NULL AS packed, reports();
-- building an index, which a TRUNCATE does, writes into the report
CREATE TABLE scratch (i integer PRIMARY KEY);
CREATE FUNCTION truncating(x integer) RETURNS integer LANGUAGE plpgsql SET search_path = test_progress AS $$
BEGIN
	TRUNCATE scratch;
	RETURN x;
END
$$;
CREATE VIEW truncating_source AS SELECT sample, cell_id, noted(truncating(x)) AS x, y, phenotypes FROM cells;
SELECT cell_register_study('truncating', 'truncating_source', phenotypes => 'phenotypes', features => '{a}');
SELECT cell_data('truncating', 'A', 'compact', 'gzip') IS NOT NULL AS packed, reports() = '' AS "no report";
-- a call in a call whose report was overwritten
CREATE VIEW outer_truncating AS SELECT sample, cell_id, truncating(x) + octet_length(cell_data('direct', sample)) * 0 AS x, noted(y) AS y, phenotypes FROM cells;
SELECT cell_register_study('outer truncating', 'outer_truncating', phenotypes => 'phenotypes', features => '{a}');
SELECT cell_data('outer truncating', 'A') IS NOT NULL AS packed, reports();
-- a long name is cut at a character
INSERT INTO cells VALUES (repeat('ä', 100), 1, 1, 1, 1);
SELECT cell_data('direct', repeat('ä', 100)) IS NOT NULL AS packed, split_part(reports(), '; ', 1) = format('direct, %s, compact, identity, packing, t', repeat('ä', 45)) AS cut;
-- another command's report stays
\copy (SELECT cell_data('direct', 'B') IS NOT NULL, coalesce(reports(), 'no report')) TO stdout

-- Only a role that may see what another does sees its report.
CREATE ROLE regress_cell_reader;
CREATE ROLE regress_cell_monitor;
GRANT pg_monitor TO regress_cell_monitor;
GRANT USAGE ON SCHEMA test_progress TO regress_cell_reader, regress_cell_monitor;
CREATE FUNCTION seen_by(x integer, role name) RETURNS integer LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	PERFORM set_config('role', role, true);
	PERFORM pg_stat_clear_snapshot();
	PERFORM set_config('test.reports', (SELECT format('%s sees %s, %s, %s, %s', role, study, sample, layout, phase) FROM cell_progress WHERE pid = pg_backend_pid()), false);
	PERFORM set_config('role', 'none', true);
	RETURN x;
END
$$;
-- A function that gets the names of studies before the view has left them out
CREATE FUNCTION leak(study text) RETURNS boolean LANGUAGE plpgsql STRICT COST 0.0001 AS $$
BEGIN
	RAISE NOTICE 'leaked: %', study;
	RETURN true;
END
$$;
SET ROLE regress_cell_reader;
SELECT count(*) FROM cell_progress WHERE leak(study);
RESET ROLE;
CREATE VIEW hidden_source AS SELECT sample, cell_id, seen_by(x, 'regress_cell_reader') AS x, y, phenotypes FROM cells;
SELECT cell_register_study('hidden', 'hidden_source', phenotypes => 'phenotypes', features => '{a}');
SELECT cell_data('hidden', 'A') IS NOT NULL AS packed, reports();
CREATE OR REPLACE VIEW hidden_source AS SELECT sample, cell_id, seen_by(x, 'regress_cell_monitor') AS x, y, phenotypes FROM cells;
SELECT cell_data('hidden', 'A') IS NOT NULL AS packed, reports();

SELECT count(cell_drop_study(study)) FROM (SELECT study FROM cell_studies) s;
REVOKE USAGE ON SCHEMA test_progress FROM regress_cell_reader, regress_cell_monitor;
DROP ROLE regress_cell_reader, regress_cell_monitor;
DROP SCHEMA test_progress CASCADE;
