-- The three forms of cell_pack. The bytes here are written by hand from docs/format.md;
-- test/t/001_real_data.pl compares with an independent packer.
CREATE TABLE cell (cell_id bigint, x integer, y integer, phenotypes bigint);
INSERT INTO cell VALUES (7, 10, 20, 5), (2, -1, 300, -1), (4294967295, 0, 0, 0);

-- without ids: the order of the rows
SELECT cell_pack(x, y, phenotypes ORDER BY cell_id DESC) FROM cell;
-- with ids: ascending by id
SELECT cell_pack(cell_id, x, y, phenotypes) FROM cell;
SELECT cell_pack(cell_id, x, y, phenotypes) = cell_pack(x, y, phenotypes ORDER BY cell_id) AS same FROM cell;
SELECT cell_pack(cell_id, x, y, phenotypes, 'compact') = cell_pack(cell_id, x, y, phenotypes) AS same FROM cell;
SELECT cell_pack(cell_id, x, y, phenotypes, 'spt') FROM cell;

-- double precision coordinates are truncated toward zero
SELECT cell_pack(x, y, 0) FROM (VALUES (1.999::float8, -1.999::float8)) c (x, y);
SELECT cell_pack(0, x, y, 0) FROM (VALUES (-0.5::float8, 0.5::float8)) c (x, y);
-- one integer, one double precision; real; numeric; smallint
SELECT cell_pack(1::integer, 2.5::float8, 3), cell_pack(1.5::real, 2::real, 3), cell_pack(1.5, 2.5, 3),
	cell_pack(1::smallint, 2::smallint, 3);

-- layout spt: both axes are shifted to start at 1 if the smallest x or the smallest y,
-- before truncation, is 1 or less
CREATE FUNCTION spt(x float8[], y float8[]) RETURNS TABLE (header text, x bigint[], y bigint[]) LANGUAGE sql AS $$
	SELECT encode(substring(payload FOR 20), 'hex'), array_agg(u.x ORDER BY u.cell_id), array_agg(u.y ORDER BY u.cell_id)
	FROM (SELECT cell_pack(i, $1[i], $2[i], 0, 'spt') AS payload FROM generate_subscripts($1, 1) i) p, cell_unpack(payload, 'spt') u
	GROUP BY payload
$$;
SELECT * FROM spt('{1.5, 7.25}', '{2, 3}');           -- neither: 1.5 > 1
SELECT * FROM spt('{1, 7.25}', '{5, 9}');             -- x, exactly 1
SELECT * FROM spt('{5, 9}', '{0.75, 7.5}');           -- y
SELECT * FROM spt('{0.75, 2.5}', '{100.5, 103.25}');  -- 2.5 - 0.75 + 1 = 2.75
SELECT * FROM spt('{-3.5, -1.75}', '{-10, 10}');      -- negative
-- integers follow the same rule
SELECT cell_pack(i + 5, i, i, 0, 'spt') = cell_pack(i + 5, i::float8, i::float8, 0, 'spt') AS same FROM generate_series(-5, 5) i;
SELECT cell_pack(i, i, i, 0, 'spt') = cell_pack(i, i::float8, i::float8, 0, 'spt') AS same FROM generate_series(2, 5) i;

-- 0 and 1 cells
SELECT cell_pack(x, y, phenotypes), cell_pack(cell_id, x, y, phenotypes), cell_pack(cell_id, x, y, phenotypes, 'spt')
FROM cell WHERE false;
SELECT cell_pack(cell_id, x, y, phenotypes) FILTER (WHERE false) FROM cell;
SELECT layout, cell_empty(layout), coalesce(cell_pack(cell_id, x, y, phenotypes, layout) FILTER (WHERE false), cell_empty(layout)) AS no_cells
FROM cell, unnest('{compact,spt}'::text[]) layout GROUP BY layout ORDER BY layout;
SELECT cell_empty();
SELECT cell_pack(0, 1, 1, 0, 'spt'), cell_pack(1, 1, 0);

-- phenotypes: no bit, bit 0, bit 63, all bits
SELECT cell_pack(0, 0, mask) FROM unnest(ARRAY[0, 1, -9223372036854775808, -1]) mask;

-- the four extremes of the coordinates
CREATE VIEW extreme AS
SELECT row_number() OVER () - 1 AS cell_id, x, y
FROM unnest(ARRAY[-2147483648, 2147483647]) x, unnest(ARRAY[-2147483648, 2147483647]) y;
SELECT u.x, u.y FROM (SELECT cell_pack(cell_id, x, y, 0) AS payload FROM extreme) p, cell_unpack(payload) u;
SELECT u.x, u.y FROM (SELECT cell_pack(cell_id, x::float8, y::float8, 0) AS payload FROM extreme) p, cell_unpack(payload) u;
-- the largest coordinates that spt can hold
SELECT u.* FROM (SELECT cell_pack(cell_id, greatest(x, -2147483647), greatest(y, -2147483647), 0, 'spt') AS payload FROM extreme) p,
	cell_unpack(payload, 'spt') u;

-- GROUP BY, sorted and hashed; ROLLUP
CREATE TABLE sample_cell AS
SELECT i % 3 AS sample, i AS cell_id, i AS x, -i AS y, i::bigint << 40 AS phenotypes FROM generate_series(1, 999) i;
SET enable_hashagg = off;
CREATE TABLE by_sort AS SELECT sample, cell_pack(cell_id, x, y, phenotypes, 'spt') AS payload FROM sample_cell GROUP BY sample;
SET enable_hashagg = on;
SET enable_sort = off;
CREATE TABLE by_hash AS SELECT sample, cell_pack(cell_id, x, y, phenotypes, 'spt') AS payload FROM sample_cell GROUP BY sample;
RESET enable_sort;
RESET enable_hashagg;
SELECT count(*) FROM by_sort JOIN by_hash USING (sample, payload);
SELECT sample, (cell_info(cell_pack(cell_id, x, y, phenotypes))).* FROM sample_cell GROUP BY ROLLUP (sample) ORDER BY sample;
-- two payloads in one query
SELECT octet_length(cell_pack(x, y, phenotypes)), octet_length(cell_pack(cell_id, x, y, phenotypes, 'spt')) FROM sample_cell;
-- DISTINCT removes repeated rows
SELECT cell_pack(DISTINCT 1, 2, 3, 4) FROM generate_series(1, 3);

-- Window functions are refused, because a payload belongs to a group and not to a row
SELECT cell_pack(x, y, phenotypes) OVER () FROM cell;

DROP VIEW extreme;
DROP FUNCTION spt(float8[], float8[]);
DROP TABLE cell, sample_cell, by_sort, by_hash;

-- A hashed aggregate that is rescanned finalizes the same states again
CREATE TABLE few AS SELECT i % 3 AS sample, (i * 7) % 100 AS cell_id, i AS x, i AS y, i AS phenotypes FROM generate_series(1, 99) i;
ANALYZE few;
SET enable_material = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_sort = off;
SET enable_memoize = off;
SELECT count(*) AS payloads, count(DISTINCT payload) AS different
FROM generate_series(1, 4) again
LEFT JOIN (
	SELECT sample, layout, cell_pack(cell_id::bigint, x::integer, y::integer, phenotypes::bigint, layout) AS payload
	FROM few, unnest('{compact,spt,dense,arrow}'::text[]) layout GROUP BY sample, layout) packed ON sample < again + 10;
RESET enable_material;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_sort;
RESET enable_memoize;
DROP TABLE few;

-- Ids that stop being in sequence: after which row, and what comes next
SELECT count(*) AS sets,
	bool_and(compact = (SELECT cell_pack((id % 1000000)::integer, 1, 7) FROM (SELECT id FROM unnest(ids) id ORDER BY id) o)) AS compact,
	bool_and(spt = (SELECT array_agg(u.cell_id) FROM cell_unpack(spt_payload, 'spt') u)) AS spt
FROM (
	SELECT array_agg(id ORDER BY row) AS ids, cell_pack(id, (id % 1000000)::integer, 1, 7 ORDER BY row) AS compact,
		cell_pack(id, (id % 1000000)::float8, 1, 7, 'spt' ORDER BY row) AS spt_payload, array_agg(id ORDER BY id) AS spt
	FROM generate_series(0, 40) broken_at, unnest('{0,3,100}'::bigint[]) first, unnest('{-1,50,1000000,4294967000}'::bigint[]) odd, generate_series(0, 40) row,
		LATERAL (SELECT CASE WHEN row = broken_at THEN CASE odd WHEN -1 THEN first + 41 ELSE odd + 200 END ELSE first + row END AS id) i
	GROUP BY broken_at, first, odd
) sets;

-- Many ids out of order: without gaps, with gaps, over the whole range, in
-- few buckets; with coordinates of both types
CREATE TABLE cells AS
SELECT ids, x,
	CASE ids WHEN 'no gaps' THEN x WHEN 'gaps' THEN x * 37 WHEN 'whole range' THEN x::bigint * 21474 ELSE x / 100 * 40000 + x % 100 END AS id
FROM unnest('{no gaps,gaps,whole range,clusters}'::text[]) ids, (SELECT (i::bigint * 7919 % 200003)::integer AS x FROM generate_series(0, 200000) i) numbers;
SELECT ids, shuffled.count, shuffled.compact = ordered.compact AS compact, shuffled.spt = ordered.spt AS spt
FROM (SELECT ids, count(*), cell_pack(id, x, 7, id) AS compact, cell_pack(id, x + 0.5::float8, 7, id, 'spt') AS spt FROM cells GROUP BY ids) shuffled
JOIN (SELECT ids, cell_pack(x, 7, id::bigint ORDER BY id) AS compact, cell_pack(id, x + 0.5::float8, 7, id, 'spt' ORDER BY id) AS spt FROM cells GROUP BY ids) ordered USING (ids)
ORDER BY ids;
DROP TABLE cells;

-- The largest id, after which no id is in sequence
SELECT cell_pack(id, n, 0, 0) FROM (VALUES (4294967294, 1), (4294967295, 2), (0, 3), (1, 4)) v (id, n);
