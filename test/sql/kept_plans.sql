-- Plans that a session keeps to check who may read a stored payload
CREATE SCHEMA test_kept_plans;
SET search_path = test_kept_plans, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set preamble :abs_srcdir '/include/store_preamble.sql'
\i :preamble

CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint);
INSERT INTO cell SELECT s, i, i, i, i FROM generate_series(1, 10) i, unnest('{A,B,"quote'' \\ d"}'::text[]) s;
SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a,b}');
SELECT sample, how, same FROM cell_samples('s') sample, LATERAL served('s', 'cell', sample) ORDER BY sample;
SELECT sample, how, same FROM cell_samples('s') sample, LATERAL served('s', 'cell', sample) ORDER BY sample;

-- Each change is noticed by the next call of the same session.
CREATE ROLE regress_cell_reader;
GRANT USAGE ON SCHEMA test_kept_plans TO regress_cell_reader;
GRANT SELECT ON cell TO regress_cell_reader;
SET ROLE regress_cell_reader;
SELECT * FROM served('s', 'cell', 'A');
RESET ROLE;
REVOKE SELECT ON cell FROM regress_cell_reader;
GRANT SELECT (sample, cell_id, x) ON cell TO regress_cell_reader;
SET ROLE regress_cell_reader;
SELECT state, message FROM error_of($$SELECT cell_data('s', 'A')$$);
RESET ROLE;
SELECT * FROM served('s', 'cell', 'A');
GRANT SELECT ON cell TO regress_cell_reader;
ALTER TABLE cell ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON cell FOR SELECT TO regress_cell_reader USING (cell_id <= 3);
SET ROLE regress_cell_reader;
SELECT * FROM served('s', 'cell', 'A');
RESET ROLE;
SELECT * FROM served('s', 'cell', 'A');
ALTER TABLE cell DISABLE ROW LEVEL SECURITY;
ALTER TABLE cell RENAME phenotypes TO mask;
SELECT state, message FROM error_of($$SELECT cell_data('s', 'A')$$);
ALTER TABLE cell RENAME mask TO phenotypes;
SELECT * FROM served('s', 'cell', 'A');
ALTER TABLE cell RENAME TO moved;
SELECT * FROM served('s', 'moved', 'A');
ALTER TABLE moved RENAME TO cell;
ALTER TABLE cell ALTER x TYPE bigint;
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'A');
DISCARD PLANS;
SELECT * FROM served('s', 'cell', 'A');
SET plan_cache_mode = force_custom_plan;
SELECT * FROM served('s', 'cell', 'A');
SET search_path = public, test_kept_plans;
SELECT * FROM served('s', 'cell', 'A');
SET search_path = test_kept_plans, public;
RESET plan_cache_mode;

-- a view that becomes another one, and the functions that it calls
CREATE FUNCTION twice(x integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 2 * x; END';
CREATE VIEW v AS SELECT sample, cell_id, twice(x::integer) AS x, y, phenotypes FROM cell;
SELECT cell_register_study('v', 'v', phenotypes => 'phenotypes', features => '{a,b}', store => true);
GRANT SELECT ON v TO regress_cell_reader;
SELECT * FROM served('v', 'v', 'A');
SELECT * FROM served('v', 'v', 'A');
REVOKE EXECUTE ON FUNCTION twice FROM PUBLIC;
SET ROLE regress_cell_reader;
SELECT state, message FROM error_of($$SELECT cell_data('v', 'A')$$);
RESET ROLE;
SELECT * FROM served('v', 'v', 'A');
CREATE OR REPLACE VIEW v AS SELECT sample, cell_id, x::integer + 1 AS x, y, phenotypes FROM cell;
SELECT cell_invalidate('v');
SELECT * FROM served('v', 'v', 'A');
SELECT * FROM served('v', 'v', 'A');
DROP VIEW v;
SELECT state, message FROM error_of($$SELECT cell_data('v', 'A')$$);
SELECT cell_drop_study('v');

-- A partitioned table has a plan for each sample, with the sample's partitions only; more samples
-- than plans are kept; samples of each type.
CREATE TABLE parted (LIKE cell) PARTITION BY LIST (sample);
SELECT format('CREATE TABLE part_%s PARTITION OF parted FOR VALUES IN (%L)', i, 'S' || i) FROM generate_series(1, 200) i \gexec
INSERT INTO parted SELECT 'S' || i, 1, i, i, i FROM generate_series(1, 200) i;
SELECT cell_register_study('parted', 'parted', phenotypes => 'phenotypes', features => '{a,b}');
SELECT how, same, count(*) FROM generate_series(1, 200) i, served('parted', 'parted', 'S' || i) GROUP BY 1, 2;
SELECT how, same, count(*) FROM generate_series(1, 200) i, served('parted', 'parted', 'S' || i) GROUP BY 1, 2;
BEGIN;
SELECT how FROM served('parted', 'parted', 'S7');
SELECT relation::regclass FROM pg_locks WHERE pid = pg_backend_pid() AND relation::regclass::text LIKE 'part%' AND relation IN (SELECT oid FROM pg_class WHERE relkind IN ('r', 'p')) AND mode = 'AccessShareLock' ORDER BY 1;
COMMIT;
ALTER TABLE parted DETACH PARTITION part_9;
SELECT state, message FROM error_of($$SELECT cell_data('parted', 'S9')$$);
SELECT how, same FROM served('parted', 'parted', 'S8');
SELECT how, same FROM served('parted', 'parted', 'S8');
CREATE TABLE by_number (LIKE cell) PARTITION BY RANGE (cell_id);
ALTER TABLE by_number DROP sample, ADD sample uuid;
CREATE TABLE by_number_1 PARTITION OF by_number FOR VALUES FROM (0) TO (100);
INSERT INTO by_number (sample, cell_id, x, y, phenotypes) SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', i, i, i, i FROM generate_series(1, 5) i;
SELECT cell_register_study('uuid', 'by_number', phenotypes => 'phenotypes', features => '{a,b}');
SELECT cells FROM cell_data_head('uuid', 'A0EEBC999C0B4EF8BB6D6BB9BD380A11');
SELECT cells FROM cell_data_head('uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
-- a table that gets a child
CREATE TABLE plain (LIKE cell);
INSERT INTO plain SELECT * FROM cell;
SELECT cell_register_study('plain', 'plain', phenotypes => 'phenotypes', features => '{a,b}');
SELECT * FROM served('plain', 'plain', 'A');
SELECT * FROM served('plain', 'plain', 'A');
CREATE TABLE child () INHERITS (plain);
INSERT INTO child VALUES ('A', 11, 1, 1, 1);
SELECT * FROM served('plain', 'plain', 'A');
SELECT cell_track_study('plain');
SELECT * FROM served('plain', 'plain', 'A');
SELECT * FROM served('plain', 'plain', 'A');

-- A function that planning evaluates makes so many calls that plans are forgotten, but not the one
-- that is being made.
CREATE FUNCTION many_calls() RETURNS integer LANGUAGE plpgsql IMMUTABLE SET search_path = public AS $$
BEGIN
	RETURN (SELECT count(*) FROM (SELECT cell_data('parted', 'S' || i) FROM generate_series(10, 200) i OFFSET 0) p)::integer;
END
$$;
CREATE VIEW calling AS SELECT sample, cell_id, x + many_calls() AS x, y, phenotypes FROM cell;
SELECT cell_register_study('calling', 'calling', phenotypes => 'phenotypes', features => '{a,b}', store => true);
SELECT * FROM served('calling', 'calling', 'A');
DISCARD PLANS;
SELECT * FROM served('calling', 'calling', 'A');
SELECT * FROM served('s', 'cell', 'A');

-- A kept plan becomes invalid while a payload is packed.
CREATE TABLE granted AS SELECT 'A' AS sample, i AS cell_id, hashint4(i) AS x, hashint4(-i) AS y, hashint8extended(i, 0) AS phenotypes FROM generate_series(1, 200000) i;
CREATE FUNCTION granting(x integer) RETURNS integer LANGUAGE plpgsql SET search_path = test_kept_plans AS $$
BEGIN
	GRANT SELECT ON granted TO regress_cell_reader;
	REVOKE SELECT ON granted FROM regress_cell_reader;
	RETURN x;
END
$$;
CREATE VIEW changing AS SELECT sample, cell_id, CASE cell_id WHEN 1 THEN granting(x) ELSE x END AS x, y, phenotypes FROM granted;
SELECT cell_register_study('changing', 'changing', phenotypes => 'phenotypes', features => '{a,b}', store => true);
SELECT cells, bytes FROM cell_data_head('changing', 'A');
SELECT cell_invalidate('changing');
SELECT md5(cell_data('changing', 'A', 'compact', 'gzip')) = md5(cell_encode(payload, 'gzip')) AS same FROM (SELECT cell_pack(cell_id, x, y, phenotypes) AS payload FROM granted) p;

-- A text that is too long is not kept.
SELECT state FROM unnest('{3,5000}'::integer[]) n, error_of(format('SELECT cell_data(%L, %L)', 'parted', repeat('name', n)));
SELECT count(*) > 0 AS kept FROM pg_backend_memory_contexts WHERE strpos(ident, repeat('name', 3)) > 0 AND strpos(ident, repeat('name', 4)) = 0 AND name = 'CachedPlanSource';
SELECT count(*) AS kept FROM pg_backend_memory_contexts WHERE strpos(ident, repeat('name', 100)) > 0 AND name = 'CachedPlanSource';

SELECT count(cell_drop_study(study)) FROM (SELECT study FROM cell_studies) s;
DROP OWNED BY regress_cell_reader;
DROP ROLE regress_cell_reader;
DROP SCHEMA test_kept_plans CASCADE;
