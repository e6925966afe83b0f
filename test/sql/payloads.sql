-- Payloads in another relation: the view that cell_create_payload_view creates, and studies that take
-- their payloads from such a relation; and the type cell_layout
CREATE SCHEMA test_payloads;
SET search_path = test_payloads, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/include/error_of.sql'
\i :error_of
SET client_min_messages = warning;
CREATE ROLE regress_cell_reader;
GRANT USAGE ON SCHEMA test_payloads TO regress_cell_reader;

CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint, intensities real[]);
INSERT INTO cell SELECT 'S' || i % 2, i, i, i * 2, i % 4, ARRAY[i, i / 2] FROM generate_series(1, 200) i;
CREATE INDEX ON cell (sample);

-- The layout as an enum gives the same bytes as the layout as a text.
SELECT layout, cell_pack(cell_id, x, y, phenotypes, layout) = cell_pack(cell_id, x, y, phenotypes, layout::text) AS integer,
	cell_pack(cell_id, x::float8, y::float8, phenotypes, layout) = cell_pack(cell_id, x::float8, y::float8, phenotypes, layout::text) AS double
FROM cell, unnest(enum_range('compact'::cell_layout, 'arrow')) layout GROUP BY layout;
SELECT cell_pack(cell_id, x, y, phenotypes, CASE cell_id % 2 WHEN 0 THEN 'spt' ELSE 'dense' END::cell_layout) = ANY (ARRAY[
	cell_pack(cell_id, x, y, phenotypes, 'spt'), cell_pack(cell_id, x, y, phenotypes, 'dense')]) AS same
FROM cell GROUP BY cell_id % 2;
SELECT * FROM error_of($$SELECT cell_pack(cell_id, x, y, phenotypes, CASE cell_id WHEN 7 THEN 'spt' ELSE 'dense' END::cell_layout) FROM cell$$);
SELECT * FROM error_of($$SELECT cell_pack(cell_id, x, y, phenotypes, NULL::cell_layout) FROM cell$$);
SELECT * FROM error_of($$SELECT cell_pack(cell_id, x, y, phenotypes, 'intensity'::cell_layout) FROM cell$$);
SELECT * FROM error_of($$SELECT cell_pack(cell_id, x, y, phenotypes, 'none'::cell_layout) FROM cell$$);
-- A label that the library does not know
ALTER TYPE cell_layout ADD VALUE 'parquet';
SELECT * FROM error_of($$SELECT cell_pack(cell_id, x, y, phenotypes, 'parquet'::cell_layout) FROM cell$$);
DELETE FROM pg_enum WHERE enumlabel = 'parquet' AND enumtypid = 'cell_layout'::regtype;

-- The view
SELECT cell_register_study('source', 'cell', phenotypes => 'phenotypes', features => '{a,b}', intensities => 'intensities');
SELECT cell_create_payload_view('source', 'payloads');
SELECT pg_get_viewdef('payloads');
SELECT count(*), count(DISTINCT (sample, layout, coding)),
	bool_and(payload = cell_data('source', sample, layout, coding) AND (cells, bytes, etag) = cell_data_head('source', sample, layout, coding)) AS same
FROM payloads;
-- A query computes only what it reads, and a row of the store serves the next one.
SELECT cell_invalidate('source');
SELECT misses AS misses_before, packings AS packings_before FROM cell_store_stats WHERE study = 'source' \gset
SELECT sample FROM payloads WHERE layout = 'compact' AND coding = 'identity' ORDER BY sample;
SELECT misses - :misses_before AS misses FROM cell_store_stats WHERE study = 'source';
SELECT cells, bytes FROM payloads WHERE sample = 'S1' AND layout = 'compact' AND coding = 'identity';
SELECT octet_length(payload) FROM payloads WHERE sample = 'S1' AND layout = 'compact' AND coding = 'identity';
SELECT misses - :misses_before AS misses, packings - :packings_before AS packings FROM cell_store_stats WHERE study = 'source';
-- Names that need quotes, and a study without intensities
SELECT cell_register_study('with ''quotes', 'cell', phenotypes => 'phenotypes', features => '{a,b}', store => false);
SELECT cell_create_payload_view('with ''quotes', 'test_payloads."Payloads of ""S"""');
SELECT array_agg(DISTINCT layout ORDER BY layout) FROM "Payloads of ""S""";
SELECT * FROM error_of($$SELECT cell_create_payload_view('none', 'v')$$);
SELECT * FROM error_of($$SELECT cell_create_payload_view('source', 'payloads')$$);
SELECT * FROM error_of($$SELECT cell_create_payload_view('source', 'a; DROP TABLE cell')$$);
SELECT cell_create_payload_view(NULL, 'v') IS NULL;

-- A study that takes its payloads from the view
SELECT cell_register_study('taken', 'cell', phenotypes => 'phenotypes', features => '{a,b}', intensities => 'intensities', store => false);
SELECT cell_set_payloads('taken', 'payloads');
SELECT study, store, payloads FROM cell_studies WHERE study IN ('source', 'taken');
SELECT layout, coding, bool_and(cell_data('taken', sample, layout, coding) = cell_data('source', sample, layout, coding)) AS payload,
	bool_and(cell_data_head('taken', sample, layout, coding) = cell_data_head('source', sample, layout, coding)) AS head
FROM cell_samples('taken') sample, unnest(enum_range(NULL::cell_layout)::text[]) layout, unnest('{identity,gzip,zstd,br}'::text[]) coding
GROUP BY layout, coding ORDER BY layout, coding;
SELECT string_agg(body, '' ORDER BY chunk) = cell_data('source', 'S0', 'spt', 'zstd') AS chunks FROM cell_data_chunks('taken', 'S0', 'spt', 'zstd', 100);
SELECT sample, cells, payload = cell_data('source', sample, 'dense', 'br') AS same FROM cell_data_samples('taken', 'dense', 'br') ORDER BY sample;
SELECT cell_data('taken', NULL, 'subsample') = cell_data('source', NULL, 'subsample') AS subsample;
SELECT "bit", feature FROM cell_feature_names('taken');
SELECT call, scan FROM cell_scans('taken', 'S0');
SELECT hits, misses, direct > 0 AS direct, packings, stored_payloads FROM cell_store_stats WHERE study = 'taken';
SELECT cell_data('taken', 'S0') AS before \gset
UPDATE cell SET x = x + 1 WHERE cell_id = 2;
SELECT cell_data('taken', 'S0') = cell_data('source', 'S0') AS same, cell_data('taken', 'S0') <> :'before' AS changed;
SET client_min_messages = notice;
CALL cell_prepare('taken', 'S0', 'arrow', 'gzip');
SET client_min_messages = warning;
SELECT * FROM error_of($$SELECT cell_data('taken', 'S9')$$);
SELECT * FROM error_of($$SELECT cell_data_head('taken', 'S9')$$);
SELECT * FROM error_of($$SELECT cell_data('taken', NULL)$$);
SELECT * FROM error_of($$SELECT cell_set_payloads('source', 'payloads')$$);
SELECT * FROM error_of($$SELECT cell_set_payloads(NULL, 'payloads')$$);
SELECT * FROM error_of($$SELECT cell_set_payloads('none', 'payloads')$$);
BEGIN;
SELECT cell_set_payloads('taken', NULL);
SELECT payloads FROM cell_studies WHERE study = 'taken';
SELECT cell_data('taken', 'S0') = cell_data('source', 'S0') AS packed;
ROLLBACK;
BEGIN READ ONLY;
SELECT * FROM error_of($$SELECT cell_set_payloads('taken', NULL)$$);
COMMIT;
SELECT state, message FROM error_of($$UPDATE cell_study SET store = true WHERE study = 'taken'$$);

-- Nothing could be stored: one error, and not a warning for each sample.
CALL cell_prepare('with ''quotes');

-- Roles: the rows of the relation need a privilege, and so do the cells behind the view.
GRANT SELECT ON cell TO regress_cell_reader;
SET ROLE regress_cell_reader;
SELECT * FROM error_of($$SELECT cell_data('taken', 'S0')$$);
SELECT * FROM error_of($$SELECT count(*) FROM cell_samples('taken')$$);
RESET ROLE;
GRANT SELECT ON payloads TO regress_cell_reader;
SET ROLE regress_cell_reader;
SELECT octet_length(cell_data('taken', 'S0'));
RESET ROLE;
REVOKE SELECT ON cell FROM regress_cell_reader;
GRANT SELECT (sample) ON cell TO regress_cell_reader;
SET ROLE regress_cell_reader;
SELECT * FROM error_of($$SELECT cell_data('taken', 'S0')$$);
RESET ROLE;

-- Only the owner of the source sets the relation, because whoever calls cell_data runs its code.
GRANT SELECT ON cell TO regress_cell_reader;
SET ROLE regress_cell_reader;
SELECT cell_register_study('reader''s', 'cell', phenotypes => 'phenotypes', features => '{a,b}', store => false);
SELECT * FROM error_of($$SELECT cell_set_payloads('reader''s', 'payloads')$$);
SELECT * FROM error_of($$SELECT cell_set_payloads('taken', NULL)$$);
RESET ROLE;
SELECT cell_drop_study('reader''s');
-- The same for a row that the owner of the extension inserts
GRANT SELECT, INSERT ON cell_study TO regress_cell_reader;
SET ROLE regress_cell_reader;
SET client_min_messages = warning;
INSERT INTO cell_study (id, study, source, store, registered_by, sample_column, cell_id_column, x_column, y_column, phenotypes_column, features, payloads)
VALUES (1000, 'planted', 'cell', false, 'regress_cell_reader', 'sample', 'cell_id', 'x', 'y', 'phenotypes', '{a,b}', 'payloads'),
	(1001, 'planted too', 'cell', true, 'regress_cell_reader', 'sample', 'cell_id', 'x', 'y', 'phenotypes', '{a,b}', NULL),
	(1002, 'planted both', 'cell', true, 'regress_cell_reader', 'sample', 'cell_id', 'x', 'y', 'phenotypes', '{a,b}', 'payloads');
SELECT study, store, payloads FROM cell_study WHERE id >= 1000;
RESET ROLE;
DELETE FROM cell_study WHERE id >= 1000;
REVOKE ALL ON cell_study FROM regress_cell_reader;
-- The view is made where it is created by its name, and not found by it.
CREATE TEMP TABLE shadow (a integer);
SELECT cell_create_payload_view('source', 'shadow');
DROP TABLE pg_temp.shadow;
SET search_path = '';
SELECT * FROM public.cell_create_payload_view('source', 'nowhere');
SET search_path = test_payloads, public;

-- Rows are input. Without a row, or with a null in it, the payload is packed from the source.
CREATE TABLE given (sample text, layout text, coding text, cells bigint, bytes bigint, etag text, payload bytea);
SELECT cell_register_study('given', 'cell', phenotypes => 'phenotypes', features => '{a,b}', store => false);
SELECT cell_set_payloads('given', 'given');
CREATE FUNCTION tried(cells bigint, bytes bigint, etag text, payload bytea, coding text DEFAULT 'identity')
RETURNS TABLE (call text, state text, message text, detail text, packed bigint) LANGUAGE plpgsql AS $$
DECLARE
	before bigint;
BEGIN
	TRUNCATE given;
	INSERT INTO given VALUES ('S0', 'compact', coding, cells, bytes, etag, payload);
	FOREACH call IN ARRAY '{cell_data,cell_data_head}'::text[] LOOP
		SELECT packings INTO before FROM cell_store_stats WHERE study = 'given';
		SELECT e.state, e.message, e.detail INTO state, message, detail FROM error_of(format('SELECT %s(''given'', ''S0'', ''compact'', %L)', call, coding)) e;
		SELECT packings - before INTO packed FROM cell_store_stats WHERE study = 'given';
		RETURN NEXT;
	END LOOP;
END
$$;
SELECT * FROM tried(0, 4, '"a"', '\x00000000');
SELECT * FROM tried(NULL, 4, '"a"', NULL);
SELECT * FROM tried(0, NULL, '"a"', '\x00000000');
SELECT * FROM tried(0, 4, NULL, '\x00000000');
SELECT cell_data('given', 'S0') = cell_data('source', 'S0') AS payload, cell_data_head('given', 'S0') = cell_data_head('source', 'S0') AS head,
	cell_data('given', 'S0', 'arrow', 'br') = cell_data('source', 'S0', 'arrow', 'br') AS layout;
SELECT packings AS packings_before FROM cell_store_stats WHERE study = 'given' \gset
CALL cell_prepare('given', 'S0');
SELECT cell_track_study('given');
SELECT packings - :packings_before AS packings FROM cell_store_stats WHERE study = 'given';
SELECT * FROM tried(-1, 4, '"a"', '\x0000000000');
SELECT * FROM tried(0, -4, '"a"', '\x00');
SELECT etag, t.state, t.message, t.detail FROM unnest(ARRAY['', 'a', '"', '"a', 'a"', '"a""', '"a b"', E'"a\r\nX: y"', '"ä"', 'W/"a"', '""', '"!~"']) etag,
	tried(0, 4, etag, '\x00000000') t WHERE call = 'cell_data_head';
-- A large payload that is packed outlives the query that packs it, in each coding.
INSERT INTO cell SELECT 'large', i, hashint8(i) & 65535, hashint8(i + 1) & 65535, hashint8(i + 2), '{0,0}' FROM generate_series(1, 200000) i;
SELECT coding, length(cell_data('given', 'large', 'spt', coding)) > 1000000 AS large, cell_decode(cell_data('given', 'large', 'spt', coding), coding) = cell_data('source', 'large', 'spt') AS same,
	cell_data_head('given', 'large', 'spt', coding) = cell_data_head('source', 'large', 'spt', coding) AS head
FROM unnest('{identity,gzip,zstd,br}'::text[]) coding;
DELETE FROM cell WHERE sample = 'large';
INSERT INTO given TABLE given;
SELECT * FROM error_of($$SELECT cell_data('given', 'S0')$$);
UPDATE given SET sample = NULL;
SELECT * FROM error_of($$SELECT cell_data_samples('given')$$);
SELECT count(*) FROM cell_samples('given');
UPDATE given SET sample = 'S0', cells = 77, payload = cell_data('source', 'S0');
SELECT sample, cells FROM cell_data_samples('given');
UPDATE given SET payload = '\x01';
SELECT state, message FROM error_of($$SELECT cell_data_samples('given')$$);
-- With a coding, the bytes are passed on as they are.
SELECT * FROM tried(0, 4, '"a"', 'anything', 'gzip');

-- A view of the payloads of the same study
BEGIN;
SELECT cell_create_payload_view('given', 'cycle');
SELECT cell_set_payloads('given', 'cycle');
SELECT f.call, e.state, e.message, e.hint FROM unnest('{"cell_data(''given'', ''S0'')",cell_samples(''given''),cell_data_samples(''given'')}'::text[]) f (call),
	error_of('SELECT ' || f.call) e;
ROLLBACK;

-- Relations that cannot have payloads
SELECT * FROM error_of($$SELECT cell_set_payloads('given', 'cell')$$);
SELECT * FROM error_of($$SELECT cell_set_payloads('given', 'cell_sample_idx')$$);
SELECT * FROM error_of($$SELECT cell_set_payloads('given', 0)$$);
CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
ALTER TABLE given ALTER sample TYPE text COLLATE insensitive;
SELECT * FROM error_of($$SELECT cell_data('given', 's0')$$);
ALTER TABLE given ALTER sample TYPE text COLLATE "default";
ALTER TABLE given ALTER cells TYPE integer;
SELECT * FROM error_of($$SELECT cell_data('given', 'S0')$$);
ALTER TABLE given RENAME TO renamed;
ALTER TABLE renamed ALTER cells TYPE bigint;
TRUNCATE renamed;
SELECT cell_data('given', 'S0') = cell_data('source', 'S0') AS payload;
DROP TABLE renamed;
SELECT f.call, e.state, e.message, e.hint FROM unnest('{"cell_data(''given'', ''S0'')",cell_samples(''given''),cell_data_samples(''given'')}'::text[]) f (call),
	error_of('SELECT ' || f.call) e;
SELECT count(*) FROM cell_feature_names('given');
SELECT count(cell_drop_study(study)) FROM (SELECT study FROM cell_studies) s;
DROP OWNED BY regress_cell_reader;
DROP ROLE regress_cell_reader;
DROP SCHEMA test_payloads CASCADE;
