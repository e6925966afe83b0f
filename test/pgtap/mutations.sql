-- Values with random edits, 22,400 of them payloads: each function that reads such values
-- returns a result or raises 22P03. (coding.sql tests cell_decode.) The environment variable
-- MUTANTS is the number of edited values made from each original.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
\set mutants 400
\getenv mutants MUTANTS
SELECT plan(12);

\ir ../include/mutate.sql

-- The SQLSTATE of a query on a value, or 'valid' and the result.
CREATE FUNCTION outcome(query text, value bytea, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE query INTO result USING value, name;
	RETURN 'valid, ' || result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;

-- Payloads of 0 to 6 cells. cell_unpack and cell_info agree on which payloads are valid.
-- cell_count, which reads only the header and the phenotypes, agrees on the valid ones.
CREATE TABLE original AS
SELECT layout, n, coalesce(cell_pack(i * 3, i * 1000, 5 + i, i << 61, layout) FILTER (WHERE i <= n), cell_empty(layout)) AS payload
FROM unnest('{compact,spt,dense,arrow}'::text[]) layout, generate_series(0, 6) n, generate_series(1::bigint, 6) i
GROUP BY layout, n;
CREATE TABLE result AS
SELECT layout, mutant,
	outcome('SELECT count(*) FROM cell_unpack($1, $2) WHERE coalesce(cell_id, x, y, phenotypes) IS NOT NULL', mutant, layout) AS unpack,
	outcome('SELECT cells FROM cell_info($1, $2)', mutant, layout) AS info,
	outcome('SELECT cell_count($1, layout => $2)', mutant, layout) AS count
FROM original, generate_series(1, :mutants) seed, mutate(payload, seed * 100 + n, 4, 3) mutant;

SELECT cmp_ok((SELECT count(*) FROM result), '>=', 25::bigint * :mutants, 'payloads');
SELECT is_empty($$SELECT layout, mutant, unpack FROM result WHERE unpack !~ '^(22P03|valid, \d+)$'$$, 'a result or 22P03, nothing else');
SELECT is_empty($$SELECT layout, mutant, count FROM result WHERE count !~ '^(22P03|valid, \d+)$'$$, 'nor for cell_count');
SELECT is_empty('SELECT layout, mutant, unpack, info FROM result WHERE unpack <> info', 'cell_unpack and cell_info agree');
SELECT is_empty($$SELECT layout, mutant, unpack, count FROM result WHERE unpack <> count AND unpack <> '22P03'$$, 'cell_count agrees on valid ones');
SELECT bag_has($$SELECT DISTINCT layout, unpack = '22P03' FROM result$$,
	$$SELECT layout, refused FROM unnest('{compact,spt,dense,arrow}'::text[]) layout, unnest('{t,f}'::boolean[]) refused$$, 'both outcomes occur for each layout');

-- Any bytes can be cut into chunks.
SELECT is_empty($$SELECT mutant, size FROM result TABLESAMPLE BERNOULLI (10) REPEATABLE (1), unnest('{1,7,1048576}'::integer[]) size
	WHERE coalesce((SELECT string_agg(body, '' ORDER BY chunk) FROM cell_chunks(mutant, size)), '') <> mutant$$, 'cell_chunks returns the same bytes');

-- Values that are collected from long tables
CREATE TABLE looked_up AS
SELECT name, mutant, outcome('SELECT count(cell_collected_phenotypes($1, id)) FROM generate_series(0, 20) id WHERE $2 IS NOT NULL', mutant, name) AS mask,
	outcome('SELECT sum(cardinality(cell_collected_intensities($1, id))) FROM generate_series(0, 20) id WHERE $2 IS NOT NULL', mutant, name) AS intensities
FROM (
	SELECT n, cell_collect_phenotypes(cell::text, feature, cell % 2 = 0, '{a,b}') AS masks, cell_collect_intensities(cell::text, feature, cell, '{a,b}') AS intensities
	FROM generate_series(1, 6) n, generate_series(1, n) i, LATERAL (SELECT i * 3) c (cell), unnest('{a,b}'::text[]) feature GROUP BY n
) collected, LATERAL (VALUES ('masks', masks), ('intensities', intensities)) v (name, value), generate_series(1, :mutants / 4) seed, mutate(value, seed * 100 + n, 4, 3) mutant;
SELECT is_empty($$SELECT name, mutant, mask, intensities FROM looked_up WHERE mask !~ '^(22P03|valid, \d+)$' OR intensities !~ '^(22P03|valid, \d+)$'$$, 'cell_collected_phenotypes, cell_collected_intensities: a result or 22P03');
SELECT is_empty($$SELECT name, mutant, mask, intensities FROM looked_up WHERE mask <> '22P03' AND intensities <> '22P03'$$, 'no bytes pass for both');
SELECT bag_has($$SELECT DISTINCT name, mask = '22P03' AS no_mask, intensities = '22P03' AS no_intensities FROM looked_up$$,
	$$VALUES ('masks', false, true), ('masks', true, true), ('intensities', true, false), ('intensities', true, true)$$, 'all outcomes occur');

-- Shapefiles: edited bytes in base64, and edited base64 text
CREATE TABLE shape AS
SELECT contents, outcome('SELECT centroid[0] * 0 = 0 AND centroid[1] * 0 = 0 FROM cell_shape_centroid(convert_from($1, $2)) centroid', contents, 'LATIN1') AS outcome
FROM decode('AAAnCgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAdugDAAAFAAAAAAAAAACatEAAAAAAAAAYwAAAAAAAurRAAAAAAAAAMkAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAABABQAAAAAAAAAAmrRAAAAAAAAAGMAAAAAAALq0QAAA
AAAAADJAAQAAAAUAAAAAAAAAAAAAAACatEAAAAAAAAAYwAAAAAAAmrRAAAAAAAAAMkAAAAAAALq0QAAAAAAAADJAAAAA
AAC6tEAAAAAAAAAYwAAAAAAAmrRAAAAAAAAAGMA=', 'base64') shape, generate_series(1, 2 * :mutants) seed,
	LATERAL (VALUES (convert_to(encode(mutate(shape, seed, 156, 9), 'base64'), 'LATIN1')), (mutate(convert_to(encode(shape, 'base64'), 'LATIN1'), seed, 200, 128))) v (contents)
WHERE position('\x00' IN contents) = 0;
SELECT is_empty($$SELECT contents, outcome FROM shape WHERE outcome NOT IN ('22P03', 'valid, true')$$, 'cell_shape_centroid: numbers or 22P03');
SELECT results_eq('SELECT DISTINCT outcome FROM shape ORDER BY 1', $$VALUES ('22P03'), ('valid, true')$$, 'both outcomes occur');

SELECT * FROM finish();
ROLLBACK;
