-- What holds for any cells: order, plan, round trip.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(20);

-- 60 samples of 0 to 5000 cells with full-range ids, coordinates and masks.
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
	WHERE packed.payload <> other.payload$$, 'compact: ids only order the cells');
SELECT is_empty($$
	SELECT sample FROM packed JOIN (
		SELECT sample, cell_pack(cell_id, x + sign(x) * 0.875, y + sign(y) * 0.5, phenotypes ORDER BY draw(cell_id, 7)) AS payload
		FROM cell WHERE x <> 0 AND y <> 0 GROUP BY sample) other USING (sample)
	WHERE packed.payload <> other.payload$$, 'compact: fractions are cut off');

SELECT results_eq($$
	SELECT sample, u.x, u.y, u.phenotypes FROM packed, cell_unpack(payload) WITH ORDINALITY u (cell_id, x, y, phenotypes, n) ORDER BY sample, n$$, $$
	SELECT sample, x::bigint, y::bigint, phenotypes FROM cell ORDER BY sample, cell_id$$, 'compact: what was packed unpacks');
SELECT is_empty($$
	SELECT sample FROM packed, cell_unpack(payload) u WHERE u.cell_id IS NOT NULL$$, 'compact: there are no ids');
SELECT results_eq($$
	SELECT sample, u.cell_id, u.phenotypes FROM packed, cell_unpack(spt, 'spt') WITH ORDINALITY u (cell_id, x, y, phenotypes, n) ORDER BY sample, n$$, $$
	SELECT sample, cell_id, phenotypes FROM cell ORDER BY sample, cell_id$$, 'spt: ids and masks unpack, ascending');
SELECT results_eq($$
	SELECT sample, u.cell_id, u.x, u.y FROM packed, cell_unpack(spt, 'spt') u ORDER BY sample, cell_id$$, $$
	SELECT sample, cell_id,
		x / 2 - CASE WHEN shift THEN min(x / 2) OVER w - 1 ELSE 0 END::bigint,
		y / 2 - CASE WHEN shift THEN min(y / 2) OVER w - 1 ELSE 0 END::bigint
	FROM cell JOIN (SELECT sample, min(x / 2) <= 1 OR min(y / 2) <= 1 AS shift FROM cell GROUP BY sample) s USING (sample)
	WINDOW w AS (PARTITION BY sample) ORDER BY sample, cell_id$$, 'spt: coordinates shift as SPT shifts them');

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

-- A different cell gives different bytes.
SELECT is_empty($$
	SELECT sample FROM packed JOIN (
		SELECT sample, cell_pack(cell_id, x, y, phenotypes # 1) AS payload FROM cell GROUP BY sample) other USING (sample)
	WHERE packed.payload = other.payload$$, 'a changed mask changes the payload');

-- A materialized view and an index over the functions
SELECT lives_ok($$
	CREATE MATERIALIZED VIEW slide AS SELECT sample, cell_pack(cell_id, x, y, phenotypes) AS payload FROM cell GROUP BY sample;
	CREATE INDEX ON slide (cell_count(payload, 1));
	REFRESH MATERIALIZED VIEW slide$$, 'materialized view and expression index');
SELECT is_empty('SELECT sample FROM slide JOIN packed USING (sample) WHERE slide.payload <> packed.payload', 'which hold the same payloads');

SELECT * FROM finish();
ROLLBACK;
