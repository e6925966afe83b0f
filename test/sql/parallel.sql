-- Parallel plans: partial aggregates give the same bytes
CREATE TABLE cell AS
SELECT (i * 7919) % 20011 AS cell_id, i % 1000 - 500 AS x, i % 777 AS y, i * 1234567891 AS phenotypes
FROM generate_series(1::bigint, 20010) i;
ALTER TABLE cell SET (parallel_workers = 2);
ANALYZE cell;

SET cell_binary.scan = off;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;

\getenv abs_srcdir PG_ABS_SRCDIR
\set plan_nodes :abs_srcdir '/include/plan_nodes.sql'
\i :plan_nodes
SELECT plan_nodes('SELECT cell_pack(x, y, phenotypes) FROM cell');
SELECT plan_nodes('SELECT cell_pack(cell_id, x, y, phenotypes, ''spt'') FROM cell');
SELECT plan_nodes('SELECT cell_phenotypes_agg((x & 63)::integer, y > 5) FROM cell');
SELECT plan_nodes('SELECT cell_pack_intensities(cell_id, ARRAY[x, y]::real[]) FROM cell');

-- Each form and layout, once with workers and once without
CREATE TABLE result (workers integer, form text, payload bytea);
SET max_parallel_workers_per_gather = 0;
INSERT INTO result SELECT 0, 'ids', cell_pack(cell_id, x::integer, y::integer, phenotypes) FROM cell;
INSERT INTO result SELECT 0, 'ids, double', cell_pack(cell_id, x + 0.25::float8, y + 0.75::float8, phenotypes) FROM cell;
INSERT INTO result SELECT 0, 'spt', cell_pack(cell_id, x::integer, y::integer, phenotypes, 'spt') FROM cell;
INSERT INTO result SELECT 0, 'dense', cell_pack(cell_id, x::integer, y::integer, phenotypes, 'dense') FROM cell;
INSERT INTO result SELECT 0, 'arrow', cell_pack(cell_id, x::integer, y::integer, phenotypes, 'arrow') FROM cell;
INSERT INTO result SELECT 0, 'spt, double', cell_pack(cell_id, x + 0.25::float8, y + 0.75::float8, phenotypes, 'spt') FROM cell;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
CREATE TABLE by_workers AS
SELECT cell_pack(cell_id, x::integer, y::integer, phenotypes) AS ids,
	cell_pack(cell_id, x + 0.25::float8, y + 0.75::float8, phenotypes) AS ids_double,
	cell_pack(cell_id, x::integer, y::integer, phenotypes, 'spt') AS spt,
	cell_pack(cell_id, x + 0.25::float8, y + 0.75::float8, phenotypes, 'spt') AS spt_double,
	cell_pack(cell_id, x::integer, y::integer, phenotypes, 'dense') AS dense,
	cell_pack(cell_id, x::integer, y::integer, phenotypes, 'arrow') AS arrow,
	cell_pack(x::integer, y::integer, phenotypes) AS no_ids,
	cell_phenotypes_agg((x & 63)::integer, y > 700) AS mask
FROM cell;
INSERT INTO result
SELECT 2, form, payload FROM by_workers, LATERAL (VALUES ('ids', ids), ('ids, double', ids_double), ('spt', spt), ('spt, double', spt_double), ('dense', dense), ('arrow', arrow)) f (form, payload);
SELECT form, count(DISTINCT payload) = 1 AS same, count(*) FROM result GROUP BY form ORDER BY form;

-- Without ids the order may differ, but not the cells
SELECT count(*) AS cells FROM cell JOIN (SELECT DISTINCT u.* FROM by_workers, cell_unpack(no_ids) u) u USING (x, y, phenotypes);
SELECT mask = (SELECT bit_or(1::bigint << (x & 63)::integer) FROM cell WHERE y > 700) AS same_mask FROM by_workers;

-- A worker finds no rows; no worker finds rows
SELECT cell_info(cell_pack(cell_id, x::integer, y::integer, phenotypes)) FROM cell WHERE cell_id = 5;
SELECT cell_pack(cell_id, x::integer, y::integer, phenotypes) FROM cell WHERE cell_id < 0;

-- Merging states: two partitions, each scanned by one worker. The sleeps keep one
-- worker from scanning both, and let the state of the first partition arrive first.
CREATE TABLE halves (half integer, cell_id bigint, x integer, y integer, phenotypes bigint, layout text) PARTITION BY LIST (half);
CREATE TABLE first_half PARTITION OF halves FOR VALUES IN (0) WITH (parallel_workers = 0);
CREATE TABLE second_half PARTITION OF halves FOR VALUES IN (1) WITH (parallel_workers = 0);
CREATE VIEW slow_halves AS SELECT * FROM halves WHERE x > 0 OR pg_sleep(0.2 + 0.5 * half) IS NOT NULL;

-- each partition in order, but not both together: even ids, odd ids
INSERT INTO halves SELECT i % 2, i + 10, i / 2, i, i, CASE i % 2 WHEN 0 THEN 'compact' ELSE 'spt' END FROM generate_series(0, 2001) i;
ANALYZE halves;
SELECT plan_nodes('SELECT cell_pack(cell_id, x, y, phenotypes) FROM slow_halves');
SELECT cell_pack(cell_id, x, y, phenotypes) = (SELECT cell_pack(x, y, phenotypes ORDER BY cell_id) FROM halves) AS same FROM slow_halves;
-- errors that are found only when states are merged
\set VERBOSITY sqlstate
SELECT cell_pack(cell_id, x, y, phenotypes, layout) FROM slow_halves;
SELECT cell_pack(cell_id, x::float8, y::float8, phenotypes, layout) FROM slow_halves;
SELECT cell_pack(cell_id / 2, x, y, phenotypes) FROM slow_halves;
SELECT cell_pack_intensities(cell_id, array_fill(0.5::real, ARRAY[1 + half])) FROM slow_halves;
SET cell_binary.max_payload_size = '20kB';   -- enough for each worker, but not for both
SELECT cell_pack(cell_id, x, y, phenotypes) FROM slow_halves;
RESET cell_binary.max_payload_size;
\set VERBOSITY default
-- the first partition descending, the second ascending after it
TRUNCATE halves;
INSERT INTO halves SELECT 0, 2000 - i, i, i, i FROM generate_series(0, 1000) i;
INSERT INTO halves SELECT 1, 3000 + i, i, i, i FROM generate_series(0, 1000) i;
SELECT cell_pack(cell_id, x, y, phenotypes) = (SELECT cell_pack(x, y, phenotypes ORDER BY cell_id) FROM halves) AS same FROM slow_halves;
-- the first partition ascending, the second descending after it
UPDATE halves SET cell_id = 6000 - cell_id;
SELECT cell_pack(cell_id, x, y, phenotypes) = (SELECT cell_pack(x, y, phenotypes ORDER BY cell_id) FROM halves) AS same FROM slow_halves;

-- ids in sequence in both partitions: the second follows the first, with a gap, before it,
-- within it; for each layout, because sets of cells keep ids differently
CREATE FUNCTION same_bytes(first_ids text, second_ids text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	form text;
	same boolean;
BEGIN
	TRUNCATE halves;
	EXECUTE format('INSERT INTO halves SELECT 0, i, row_number() OVER () - 1, 5, CASE WHEN i %% 9 = 0 THEN -i ELSE i END FROM %s i', first_ids);
	EXECUTE format('INSERT INTO halves SELECT 1, i, row_number() OVER () - 1, 5, CASE WHEN i %% 9 = 0 THEN -i ELSE i END FROM %s i', second_ids);
	FOREACH form IN ARRAY '{"x, y, phenotypes","x, y, phenotypes, ''spt''","x + 0.5::float8, y, phenotypes, ''spt''","x, y, phenotypes, ''dense''"}'::text[] LOOP
		EXECUTE format('SELECT (SELECT cell_pack(cell_id, %1$s) FROM slow_halves) = (SELECT cell_pack(cell_id, %1$s ORDER BY cell_id) FROM halves)', form) INTO same;
		RETURN NEXT same || ' ' || form;
	END LOOP;
END
$$;
SELECT same_bytes('generate_series(5, 3004)', 'generate_series(3005, 6004)');
SELECT same_bytes('generate_series(5, 3004)', 'generate_series(3006, 6005)');
SELECT same_bytes('generate_series(2001, 3000)', 'generate_series(1001, 2000)');
SELECT same_bytes('generate_series(0, 1998, 2)', 'generate_series(1001, 1001)');
SELECT same_bytes('generate_series(7, 7)', 'generate_series(0, 6)');
SELECT same_bytes('generate_series(4294967294, 4294967295)', 'generate_series(0, 1)');
DROP FUNCTION same_bytes(text, text);

-- Workers return sets of every small size, whose records cannot be trimmed
CREATE TABLE wide AS
SELECT n, i, hashint8(i + 1000 * n) AS x, hashint8(-i) AS y, hashint8extended(i, n) AS phenotypes, hashint8extended(i, 0) & 4294967295 AS random_id
FROM generate_series(1, 150) n, generate_series(1::bigint, n) i;
ALTER TABLE wide SET (parallel_workers = 2);
ANALYZE wide;
SET work_mem = '2000MB';   -- to hash 150 states of the size that the planner assumes
SELECT plan_nodes('SELECT cell_pack(i, x, y, phenotypes) FROM wide GROUP BY n');
CREATE TABLE by_worker AS
SELECT n, cell_pack(random_id, x, y, phenotypes) AS compact, cell_pack(i, x, y, phenotypes, 'spt') AS spt,
	cell_pack(random_id, x, y::float8, phenotypes, 'spt') AS spt_double, cell_pack(i, x, y, phenotypes, 'dense') AS dense
FROM wide GROUP BY n;
SET max_parallel_workers_per_gather = 0;
SELECT count(*) AS sets, bool_and(w.compact = a.compact) AS compact, bool_and(w.spt = a.spt) AS spt,
	bool_and(w.spt_double = a.spt_double) AS spt_double, bool_and(w.dense = a.dense) AS dense
FROM by_worker w JOIN (
	SELECT n, cell_pack(random_id, x, y, phenotypes) AS compact, cell_pack(i, x, y, phenotypes, 'spt') AS spt,
		cell_pack(random_id, x, y::float8, phenotypes, 'spt') AS spt_double, cell_pack(i, x, y, phenotypes, 'dense') AS dense
	FROM wide GROUP BY n) a USING (n);
RESET work_mem;
SET max_parallel_workers_per_gather = 2;

-- A partial aggregate that is rescanned serializes the same states again
CREATE TABLE parts (part integer, sample integer, cell_id bigint) PARTITION BY LIST (part);
SELECT format('CREATE TABLE part_%1$s PARTITION OF parts FOR VALUES IN (%1$s)', i) FROM generate_series(0, 7) i \gexec
INSERT INTO parts SELECT i % 8, i / 8 % 80, i FROM generate_series(0, 399999) i;
ANALYZE parts;
SET max_parallel_workers_per_gather = 0;
SET enable_partitionwise_aggregate = on;
SET work_mem = '2MB';
SET hash_mem_multiplier = 1;
SET enable_sort = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_memoize = off;
SELECT count(*) AS payloads, count(DISTINCT md5(payload)) AS different
FROM generate_series(1, 3) again
LEFT JOIN (SELECT sample, cell_pack(cell_id, sample, part, cell_id) AS payload FROM parts GROUP BY sample) packed ON sample < again + 200;
RESET enable_partitionwise_aggregate;
RESET work_mem;
RESET hash_mem_multiplier;
RESET enable_sort;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
RESET enable_memoize;
SET max_parallel_workers_per_gather = 2;
DROP TABLE parts, wide, by_worker;

-- Errors in and across workers
\set VERBOSITY sqlstate
SELECT cell_pack(cell_id % 20000, x::integer, y::integer, phenotypes) FROM cell;
SELECT cell_pack(cell_id, nullif(x, 7)::integer, y::integer, phenotypes) FROM cell;
SELECT cell_pack(cell_id, x::integer, y::integer, phenotypes, CASE WHEN cell_id = 77 THEN 'compact' ELSE 'spt' END) FROM cell;
SET cell_binary.max_payload_size = '256kB';
SELECT cell_pack(x::integer, y::integer, phenotypes) FROM cell;
RESET cell_binary.max_payload_size;
\set VERBOSITY default

DROP FUNCTION plan_nodes(text);
DROP VIEW slow_halves;
DROP TABLE halves, cell, result, by_workers;
