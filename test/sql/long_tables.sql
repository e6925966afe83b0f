-- Long tables: a row for each cell and feature
CREATE SCHEMA test_long_tables;
SET search_path = test_long_tables, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/include/error_of.sql'
\i :error_of

CREATE TABLE few (cell text, feature text, positive boolean, intensity double precision);
INSERT INTO few VALUES ('7', 'b', true, 0.5), ('7', 'a', false, NULL), ('10', 'a', true, -1), ('10', 'b', true, 'NaN'), ('0', 'b', false, NULL), ('0', 'a', false, NULL);
SELECT id, cell_collected_phenotypes((SELECT cell_collect_phenotypes(cell, feature, positive, '{a,b}') FROM few), id),
	cell_collected_intensities((SELECT cell_collect_intensities(cell, feature, intensity, '{a,b}') FROM few), id)
FROM unnest('{0,7,10}'::bigint[]) id;
-- cells that have no rows
SELECT id, cell_collected_phenotypes((SELECT cell_collect_phenotypes(cell, feature, positive, '{a,b}') FROM few), id) IS NULL AS mask,
	cell_collected_intensities((SELECT cell_collect_intensities(cell, feature, intensity, '{a,b}') FROM few), id) IS NULL AS intensities
FROM unnest('{1,8,11,4294967303,-1,-9223372036854775808,9223372036854775807}'::bigint[]) id;
-- no rows: NULL, and NULL again
SELECT cell_collect_phenotypes(cell, feature, positive, '{a}') IS NULL AS masks, cell_collect_intensities(cell, feature, intensity, '{a}') IS NULL AS intensities FROM few WHERE false;
SELECT cell_collected_phenotypes(NULL, 1) IS NULL AS mask, cell_collected_intensities(NULL, 1) IS NULL AS intensities;
-- the longest ids, an empty name, a byte order unlike the collation, lower bounds other than 1
SELECT id, cell_collected_phenotypes(collected, id) FROM (SELECT cell_collect_phenotypes(cell, feature, feature = '', '[0:2]={"",ä,Z}') FROM unnest('{4294967295,999999999,1}'::text[]) cell, unnest('{ä,"",Z}'::text[]) feature) f (collected), unnest('{1,999999999,4294967295}'::bigint[]) id;

-- Tables with 1 to 64 features, with the rows of the cells in every order; the
-- expected results are made of arrays
CREATE TABLE long AS
SELECT n, names, i, (i::bigint * 2654435761 % 4294967296)::text AS cell, f, 'f' || f AS feature,
	hashint8extended(i, f) & 1 = 1 AS positive, nullif((hashint8extended(i, f) >> 1 & 1023)::float8, 0) / 8 AS intensity
FROM unnest('{1,2,30,63,64}'::integer[]) n, LATERAL (SELECT array_agg('f' || f ORDER BY f) AS names FROM generate_series(1, n) f) l, generate_series(1, 200) i, generate_series(1, n) f;
CREATE TABLE expected AS
SELECT n, cell::bigint AS cell_id, cell_phenotypes(VARIADIC array_agg(positive ORDER BY f)) AS phenotypes, array_agg(intensity ORDER BY f) AS intensities
FROM long GROUP BY n, cell;
-- whether the collected value has everything that is expected, and nothing else
CREATE FUNCTION same(n integer, masks bytea, intensities bytea) RETURNS boolean LANGUAGE sql
RETURN (SELECT bool_and(cell_collected_phenotypes(masks, cell_id) IS NOT DISTINCT FROM e.phenotypes AND cell_collected_intensities(same.intensities, cell_id) IS NOT DISTINCT FROM e.intensities)
	AND octet_length(masks) = 4 + 12 * count(*) AND octet_length(same.intensities) = 4 + (12 + 8 * same.n) * count(*)
	FROM expected e WHERE e.n = same.n);
SELECT n, same(n, masks, intensities) AS "by cell", same(n, masks_f, intensities_f) AS "by feature", same(n, masks_r, intensities_r) AS random
FROM (
	SELECT n, cell_collect_phenotypes(cell, feature, positive, names ORDER BY i, f) AS masks,
		cell_collect_intensities(cell, feature, intensity, names ORDER BY i, f) AS intensities,
		cell_collect_phenotypes(cell, feature, positive, names ORDER BY f, cell) AS masks_f,
		cell_collect_intensities(cell, feature, intensity, names ORDER BY f, cell) AS intensities_f,
		cell_collect_phenotypes(cell, feature, positive, names ORDER BY hashint8(i * 64 + f)) AS masks_r,
		cell_collect_intensities(cell, feature, intensity, names ORDER BY hashint8(i * 64 + f)) AS intensities_r
	FROM long GROUP BY n
) l ORDER BY n;

-- Parallel workers get parts of cells; then groups with alternating lists
\set plan_nodes :abs_srcdir '/include/plan_nodes.sql'
\i :plan_nodes
CREATE TABLE shuffled AS SELECT * FROM long WHERE n IN (30, 64) ORDER BY hashint8(i * 64 + f);
ALTER TABLE shuffled SET (parallel_workers = 2);
ANALYZE shuffled (n);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET parallel_leader_participation = off;
SELECT plan_nodes('SELECT cell_collect_phenotypes(cell, feature, positive, ''{a}''), cell_collect_intensities(cell, feature, intensity, ''{a}'') FROM shuffled');
SET work_mem = '1GB';   -- so that the aggregate is hashed
CREATE TABLE by_workers AS
SELECT n, cell_collect_phenotypes(cell, feature, positive, names) AS masks, cell_collect_intensities(cell, feature, intensity, names) AS intensities
FROM shuffled GROUP BY n;
SELECT n, same(n, masks, intensities) FROM by_workers ORDER BY n;
\set VERBOSITY sqlstate
SELECT cell_collect_phenotypes(cell, feature, positive, (SELECT names FROM long WHERE n = 64 LIMIT 1)) FROM shuffled;
SELECT cell_collect_intensities(cell, feature, intensity, names) FROM shuffled;
-- different lists in different parts
CREATE TABLE part (LIKE shuffled) PARTITION BY LIST (n);
CREATE TABLE part_30 PARTITION OF part FOR VALUES IN (30);
CREATE TABLE part_64 PARTITION OF part FOR VALUES IN (64);
INSERT INTO part SELECT * FROM shuffled;
SET enable_partitionwise_aggregate = on;
SELECT count(*) FROM plan_nodes('SELECT cell_collect_phenotypes(cell, feature, positive, names) FROM part') node WHERE node = 'Partial Aggregate';
SELECT cell_collect_phenotypes(cell, feature, positive, names) FROM part;
\set VERBOSITY default
RESET parallel_leader_participation;
SET max_parallel_workers_per_gather = 0;
SELECT n, same(n, masks, intensities)
FROM (SELECT n, cell_collect_phenotypes(cell, feature, positive, names) AS masks, cell_collect_intensities(cell, feature, intensity, names) AS intensities FROM shuffled GROUP BY n) l
ORDER BY n;
-- a hashed aggregate is rescanned and returns the same results
SET enable_material = off;
SET enable_sort = off;
SELECT count(*), count(DISTINCT masks), bool_and(masks = (SELECT masks FROM by_workers WHERE n = 30)) AS same
FROM generate_series(1, 2) i
LEFT JOIN (SELECT n % 7 AS two, cell_collect_phenotypes(cell, feature, positive, names) AS masks FROM shuffled WHERE n = 30 GROUP BY n % 7) l ON two >= i;
RESET enable_material;
RESET enable_sort;
RESET work_mem;

-- Errors
\pset expanded on
\pset tuples_only on
CREATE FUNCTION collect(cell text, feature text, positive text, features text) RETURNS text LANGUAGE sql
RETURN format('SELECT cell_collect_phenotypes(%s, %s, %s, %s) FROM few', cell, feature, positive, features);
SELECT e.* FROM (VALUES
	-- NULL
	('NULL', 'feature', 'positive', '''{a,b}'''), ('cell', 'NULL', 'positive', '''{a,b}'''),
	('cell', 'feature', 'NULL', '''{a,b}'''), ('cell', 'feature', 'positive', 'NULL'),
	-- values that are no cell_id
	('''''', 'feature', 'true', '''{a,b}'''), ('''x''', 'feature', 'true', '''{a,b}'''), ('''-1''', 'feature', 'true', '''{a,b}'''),
	('''007''', 'feature', 'true', '''{a,b}'''), (''' 7''', 'feature', 'true', '''{a,b}'''), ('''7.0''', 'feature', 'true', '''{a,b}'''),
	('''4294967296''', 'feature', 'true', '''{a,b}'''), ('''18446744073709551623''', 'feature', 'true', '''{a,b}'''),
	-- features: unknown, repeated (adjacent or not), missing, of another list
	('cell', 'feature', 'positive', '''{b}'''), ('cell', 'feature', 'positive', '''{}'''),
	('cell', '''a''', 'positive', '''{a,b}'''), ('''7''', 'feature', 'positive', '''{a,b}'''),
	('cell', 'feature', 'positive', '''{a,b,c}'''),
	('cell', 'feature', 'positive', 'CASE cell WHEN ''10'' THEN ''{b,a}'' ELSE ''{a,b}'' END::text[]'),
	-- values that are not valid lists
	('cell', 'feature', 'positive', '''{a,NULL}'''), ('cell', 'feature', 'positive', '''{a,b,a}'''),
	('cell', 'feature', 'positive', '''{{a},{b}}'''), ('cell', 'feature', 'positive', 'array_fill(''a''::text, ARRAY[65])')
) a (cell, feature, positive, features), error_of(collect(cell, feature, positive, features)) e;
-- lists with the same number of bytes and the same hash_any_extended
CREATE TABLE lists AS
SELECT ARRAY['000004' || repeat('q', 498) || E'&m6\x01\x01C|\x0e$\x15\x01\x01tail-of-both'] AS one,
	(SELECT array_agg(to_char(i, 'FM00') ORDER BY i) FROM generate_series(0, 62) i) || '000>h000000ntail-of-both'::text AS many;
SELECT pg_column_size(one), pg_column_size(many) FROM lists;
SELECT * FROM error_of($$SELECT cell_collect_intensities('7', feature, 1, features) FROM (SELECT one[1], one FROM lists UNION ALL SELECT unnest(many), many FROM lists) rows (feature, features)$$);
-- records of one cell with those of other cells between them: a row is repeated
SELECT * FROM error_of($$SELECT cell_collect_intensities(cell, 'a', 1, '{a,b}') FROM unnest('{1,2,1}'::text[]) cell$$);
SET cell_binary.max_payload_size = '1kB';
SELECT * FROM error_of($$SELECT cell_collect_phenotypes(i::text, 'a', true, '{a}') FROM generate_series(1, 86) i$$);
SELECT octet_length(cell_collect_phenotypes(i::text, 'a', true, '{a}')) FROM generate_series(1, 85) i;
SELECT * FROM error_of($$SELECT cell_collect_intensities(i::text, 'a', 1, '{a}') FROM generate_series(1, 52) i$$);
RESET cell_binary.max_payload_size;
-- bytes that are no collected value
SELECT * FROM error_of($$SELECT cell_collected_phenotypes('', 0)$$);
SELECT * FROM error_of($$SELECT cell_collected_phenotypes('\x000000000100000000000000000000', 0)$$);
SELECT * FROM error_of($$SELECT cell_collected_phenotypes('\x01000000', 0)$$);
SELECT * FROM error_of($$SELECT cell_collected_intensities('\x00000000', 0)$$);
SELECT * FROM error_of($$SELECT cell_collected_intensities('\x41000000', 0)$$);
SELECT * FROM error_of($$SELECT cell_collected_intensities('\xffffffff', 0)$$);
-- without an order the result is not specified, but the query ends
SELECT cell_collected_phenotypes('\x0000000009000000000000000000000002000000000000000000000007000000ffffffffffffffff', id) FROM generate_series(0, 9) id;
