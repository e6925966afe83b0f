-- Properties for any cells: independence of order and plan, round trips.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(27);

-- 60 samples of 0 to 5000 cells with ids, coordinates and phenotypes of the full range.
CREATE FUNCTION draw(a bigint, b bigint) RETURNS bigint LANGUAGE sql IMMUTABLE RETURN hashint8extended(a, b);
CREATE TABLE cell AS
SELECT DISTINCT ON (sample, cell_id) sample, cell_id, x, y, phenotypes
FROM (
	SELECT sample, draw(i, sample) & 4294967295 AS cell_id, draw(i, sample + 1000)::bit(32)::integer AS x,
		draw(i, sample + 2000)::bit(32)::integer AS y, draw(i, sample + 3000) AS phenotypes
	FROM generate_series(1, 60) sample, generate_series(1, (sample * sample * 5000 / 3600)::bigint) i
) c;

CREATE TABLE packed AS
SELECT sample, count(*) AS cells, cell_pack(cell_id, x, y, phenotypes ORDER BY cell_id) AS payload,
	cell_pack(cell_id, x / 2, y / 2, phenotypes, 'spt' ORDER BY cell_id) AS spt
FROM cell GROUP BY sample;

SELECT cmp_ok((SELECT sum(cells) FROM packed), '>', 90000::numeric, 'there are cells to test with');

SELECT is_empty($$
	SELECT sample FROM packed JOIN (
		SELECT sample, cell_pack(cell_id, x, y, phenotypes ORDER BY draw(cell_id, 5)) AS payload FROM cell GROUP BY sample) other USING (sample)
	WHERE packed.payload <> other.payload$$, 'compact: the same bytes in random order');
SELECT is_empty($$
	SELECT sample FROM packed JOIN (
		SELECT sample, cell_pack(cell_id, x, y, phenotypes ORDER BY cell_id DESC) AS payload FROM cell GROUP BY sample) other USING (sample)
	WHERE packed.payload <> other.payload$$, 'compact: the same bytes in descending order');
SELECT is_empty($$
	SELECT sample FROM packed JOIN (
		SELECT sample, cell_pack(cell_id, x / 2, y / 2, phenotypes, 'spt' ORDER BY draw(cell_id, 5)) AS spt FROM cell GROUP BY sample) other USING (sample)
	WHERE packed.spt <> other.spt$$, 'spt: the same bytes in random order');
SELECT is_empty($$
	SELECT sample FROM packed JOIN (
		SELECT sample, cell_pack(cell_id, (x / 2)::float8, y / 2, phenotypes, 'spt' ORDER BY draw(cell_id, 6)) AS spt FROM cell GROUP BY sample) other USING (sample)
	WHERE packed.spt <> other.spt$$, 'spt: the same bytes from double precision');
SELECT is_empty($$
	SELECT sample FROM packed JOIN (
		SELECT sample, cell_pack(x, y, phenotypes ORDER BY cell_id) AS payload FROM cell GROUP BY sample) other USING (sample)
	WHERE packed.payload <> other.payload$$, 'compact: ids decide only the order');
SELECT is_empty($$
	SELECT sample FROM packed JOIN (
		SELECT sample, cell_pack(cell_id, x + sign(x) * 0.875, y + sign(y) * 0.5, phenotypes ORDER BY draw(cell_id, 7)) AS payload
		FROM cell WHERE x <> 0 AND y <> 0 GROUP BY sample) other USING (sample)
	WHERE packed.payload <> other.payload$$, 'compact: fractions are cut off');

SELECT results_eq($$
	SELECT sample, u.x, u.y, u.phenotypes FROM packed, cell_unpack(payload) WITH ORDINALITY u (cell_id, x, y, phenotypes, n) ORDER BY sample, n$$, $$
	SELECT sample, x::bigint, y::bigint, phenotypes FROM cell ORDER BY sample, cell_id$$, 'compact: the packed cells unpack');
SELECT is_empty($$
	SELECT sample FROM packed, cell_unpack(payload) u WHERE u.cell_id IS NOT NULL$$, 'compact: there are no ids');
SELECT results_eq($$
	SELECT sample, u.cell_id, u.phenotypes FROM packed, cell_unpack(spt, 'spt') WITH ORDINALITY u (cell_id, x, y, phenotypes, n) ORDER BY sample, n$$, $$
	SELECT sample, cell_id, phenotypes FROM cell ORDER BY sample, cell_id$$, 'spt: ids and phenotypes unpack, ascending');
SELECT results_eq($$
	SELECT sample, u.cell_id, u.x, u.y FROM packed, cell_unpack(spt, 'spt') u ORDER BY sample, cell_id$$, $$
	SELECT sample, cell_id,
		x / 2 - CASE WHEN shift THEN min(x / 2) OVER w - 1 ELSE 0 END::bigint,
		y / 2 - CASE WHEN shift THEN min(y / 2) OVER w - 1 ELSE 0 END::bigint
	FROM cell JOIN (SELECT sample, min(x / 2) <= 1 OR min(y / 2) <= 1 AS shift FROM cell GROUP BY sample) s USING (sample)
	WINDOW w AS (PARTITION BY sample) ORDER BY sample, cell_id$$, 'spt: coordinates shift as in SMProfiler');

SELECT is_empty($$SELECT sample FROM packed WHERE length(payload) <> 4 + 16 * cells$$, 'compact: 4 + 16 bytes a cell');
SELECT is_empty($$SELECT sample FROM packed WHERE length(spt) <> 20 + 20 * cells$$, 'spt: 20 + 20 bytes a cell');
SELECT results_eq($$
	SELECT sample, i.* FROM packed, cell_info(payload) i ORDER BY sample$$, $$
	SELECT sample, count(*), 4 + 16 * count(*), min(x)::bigint, max(x)::bigint, min(y)::bigint, max(y)::bigint
	FROM cell GROUP BY sample ORDER BY sample$$, 'compact: cell_info');
SELECT results_eq($$
	SELECT sample, i.* FROM packed, cell_info(spt, 'spt') i ORDER BY sample$$, $$
	SELECT sample, count(*), 20 + 20 * count(*), min(u.x), max(u.x), min(u.y), max(u.y)
	FROM packed, cell_unpack(spt, 'spt') u GROUP BY sample ORDER BY sample$$, 'spt: cell_info');
SELECT is_empty($$
	SELECT sample, bit FROM packed, generate_series(0, 63) bit
	WHERE cell_count(payload, 1::bigint << bit) <> (
		SELECT count(*) FROM cell WHERE cell.sample = packed.sample AND phenotypes & (1::bigint << bit) <> 0)$$, 'compact: cell_count of each bit');
SELECT is_empty($$
	SELECT sample FROM packed, (VALUES (0::bigint, 0::bigint), (1, 2), (6, 9), (-9223372036854775808, 1), (0, -1), (3, 3)) m (all_of, none_of)
	WHERE cell_count(spt, all_of, none_of, 'spt') <> (
		SELECT count(*) FROM cell WHERE cell.sample = packed.sample AND phenotypes & all_of = all_of AND phenotypes & none_of = 0)$$,
	'spt: cell_count of masks');

-- dense and arrow: properties of both. Some samples have columns that dense stores in
-- other ways: consecutive ids, small steps, few features, one value.
CREATE TABLE kind AS
SELECT sample, layout, count(*) AS cells,
	cell_pack(cell_id, x, y, phenotypes, layout ORDER BY cell_id) AS payload,
	cell_pack(cell_id, x + sign(x) * 0.875, y::float8, phenotypes, layout ORDER BY draw(cell_id, 8)) AS other
FROM unnest('{dense,arrow}'::text[]) layout, (
	SELECT sample, CASE WHEN sample % 3 = 0 THEN row_number() OVER (PARTITION BY sample) + sample * 100000 ELSE cell_id END AS cell_id,
		CASE sample % 4 WHEN 0 THEN x WHEN 1 THEN x / 1000000 WHEN 2 THEN -7 ELSE cell_id / 1000000 END::integer AS x,
		CASE sample % 5 WHEN 0 THEN y WHEN 1 THEN 2147483647 WHEN 2 THEN cell_id / 4 ELSE y / 1000000 END::integer AS y,
		CASE sample % 6 WHEN 0 THEN phenotypes WHEN 1 THEN 0 WHEN 2 THEN -1 ELSE phenotypes & 1023 | (phenotypes & 7) << 40 END AS phenotypes
	FROM cell) c
GROUP BY sample, layout;
SELECT is_empty('SELECT sample, layout FROM kind WHERE payload <> other', 'dense, arrow: the same bytes in random order, from double precision');
CREATE TABLE back AS SELECT layout, sample, u.* FROM kind, cell_unpack(payload, layout) WITH ORDINALITY u (cell_id, x, y, phenotypes, n);
SELECT is((SELECT count(*) FROM back), (SELECT 2 * count(*) FROM cell), 'dense, arrow: all cells unpack');
SELECT results_eq($$SELECT sample, n, cell_id, x, y, phenotypes FROM back WHERE layout = 'dense' ORDER BY sample, n$$,
	$$SELECT sample, n, cell_id, x, y, phenotypes FROM back WHERE layout = 'arrow' ORDER BY sample, n$$, 'dense and arrow: the same cells, in the same order');
SELECT is_empty($$
	SELECT sample FROM back GROUP BY layout, sample HAVING array_agg(cell_id ORDER BY n) <> array_agg(cell_id ORDER BY cell_id)$$, 'dense, arrow: ids ascend');
SELECT results_eq($$
	SELECT sample, u.n, u.x, u.y, u.phenotypes FROM (
		SELECT sample, cell_pack(cell_id::bigint, x::integer, y::integer, phenotypes ORDER BY n) AS payload FROM back WHERE layout = 'dense' GROUP BY sample) p,
		cell_unpack(payload) WITH ORDINALITY u (cell_id, x, y, phenotypes, n) ORDER BY sample, n$$,
	$$SELECT sample, n, x, y, phenotypes FROM back WHERE layout = 'dense' ORDER BY sample, n$$, 'dense: the cells of compact');
SELECT results_eq('SELECT layout, sample, i.* FROM kind, cell_info(payload, layout) i ORDER BY layout, sample', $$
	SELECT layout, sample, count(*), (SELECT length(payload)::bigint FROM kind WHERE (kind.layout, kind.sample) = (back.layout, back.sample)),
		min(x), max(x), min(y), max(y) FROM back GROUP BY layout, sample ORDER BY layout, sample$$, 'dense, arrow: cell_info');
SELECT is_empty($$
	SELECT layout, sample, m FROM kind, (VALUES (0::bigint, 0::bigint), (1, 2), (6, 9), (-9223372036854775808, 1), (0, -1), (3, 3), (7 << 40, 0), (1, 8), (1023, 0)) m (all_of, none_of)
	WHERE cell_count(payload, all_of, none_of, layout) <> (
		SELECT count(*) FROM back WHERE (kind.layout, kind.sample) = (back.layout, back.sample) AND phenotypes & all_of = all_of AND phenotypes & none_of = 0)$$,
	'dense, arrow: cell_count of masks');

-- A different cell gives different bytes.
SELECT is_empty($$
	SELECT sample FROM packed JOIN (
		SELECT sample, cell_pack(cell_id, x, y, phenotypes # 1) AS payload FROM cell GROUP BY sample) other USING (sample)
	WHERE packed.payload = other.payload$$, 'changed phenotypes change the payload');

-- A materialized view and an index over the functions
SELECT lives_ok($$
	CREATE MATERIALIZED VIEW slide AS SELECT sample, cell_pack(cell_id, x, y, phenotypes) AS payload FROM cell GROUP BY sample;
	CREATE INDEX ON slide (cell_count(payload, 1));
	REFRESH MATERIALIZED VIEW slide$$, 'materialized view and expression index');
SELECT is_empty('SELECT sample FROM slide JOIN packed USING (sample) WHERE slide.payload <> packed.payload', 'the materialized view holds the same payloads');

SELECT * FROM finish();
ROLLBACK;
