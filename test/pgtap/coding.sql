-- Properties of the codings for any bytes: round trips, and 12,000 encoded payloads with
-- random edits, which decode or raise an error. An eighth of the environment variable
-- MUTANTS is the number of edited values made from each original.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
\set mutants 400
\getenv mutants MUTANTS
SELECT plan(10);

\ir ../include/mutate.sql

-- Sizes around those of the slices that are passed to a library, of bytes that do not
-- compress, that compress like cells, and that are all equal.
CREATE TABLE original AS
SELECT size, kind, substring(CASE kind WHEN 'random' THEN random WHEN 'cells' THEN cells ELSE zeros END FOR size) AS payload
FROM unnest('{0,1,2,1000,32767,32768,32769,65536,262143,262144,262145,524288,600000}'::integer[]) size,
	unnest('{random,cells,zeros}'::text[]) kind,
	(SELECT string_agg(sha512(int4send(i)), '') AS random FROM generate_series(1, 9400) i) r,
	(SELECT cell_pack(i / 2 + draw(i, 1, 200), i % 1000, 1 << draw(i, 2, 12)::integer) AS cells FROM generate_series(1, 37500) i) c,
	(SELECT decode(repeat('00', 600000), 'hex') AS zeros) z;
SELECT is((SELECT count(*) FROM original WHERE octet_length(payload) = size), 39::bigint, 'payloads');

-- The default, the fastest level, the last level with large slices, the first level with
-- small slices, the slowest level
CREATE TABLE level (coding text, level integer);
INSERT INTO level VALUES ('identity', NULL), ('gzip', NULL), ('gzip', 1), ('gzip', 5), ('gzip', 6), ('gzip', 9),
	('zstd', NULL), ('zstd', 1), ('zstd', 12), ('zstd', 13), ('zstd', 19),
	('br', NULL), ('br', 0), ('br', 1), ('br', 8), ('br', 9), ('br', 11);
CREATE TABLE encoded AS
SELECT coding, level, size, kind, cell_encode(payload, coding, level) AS encoded FROM original, level
WHERE size <= 262145 OR coding <> 'br' OR coalesce(level, 0) < 11 OR kind = 'zeros';
SELECT is_empty('SELECT coding, level, size, kind FROM encoded JOIN original USING (size, kind) WHERE cell_decode(encoded, coding) <> payload',
	'decoding returns the encoded bytes');
SELECT is_empty($$SELECT * FROM encoded WHERE kind = 'random' AND octet_length(encoded) > size + size / 500 + 32$$,
	'bytes that do not compress hardly grow');
SELECT is_empty($$SELECT * FROM encoded WHERE kind = 'zeros' AND coding <> 'identity' AND size >= 1000 AND octet_length(encoded) > 100 + size / 200$$,
	'bytes that are all equal become small');
SELECT is_empty($$SELECT coding FROM encoded WHERE coding <> 'identity' AND size >= 32767 AND kind = 'cells' AND octet_length(encoded) > size * 3 / 4$$,
	'cells compress');

-- The error of decoding, or the decoded bytes.
CREATE FUNCTION outcome(encoded bytea, coding text, OUT state text, OUT message text, OUT decoded bytea) LANGUAGE plpgsql AS $$
BEGIN
	decoded := cell_decode(encoded, coding);
	state := 'valid';
EXCEPTION WHEN OTHERS THEN
	state := SQLSTATE;
	message := SQLERRM;
END
$$;

SET LOCAL cell_binary.max_payload_size = '2MB';
CREATE TABLE result AS
SELECT coding, size, kind, o.*
FROM encoded, generate_series(1, :mutants / 8) seed, mutate(encoded, seed * 1000 + size + coalesce(level, 99), 16, 256) mutant, outcome(mutant, coding) o
WHERE coding <> 'identity' AND size <= 32769 AND kind <> 'zeros' OR coding <> 'identity' AND kind = 'zeros' AND size IN (1000, 600000);
SELECT cmp_ok((SELECT count(*) FROM result), '>=', 120::bigint * (:mutants / 8), 'mutated payloads');
SELECT is_empty($$SELECT coding, state, message FROM result WHERE state NOT IN ('valid', '22P03', '54000')$$, 'bytes, or 22P03, or 54000, nothing else');
SELECT is_empty($$SELECT coding, message FROM result WHERE state = '54000' AND message !~ 'would exceed 2097152 bytes$|^window for coding "zstd" is too large$'$$,
	'54000 is raised for the size or the window');
-- gzip and zstd have a checksum. It does not cover every byte that was edited.
SELECT is_empty($$
	SELECT coding, size, kind FROM result JOIN original USING (size, kind)
	WHERE state = 'valid' AND coding IN ('gzip', 'zstd') AND decoded NOT IN (payload, payload || payload, '')$$, 'only the encoded bytes are returned');

-- After an error, no memory of a library is left.
SELECT is((SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'cell_binary coding'), 0::bigint, 'no memory is left');

SELECT * FROM finish();
ROLLBACK;
