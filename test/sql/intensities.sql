-- Intensities in one byte each
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/include/error_of.sql'
\i :error_of

-- every code, compared with the formula
SELECT count(*) AS codes, bool_and(cell_minifloat_decode(code::smallint) = (1::float8 / 251) * ((code % 32 / 32.0::float8 + 1) * 2::float8 ^ (code / 32) - 1)) AS number,
	bool_and(cell_minifloat_encode(cell_minifloat_decode(code::smallint)) = code) AS "and back"
FROM generate_series(0, 255) code;
-- below 0 and above 1
SELECT value, cell_minifloat_encode(value)
FROM unnest('{-Infinity,-1e308,-0.01,-0,0,1e-308,0.0001,0.5,0.999,1,1.0000001,1e308,Infinity}'::float8[]) value;
SELECT cell_minifloat_encode(NULL) IS NULL AND cell_minifloat_decode(NULL) IS NULL AS "null";


-- cell_pack_intensities: ids big-endian and ascending, then a byte for each channel
SELECT cell_pack_intensities(cell_id, intensities)
FROM (VALUES (7, '{0,1}'::real[]), (4294967295, '{0.25,-1}'), (3, '[5:6]={2,0.01}')) c (cell_id, intensities);
-- double precision is not rounded to real first
SELECT cell_pack_intensities(1, ARRAY[cell_minifloat_decode(224::smallint)]) AS double,
	cell_pack_intensities(1, ARRAY[cell_minifloat_decode(224::smallint)]::real[]) AS real;
-- no rows: NULL; groups
SELECT cell_pack_intensities(1, '{1}'::real[]) IS NULL AS "null" FROM generate_series(1, 0);
SELECT i % 2 AS sample, cell_pack_intensities(i, array_fill(i / 8.0::float8, ARRAY[1 + i % 2])) FROM generate_series(1, 4) i GROUP BY i % 2 ORDER BY sample;

-- every number of channels, in and out of order, compared with SQL: up to 41,000
-- cells, which is more than one run of the sort
CREATE TABLE intense AS
SELECT n, i, (i::bigint * 2654435761) % 4294967296 AS cell_id FROM (
	SELECT n, CASE WHEN n IN (1, 16, 64) THEN 41000 ELSE 60 END AS cells FROM generate_series(1, 64) n) s, generate_series(1, cells) i;
CREATE FUNCTION intensities(n integer, i integer) RETURNS double precision[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_fill(cell_minifloat_decode((i % 256)::smallint), ARRAY[n]);
CREATE FUNCTION bytes(n integer, cell_id bigint, i integer) RETURNS bytea LANGUAGE sql IMMUTABLE
RETURN decode(lpad(to_hex(cell_id), 8, '0') || repeat(lpad(to_hex(i % 256), 2, '0'), n), 'hex');
SELECT count(*) AS payloads, bool_and(random_order = expected) AS "random order", bool_and(id_order = expected) AS "in order" FROM (
	SELECT n, cell_pack_intensities(cell_id, intensities(n, i)) AS random_order,
		cell_pack_intensities(cell_id, intensities(n, i) ORDER BY cell_id) AS id_order,
		string_agg(bytes(n, cell_id, i), '' ORDER BY cell_id) AS expected
	FROM intense GROUP BY n) packed;

-- parallel workers: merged states give the same bytes
ALTER TABLE intense SET (parallel_workers = 2);
ANALYZE intense;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET work_mem = '1GB';   -- room for 64 states of the size that the planner assumes
CREATE FUNCTION is_partial(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	plan text;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan ~ '"Partial Mode": "Partial"';
END
$$;
SELECT is_partial('SELECT n, cell_pack_intensities(cell_id, intensities(n, i)) AS payload FROM intense GROUP BY n');
CREATE TABLE by_workers AS SELECT n, cell_pack_intensities(cell_id, intensities(n, i)) AS payload FROM intense GROUP BY n;
SET max_parallel_workers_per_gather = 0;
SELECT count(*) AS payloads, bool_and(w.payload = s.payload) AS same
FROM by_workers w JOIN (SELECT n, cell_pack_intensities(cell_id, intensities(n, i)) AS payload FROM intense GROUP BY n) s USING (n);
RESET max_parallel_workers_per_gather;
-- errors that are found when states are merged
SELECT is_partial('SELECT cell_pack_intensities(cell_id % 1000, intensities(n, i)) FROM intense WHERE n = 1');
\set VERBOSITY sqlstate
SELECT cell_pack_intensities(cell_id % 1000, intensities(n, i)) FROM intense WHERE n = 1;
SELECT cell_pack_intensities(cell_id, array_fill(0.5::real, ARRAY[CASE WHEN i = 40999 THEN 2 ELSE 1 END])) FROM intense WHERE n = 1;
\set VERBOSITY default
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET work_mem;

-- the size limit
SET cell_binary.max_payload_size = '1kB';
SELECT octet_length(cell_pack_intensities(i, '{0.5,0.5,0.5,0.5}'::real[])) FROM generate_series(1, 128) i;
\pset expanded on
\pset tuples_only on
SELECT * FROM error_of($$SELECT cell_minifloat_encode('NaN')$$);
SELECT * FROM error_of($$SELECT cell_minifloat_decode(-1::smallint)$$);
SELECT * FROM error_of($$SELECT cell_minifloat_decode(256::smallint)$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(i, '{0.5,0.5,0.5,0.5}'::real[]) FROM generate_series(1, 129) i$$);
RESET cell_binary.max_payload_size;
SELECT * FROM error_of($$SELECT cell_pack_intensities(nullif(i, 2), '{1}'::real[]) FROM generate_series(1, 3) i$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(7, NULL::real[])$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(7, '{1,1,1,1,1,1,1,1,NULL}'::real[])$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(7, '{1,NaN,NaN}'::real[])$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(7, '{1,2,NaN}'::float8[])$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(7, '{}'::real[])$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(7, '{{1},{2}}'::real[])$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(7, array_fill(0.5::real, ARRAY[65]))$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(i, array_fill(0.5::real, ARRAY[i])) FROM generate_series(1, 2) i$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(-1, '{1}'::real[])$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(4294967296, '{1}'::real[])$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(i % 3, '{1}'::real[]) FROM generate_series(1, 4) i$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(3, '{1}'::real[]) OVER () FROM generate_series(1, 2)$$);

SET client_min_messages = warning;
DROP TABLE intense, by_workers;
DROP FUNCTION error_of, intensities, bytes, is_partial;
