-- The scan: which queries it computes, and what it leaves to the executor
\getenv abs_srcdir PG_ABS_SRCDIR
\set plan_nodes :abs_srcdir '/include/plan_nodes.sql'
\set error_of :abs_srcdir '/include/error_of.sql'
\i :plan_nodes
\i :error_of
SET max_parallel_workers_per_gather = 0;

CREATE TABLE cell (comment text, sample text, cell_id integer, cd3 boolean, x integer, y integer, cd8 boolean, panck smallint);
INSERT INTO cell SELECT repeat('c', i % 5), 'S' || i % 3, i, i % 2 = 0, i, -i, i % 3 = 0, i % 2 FROM generate_series(1, 3000) i;
CREATE INDEX ON cell (sample);
ANALYZE cell;
SELECT cell_register_study('lab', 'cell', feature_columns => '{cd3,cd8,panck}', store => false);

-- The plan has the executor's plan below the scan.
EXPLAIN (COSTS OFF) SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3, cd8)) FROM cell;
EXPLAIN (COSTS OFF) SELECT sample, cell_pack(x, y, 5) FROM cell GROUP BY sample;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF, VERBOSE) SELECT octet_length(cell_pack(cell_id, x, y, cell_phenotypes(cd3, cd8))) + 1 AS bytes
FROM cell WHERE sample = 'S1';
SELECT plan_nodes('SELECT cell_pack(cell_id, x, y, 0::bigint + cell_id) FROM cell');
RESET enable_seqscan;

-- Both ways give the same bytes.
CREATE FUNCTION compare(query text) RETURNS TABLE (same boolean, bytes bigint, scanned boolean) LANGUAGE plpgsql AS $$
DECLARE
	on_result text;
	off_result text;
	line text;
BEGIN
	SET LOCAL cell_binary.scan = on;
	EXECUTE format('SELECT string_agg(q::text, '','' ORDER BY q::text) FROM (%s) q', query) INTO on_result;
	scanned := false;
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		scanned := scanned OR line ~ 'Executor: has not run';
	END LOOP;
	SET LOCAL cell_binary.scan = off;
	EXECUTE format('SELECT string_agg(q::text, '','' ORDER BY q::text) FROM (%s) q', query) INTO off_result;
	SET LOCAL cell_binary.scan = on;
	same := on_result IS NOT DISTINCT FROM off_result;
	bytes := length(on_result);
	RETURN NEXT;
END
$$;
SELECT * FROM compare($$SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3, cd8)) FROM cell$$);
SELECT * FROM compare($$SELECT cell_pack(x::float8, y::float8, cell_id) FROM cell WHERE cell_id BETWEEN 7 AND 99$$);
SELECT * FROM compare($$SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3, cell_positive(panck)), 'spt') FROM cell WHERE sample = 'S2'$$);
SELECT * FROM compare($$SELECT sample, cell_pack(cell_id, x, y, cell_id, 'dense') FROM cell GROUP BY sample$$);
SELECT * FROM compare($$SELECT cell_pack(cell_id, x, y, cell_id) FROM cell WHERE sample = 'nobody'$$);
-- As other servers ask for a sample: the layout as an enum, and an array with one element
SELECT * FROM compare($$SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3, cd8), 'dense'::cell_layout), sample FROM cell WHERE sample = ANY ('{S1}'::text[]) GROUP BY 2$$);
SELECT * FROM compare($$SELECT cell_pack(x::float8, y::float8, cell_id) FROM cell WHERE cell_id <= ALL ('{7}'::integer[])$$);
SELECT list, c.* FROM unnest('{"{S1,S2}","{}","{NULL}","{nobody}"}'::text[]) list,
	compare(format('SELECT cell_pack(cell_id, x, y, cell_id) FROM cell WHERE sample = ANY (%L::text[])', list)) c;
SELECT * FROM compare($$SELECT sample, cell_pack(cell_id, x, y, cell_id) FROM cell WHERE cell_id > 5000 GROUP BY sample$$);
SELECT * FROM compare($$SELECT s, (SELECT cell_pack(cell_id, x, y, cell_id) FROM cell WHERE sample = s) FROM unnest('{S2,S0,none,S1,NULL}'::text[]) s$$);
SELECT * FROM compare($$SELECT sample, cells, payload FROM cell_data_samples('lab', 'arrow')$$);

-- cell_scans says what is scanned, and why not.
SELECT * FROM cell_scans('lab');
SELECT * FROM cell_scans('lab', 'S1');
SELECT * FROM cell_scans(NULL);
SET cell_binary.scan = off;
SELECT * FROM cell_scans('lab');
RESET cell_binary.scan;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM cell_scans('lab');
COMMIT;
CREATE VIEW joined AS SELECT c.*, s.n FROM cell c JOIN (VALUES ('S1', 1)) s (sample, n) USING (sample);
CREATE VIEW halved AS SELECT sample, cell_id, x / 2 AS x, y, cd3 FROM cell;
CREATE VIEW dense_part AS SELECT * FROM cell WHERE x * y < 100;
CREATE VIEW plain AS SELECT * FROM cell WHERE cell_id < 1000 AND sample IS NOT NULL;
CREATE VIEW limited AS SELECT * FROM cell LIMIT 10;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM cell;
SELECT cell_register_study(source, source::regclass, feature_columns => '{cd3}', store => false)
FROM unnest('{joined,halved,dense_part,plain,limited,kept}'::text[]) source;
SELECT source, scan, detail FROM unnest('{joined,halved,dense_part,plain,limited,kept}'::text[]) WITH ORDINALITY s (source, n), cell_scans(source) ORDER BY n;

-- What a scan cannot read, the executor does: a value stored out of line, and a null group.
CREATE TABLE odd (sample text, cell_id integer, x integer, y integer, phenotypes bigint);
ALTER TABLE odd ALTER sample SET STORAGE EXTERNAL;
INSERT INTO odd VALUES (repeat('long', 1000), 1, 2, 3, 4), ('short', 5, 6, 7, 8);
SELECT * FROM compare($$SELECT sample, cell_pack(cell_id, x, y, phenotypes) FROM odd GROUP BY sample$$);
SELECT * FROM compare($$SELECT cell_pack(cell_id, x, y, phenotypes) FROM odd WHERE sample = 'short'$$);
UPDATE odd SET sample = NULL WHERE cell_id = 1;
SELECT * FROM compare($$SELECT sample, cell_pack(cell_id, x, y, phenotypes) FROM odd GROUP BY sample$$);
SELECT * FROM compare($$SELECT sample, cell_pack(cell_id, x, y, phenotypes) FROM odd WHERE sample IS NOT NULL GROUP BY sample$$);

-- Columns that were added and dropped
ALTER TABLE odd ADD cd3 boolean NOT NULL DEFAULT true, ADD cd8 boolean DEFAULT false, DROP phenotypes;
INSERT INTO odd VALUES ('short', 9, 1, 1, false, true);
SELECT * FROM compare($$SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3, cd8)) FROM odd$$);

-- Errors are those of the executor.
SELECT state, message FROM error_of($$SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3, cd8), 'none') FROM odd$$);
SELECT state, message FROM error_of($$SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3, cd8), NULL) FROM odd$$);
INSERT INTO odd VALUES ('short', 10, 1, NULL, false, true);
SELECT state, message, detail FROM error_of($$SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3, cd8)) FROM odd$$);
UPDATE odd SET y = 3, cell_id = 9;
SELECT state, message FROM error_of($$SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3, cd8)) FROM odd$$);

-- Partitions whose columns are in another order
CREATE TABLE parted (sample text, cell_id integer, x integer, y integer, cd3 boolean, phenotypes bigint) PARTITION BY LIST (sample);
CREATE TABLE parted_1 (phenotypes bigint, gone integer, y integer, x integer, cd3 boolean, sample text, cell_id integer);
ALTER TABLE parted_1 DROP gone;
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN ('S1');
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN ('S2', 'S3') PARTITION BY RANGE (cell_id);
CREATE TABLE parted_2_low PARTITION OF parted_2 FOR VALUES FROM (MINVALUE) TO (500);
CREATE TABLE parted_2_high PARTITION OF parted_2 FOR VALUES FROM (500) TO (MAXVALUE);
INSERT INTO parted SELECT 'S' || 1 + i % 3, i, i, -i, i % 2 = 0, i FROM generate_series(1, 1000) i;
ANALYZE parted;
SELECT cell_register_study('parts', 'parted', phenotypes => 'phenotypes', features => '{a}', store => false);
SELECT * FROM cell_scans('parts', 'S1');
SELECT scan, detail FROM cell_scans('parts', 'S3') WHERE call = 'cell_data';
SELECT * FROM compare($$SELECT sample, cell_pack(cell_id, x, y, phenotypes) FROM parted GROUP BY sample$$);
SELECT * FROM compare($$SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3)) FROM parted WHERE sample = 'S2'$$);


-- A role that is subject to row-level security, or has privileges on columns only
CREATE ROLE scan_reader;
GRANT USAGE ON SCHEMA public TO scan_reader;
GRANT SELECT (sample, cell_id, x, y, cd3) ON cell TO scan_reader;
SET ROLE scan_reader;
SELECT octet_length(cell_pack(cell_id, x, y, cell_phenotypes(cd3))) FROM cell;
SELECT state, message FROM error_of($$SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd8)) FROM cell$$);
RESET ROLE;
GRANT SELECT ON cell TO scan_reader;
CREATE POLICY even ON cell USING (cell_id % 2 = 0);
CREATE POLICY of_sample ON cell AS RESTRICTIVE USING (sample = 'S1');
ALTER TABLE cell ENABLE ROW LEVEL SECURITY;
SET ROLE scan_reader;
SELECT * FROM cell_scans('lab');
SELECT * FROM compare($$SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3)) FROM cell$$);
RESET ROLE;
DROP POLICY even ON cell;
DROP POLICY of_sample ON cell;
ALTER TABLE cell DISABLE ROW LEVEL SECURITY;
REVOKE ALL ON cell FROM scan_reader;
REVOKE USAGE ON SCHEMA public FROM scan_reader;
DROP ROLE scan_reader;

-- A nondeterministic collation
CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE collated (sample text COLLATE insensitive, cell_id integer);
INSERT INTO collated VALUES ('a', 1), ('A', 2), ('b', 3);
SELECT * FROM compare($$SELECT cell_pack(cell_id, 1, cell_id, 1) FROM collated WHERE sample = 'a'$$);
SELECT * FROM compare($$SELECT min(octet_length(p)) FROM (SELECT cell_pack(cell_id, cell_id, cell_id, cell_id) AS p FROM collated GROUP BY sample) q$$);

-- Plans that are kept, cursors, and rows that this transaction has written
PREPARE of_sample(text, text) AS SELECT md5(cell_pack(cell_id, x, y, cell_id, $2)) FROM cell WHERE sample = $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE of_sample('S1', 'spt');
EXECUTE of_sample('S1', 'spt');
SET cell_binary.scan = off;
EXECUTE of_sample('S1', 'spt');
RESET cell_binary.scan;
DROP INDEX cell_sample_idx;
EXPLAIN (COSTS OFF) EXECUTE of_sample('S1', 'spt');
EXECUTE of_sample('S1', 'spt');
RESET plan_cache_mode;
BEGIN;
DECLARE payloads SCROLL CURSOR FOR SELECT sample, octet_length(cell_pack(cell_id, x, y, cell_id)) AS bytes FROM cell GROUP BY sample;
FETCH 2 FROM payloads;
FETCH BACKWARD 1 FROM payloads;
MOVE ALL FROM payloads;
DELETE FROM cell WHERE cell_id % 2 = 0;
INSERT INTO cell SELECT 'new', 'S9', i, true, i, i, true, 1 FROM generate_series(1, 10) i;
SAVEPOINT before;
DELETE FROM cell;
ROLLBACK TO before;
SELECT * FROM compare($$SELECT sample, cell_pack(cell_id, x, y, cell_id) FROM cell GROUP BY sample$$);
ROLLBACK;

-- More samples than memory is allowed for: the sets go to a temporary file
CREATE TABLE mixed AS SELECT i % 97 AS sample, i / 97 AS cell_id, i % 1000 AS x, i AS y FROM generate_series(0, 99999) i;
SET work_mem = '64kB';
SELECT * FROM compare($$SELECT sample, md5(cell_pack(cell_id, x, y, cell_id)) FROM mixed GROUP BY sample$$);
SELECT * FROM compare($$SELECT sample, md5(cell_pack(cell_id, x, y, cell_id, 'dense')) FROM mixed GROUP BY sample$$);
RESET work_mem;

-- Too many groups, which the planner knows or does not know of
SELECT count(*) AS scans FROM plan_nodes('SELECT cell_id, cell_pack(cell_id, x, y, cell_id) FROM mixed GROUP BY cell_id') node WHERE node ~ 'CellScan';
CREATE TABLE single AS SELECT i AS cell_id FROM generate_series(1, 100001) i;
SELECT count(*) AS scans FROM plan_nodes('SELECT cell_id, cell_pack(cell_id, cell_id, cell_id, cell_id) FROM single GROUP BY cell_id') node WHERE node ~ 'CellScan';
SELECT * FROM compare($$SELECT cell_id, cell_pack(cell_id, cell_id, cell_id, cell_id) FROM single GROUP BY cell_id$$);
ANALYZE single;
SELECT count(*) AS scans FROM plan_nodes('SELECT cell_id, cell_pack(cell_id, cell_id, cell_id, cell_id) FROM single GROUP BY cell_id') node WHERE node ~ 'CellScan';

-- A long table, cell by cell and feature by feature
CREATE TABLE long (cell varchar, feature text, value numeric, positive text, number serial);
INSERT INTO long (cell, feature, value, positive)
SELECT c, f, CASE f WHEN 'a' THEN c / 7.0 WHEN 'b' THEN 1.5e30 * c END, CASE WHEN c % 3 = 0 THEN 'positive' WHEN c % 3 = 1 THEN 'negative' END
FROM generate_series(1, 300) c, unnest('{a,b,c}'::text[]) f ORDER BY c, f;
CREATE TABLE melted AS SELECT * FROM long ORDER BY feature, cell::integer;
SELECT * FROM compare($$SELECT cell_collect_phenotypes(cell, feature, (positive = 'positive') IS TRUE, '{a,b,c}') FROM long WHERE number BETWEEN 31 AND 600$$);
SELECT * FROM compare($$SELECT cell_collect_phenotypes(cell, feature, coalesce(positive = 'positive', false), '{a,b,c}') FROM melted$$);
SELECT * FROM compare($$SELECT cell_collect_intensities(cell, feature, value::float8 * 0.1, '{a,b,c}') FROM long$$);
SELECT * FROM compare($$SELECT cell_collect_intensities(cell, feature, value::float8, '{a,b,c}') FROM melted$$);
SELECT state, message, detail FROM error_of($$SELECT cell_collect_phenotypes(cell, feature, positive = 'positive', '{a,b,c}') FROM long$$);
SELECT state, message FROM error_of($$SELECT cell_collect_phenotypes(cell, feature, positive IS NULL, '{a,b}') FROM long$$);
SELECT state, message FROM error_of($$SELECT cell_collect_phenotypes(cell, feature, (positive = 'positive') IS TRUE, '{a,b}') FROM long$$);

-- The bytes in front of an array of 8-byte numbers must not be taken for those of another tuple.
CREATE TABLE misread (cell_id bigint, phenotypes bigint, x integer, y integer, other bigint, flag boolean, array_8 float8[], sample text);
ALTER TABLE misread ALTER sample SET STORAGE EXTERNAL;
INSERT INTO misread VALUES
	(1, 0, 1, 1, 0, true, array_fill(0::float8, '{60}'), 'S1'),
	(2, 0, 1, 1, 0, true, array_fill(0::float8, '{14}'), repeat('a', 364) || E'\x07S1zz');
SELECT left(sample, 3) AS sample, octet_length(cell_pack(cell_id, x, y, phenotypes)) AS bytes FROM misread GROUP BY sample;

-- Features for which null counts as false
CREATE TABLE partly (cell_id integer, a boolean, b boolean, c boolean, d boolean, e boolean, f boolean, g boolean, h boolean, i smallint);
INSERT INTO partly SELECT n, n % 2 = 0, n % 3 = 0, nullif(n % 5, 0) = 1, true, n % 7 = 0, n % 11 = 0, n % 13 = 0, nullif(n % 17, 0) = 1, CASE WHEN n % 4 > 0 THEN n % 2 END
FROM generate_series(1, 500) n;
SELECT * FROM compare($$SELECT cell_pack(cell_id, 1 * cell_id, cell_id, cell_phenotypes(a, b, coalesce(c, false), d, e, f, g, h IS TRUE, coalesce(cell_positive(i), false))) FROM partly$$);
SELECT * FROM compare($$SELECT cell_pack(cell_id, cell_id, cell_id, cell_phenotypes(a, b, coalesce(c, false), d, e, f, g, h IS TRUE, coalesce(cell_positive(i), false))) FROM partly$$);
SELECT * FROM compare($$SELECT cell_pack(cell_id, cell_id, cell_id, cell_phenotypes(coalesce(c, true))) FROM partly$$);
SELECT state, message FROM error_of($$SELECT cell_pack(cell_id, cell_id, cell_id, cell_phenotypes(coalesce(c, false), h)) FROM partly$$);

-- Payloads that are made while another one is made
CREATE VIEW nested AS
SELECT c.sample, c.cell_id, c.x, c.y, c.x::bigint AS phenotypes FROM mixed c JOIN (SELECT sample, cell_pack(cell_id, x, y, cell_id) AS payload FROM mixed GROUP BY sample) p USING (sample)
WHERE p.payload IS NOT NULL;
SELECT cell_register_study('nested', 'nested', phenotypes => 'phenotypes', features => '{a}', store => false);
SELECT cell_data('nested', '5') = (SELECT cell_pack(cell_id, x, y, x) FROM mixed WHERE sample = 5) AS same;

-- More samples than can be kept track of
CREATE TABLE alternating AS SELECT (i % 5000)::text AS sample, i AS cell_id, 1 AS x, 1 AS y FROM generate_series(1, 50000) i;
SET work_mem = '64kB';
SELECT * FROM compare($$SELECT sample, md5(cell_pack(cell_id, x, y, cell_id)) FROM alternating GROUP BY sample$$);
RESET work_mem;

-- The executor skips partitions by a value that the planner does not know.
SELECT * FROM plan_nodes($$SELECT cell_pack(cell_id, x, y, phenotypes) FROM parted WHERE sample = (SELECT 'S1')$$);
EXPLAIN (COSTS OFF) SELECT cell_pack(cell_id, x, y, phenotypes) FROM parted WHERE sample = 'S2';
-- Without a collation, texts cannot be compared; an empty table needs no values.
CREATE TABLE ordered (sample text COLLATE "C", cell_id integer);
CREATE TABLE other (sample text COLLATE "POSIX");
INSERT INTO other VALUES ('S1');
SELECT * FROM compare($$SELECT cell_pack(cell_id, 1, 1, cell_id) FROM ordered WHERE cell_id > (SELECT 1 / (count(*) - 1) FROM other)$$);
INSERT INTO ordered VALUES ('S1', 1);
SELECT state, message FROM error_of($$SELECT cell_pack(cell_id, cell_id, cell_id, cell_id) FROM ordered WHERE sample = (SELECT sample FROM other)$$);

SELECT cell_drop_study(study) FROM cell_studies;
SET client_min_messages = warning;
DROP TABLE partly, single, cell, odd, parted, collated, mixed, long, melted, misread, alternating, ordered, other CASCADE;
DROP COLLATION insensitive;
DROP FUNCTION compare(text), plan_nodes(text), error_of(text);
