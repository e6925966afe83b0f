-- 20,000 payloads with random edits: cell_unpack, cell_info and cell_count
-- give rows or the error 22P03. The first two agree on which; the third, which
-- reads the header and the masks only, does where they find cells.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(6);

\ir ../include/mutate.sql

-- Cells numbered from 1, 0 to 6 of them.
CREATE TABLE original AS
SELECT layout, n, coalesce(cell_pack(i * 3, i * 1000, 5 + i, i << 61, layout) FILTER (WHERE i <= n), cell_empty(layout)) AS payload
FROM unnest('{compact,spt,dense,arrow}'::text[]) layout, generate_series(0, 6) n, generate_series(1::bigint, 6) i
GROUP BY layout, n;

-- The SQLSTATE of each function for a payload, or 'valid' and a digest of what it gave.
CREATE FUNCTION outcome(query text, payload bytea, layout text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	cells bigint;
BEGIN
	EXECUTE query INTO cells USING payload, layout;
	RETURN 'valid, ' || cells;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;

CREATE TABLE result AS
SELECT layout, mutant,
	outcome('SELECT count(*) FROM cell_unpack($1, $2) WHERE coalesce(cell_id, x, y, phenotypes) IS NOT NULL', mutant, layout) AS unpack,
	outcome('SELECT cells FROM cell_info($1, $2)', mutant, layout) AS info,
	outcome('SELECT cell_count($1, layout => $2)', mutant, layout) AS count
FROM original, generate_series(1, 800) seed, mutate(payload, seed * 100 + n, 4, 3) mutant;

SELECT cmp_ok((SELECT count(*) FROM result), '>=', 20000::bigint, 'payloads');
SELECT is_empty($$SELECT layout, mutant, unpack FROM result WHERE unpack !~ '^(22P03|valid, \d+)$'$$, 'a result or 22P03, nothing else');
SELECT is_empty($$SELECT layout, mutant, count FROM result WHERE count !~ '^(22P03|valid, \d+)$'$$, 'nor for cell_count');
SELECT is_empty('SELECT layout, mutant, unpack, info FROM result WHERE unpack <> info', 'cell_unpack and cell_info agree');
SELECT is_empty($$SELECT layout, mutant, unpack, count FROM result WHERE unpack <> count AND unpack <> '22P03'$$, 'cell_count agrees on valid ones');
SELECT bag_has($$SELECT DISTINCT layout, unpack = '22P03' FROM result$$,
	$$SELECT layout, refused FROM unnest('{compact,spt,dense,arrow}'::text[]) layout, unnest('{t,f}'::boolean[]) refused$$, 'both outcomes occur for each layout');

SELECT * FROM finish();
ROLLBACK;
