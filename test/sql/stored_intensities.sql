-- Layout intensity, and the subsample of a study as a payload in the store
CREATE SCHEMA test_stored_intensities;
SET search_path = test_stored_intensities, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set preamble :abs_srcdir '/include/store_preamble.sql'
\i :preamble

-- How a payload was served, and its bytes without the coding.
CREATE FUNCTION served(study text, sample text, layout text, coding text DEFAULT 'identity', OUT how text, OUT payload bytea)
LANGUAGE plpgsql AS $$
DECLARE
	before cell_store_stats := store_stats(study);
	after cell_store_stats;
BEGIN
	payload := cell_decode(cell_data(study, sample, layout, coding), coding);
	after := store_stats(study);
	how := concat_ws(' ', CASE WHEN after.hits > before.hits THEN 'ready' END, CASE WHEN after.misses > before.misses THEN 'made' END,
		CASE WHEN after.direct > before.direct THEN 'direct' END, 'packed ' || nullif(after.packings - before.packings, 0));
END
$$;
CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint, intensities real[], PRIMARY KEY (sample, cell_id));
INSERT INTO cell SELECT s, i, i, i, i % 4, ARRAY[i % 100 / 100.0, i % 7 / 7.0] FROM generate_series(1, 300) i, unnest('{A,B,C}'::text[]) s;
SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{CD3,CD8}', intensities => 'intensities', subsample_cells => 100, subsample_seed => 7);
CREATE VIEW expected AS SELECT sample, cell_pack_intensities(cell_id, intensities) AS payload FROM cell GROUP BY sample;
CREATE FUNCTION subsample() RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(cell_subsample_metadata('s', 100)::text, 'UTF8') || '\x1c' || cell_subsample('s', 100, 7)
$$;

-- the layout: packed once, then ready, in each coding
SELECT how, payload = (SELECT e.payload FROM expected e WHERE sample = 'A') AS same FROM served('s', 'A', 'intensity');
SELECT how, payload = (SELECT e.payload FROM expected e WHERE sample = 'A') AS same FROM served('s', 'A', 'intensity');
SELECT coding, how, payload = (SELECT e.payload FROM expected e WHERE sample = 'A') AS same FROM unnest('{br,gzip,zstd}'::text[]) coding, served('s', 'A', 'intensity', coding);
SELECT cells, bytes, etag = format('"%s"', encode(sha256(cell_data('s', 'A', 'intensity', 'br')), 'hex')) AS etag, bytes = octet_length(cell_data('s', 'A', 'intensity', 'br')) AS length
FROM cell_data_head('s', 'A', 'intensity', 'br');
SELECT count(*) AS chunks, string_agg(body, '' ORDER BY chunk) = cell_data('s', 'B', 'intensity') AS same FROM cell_data_chunks('s', 'B', 'intensity', chunk_bytes => 1000);
SELECT sample, cells, a.payload = e.payload AS same FROM cell_data_samples('s', 'intensity') a JOIN expected e USING (sample) ORDER BY sample;
SELECT sample, cells, cell_decode(a.payload, 'zstd') = e.payload AS same FROM cell_data_samples('s', 'intensity', 'zstd') a JOIN expected e USING (sample) ORDER BY sample;
CALL cell_prepare('s', layout => 'intensity');
SELECT sample, how FROM unnest('{A,B,C}'::text[]) sample, served('s', sample, 'intensity') ORDER BY sample;

-- reading it: cells as rows, figures, validation
SELECT count(*) AS cells, bool_and(cell_id BETWEEN 1 AND 300 AND intensities = ARRAY[cell_minifloat_decode(cell_minifloat_encode(c.i[1])), cell_minifloat_decode(cell_minifloat_encode(c.i[2]))]) AS same
FROM cell_unpack_intensities(cell_data('s', 'A', 'intensity'), 2) JOIN (SELECT cell_id, intensities AS i FROM cell WHERE sample = 'A') c USING (cell_id);
SELECT cell_pack_intensities(cell_id, intensities) = cell_data('s', 'A', 'intensity') AS "packed again" FROM cell_unpack_intensities(cell_data('s', 'A', 'intensity'), 2);
SELECT n, count(*), bool_and(cell_id = i AND u.intensities = array_fill(cell_minifloat_decode((i % 256)::smallint), ARRAY[n])) AS same FROM generate_series(1, 64, 9) n, LATERAL (
	SELECT cell_pack_intensities(i, array_fill(cell_minifloat_decode((i % 256)::smallint), ARRAY[n]), n) AS p FROM generate_series(1, 3000) i) packed,
	cell_unpack_intensities(p, n) WITH ORDINALITY u (cell_id, intensities, i) GROUP BY n ORDER BY n;
SELECT * FROM cell_info(cell_data('s', 'A', 'intensity'), 'intensity', 2);
SELECT cell_count(cell_data('s', 'A', 'intensity'), layout => 'intensity', channels => 2);
SELECT cell_empty('intensity'), cell_info(cell_empty('intensity'), 'intensity', 64), cell_count('', layout => 'intensity', channels => 1), (SELECT count(*) FROM cell_unpack_intensities('', 3));
SELECT cell_unpack_intensities(NULL, 2), cell_unpack_intensities('', NULL);
\pset expanded on
\pset tuples_only on
SELECT * FROM error_of($$SELECT cell_unpack(cell_data('s', 'A', 'intensity'), 'intensity')$$);
SELECT * FROM error_of($$SELECT cell_count('', 1, layout => 'intensity', channels => 2)$$);
SELECT * FROM error_of($$SELECT cell_info('', 'intensity')$$);
SELECT * FROM error_of($$SELECT cell_info('', 'intensity', 65)$$);
SELECT * FROM error_of($$SELECT cell_unpack_intensities('', -1)$$);
SELECT * FROM error_of($$SELECT cell_info('\x00000000', channels => 2)$$);
SELECT * FROM error_of($$SELECT cell_info('\x0000000102030400', 'intensity', 2)$$);
SELECT * FROM error_of($$SELECT cell_unpack_intensities('\x000000010000000001ff', 1)$$);
SELECT * FROM error_of($$SELECT cell_info('\x000000020000000001ff', 'intensity', 1)$$);
SELECT * FROM error_of($$SELECT cell_pack(1, 1, 1, 1, 'intensity')$$);
SELECT * FROM error_of($$SELECT cell_pack(cell_id, x, y, phenotypes, 'intensity') FROM cell$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(cell_id, intensities, 3) FROM cell WHERE sample = 'A' AND cell_id = 4$$);
SELECT * FROM error_of($$SELECT cell_pack_intensities(cell_id, intensities, NULL) FROM cell$$);
\pset expanded off
\pset tuples_only off

-- the subsample: packed once; its parts are cut from it
SELECT how, payload = subsample() AS same FROM served('s', NULL, 'subsample');
SELECT how, payload = subsample() AS same FROM served('s', NULL, 'subsample');
SELECT how, payload = convert_to(cell_subsample_metadata('s', 100)::text, 'UTF8') AS same FROM served('s', NULL, 'subsample_metadata');
SELECT how, payload = cell_subsample('s', 100, 7) AS same FROM served('s', NULL, 'subsample_body', 'br');
SELECT layout, coding, how FROM unnest('{subsample,subsample_metadata,subsample_body}'::text[]) layout, unnest('{identity,br}'::text[]) coding, served('s', NULL, layout, coding);
SELECT layout, coding, how FROM unnest('{subsample,subsample_metadata,subsample_body}'::text[]) layout, unnest('{identity,br}'::text[]) coding, served('s', NULL, layout, coding);
SELECT layout, cells, bytes = octet_length(cell_data('s', NULL, layout)) AS length, etag = format('"%s"', encode(sha256(cell_data('s', NULL, layout)), 'hex')) AS etag
FROM unnest('{subsample,subsample_metadata,subsample_body}'::text[]) layout, cell_data_head('s', NULL, layout);
SELECT count(*) AS chunks, string_agg(body, '' ORDER BY chunk) = subsample() AS same FROM cell_data_chunks('s', NULL, 'subsample', chunk_bytes => 100);
SELECT cell_subsample_metadata('s', 100);

-- a change of any sample ends it, and only the payloads of that sample
INSERT INTO cell VALUES ('B', 301, 1, 1, 3, '{1,1}');
SELECT how, payload = subsample() AS same FROM served('s', NULL, 'subsample', 'zstd');
SELECT sample, how FROM unnest('{A,B}'::text[]) sample, served('s', sample, 'intensity') ORDER BY sample;
UPDATE cell SET intensities[1] = 0.5 WHERE sample = 'C' AND cell_id = 8;
SELECT how, payload = subsample() AS same FROM served('s', NULL, 'subsample');
SELECT how, payload = (SELECT e.payload FROM expected e WHERE sample = 'C') AS same FROM served('s', 'C', 'intensity');
DELETE FROM cell WHERE sample = 'A';
SELECT how, payload = cell_subsample('s', 100, 7) AS same FROM served('s', NULL, 'subsample_body', 'br');
SELECT how FROM served('s', NULL, 'subsample');
SELECT cell_invalidate('s', 'B');
SELECT how FROM served('s', NULL, 'subsample');
SELECT how FROM served('s', 'C', 'intensity');
SELECT cell_invalidate('s');
SELECT how FROM served('s', NULL, 'subsample');
TRUNCATE cell;
SELECT state, message, hint FROM error_of($$SELECT cell_data('s', NULL, 'subsample')$$);
SELECT state, message FROM error_of($$SELECT cell_data('s', 'A', 'intensity')$$);
INSERT INTO cell SELECT s, i, i, i, i % 4, ARRAY[i % 100 / 100.0, i % 7 / 7.0] FROM generate_series(1, 300) i, unnest('{A,B,C}'::text[]) s;
-- in a transaction that has changed the source, nothing is stored; a savepoint that is rolled back
BEGIN;
INSERT INTO cell VALUES ('D', 1, 1, 1, 1, '{0,0}');
SELECT how, payload = subsample() AS same FROM served('s', NULL, 'subsample');
ROLLBACK;
SELECT how, payload = subsample() AS same FROM served('s', NULL, 'subsample');
BEGIN;
SAVEPOINT one;
DELETE FROM cell WHERE sample = 'B';
ROLLBACK TO one;
COMMIT;
SELECT how FROM served('s', NULL, 'subsample');
-- REPEATABLE READ and SERIALIZABLE
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT how, payload = subsample() AS same FROM served('s', NULL, 'subsample');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT how, payload = subsample() AS same FROM served('s', NULL, 'subsample');
COMMIT;
BEGIN READ ONLY;
SELECT how, payload = subsample() AS same FROM served('s', NULL, 'subsample');
COMMIT;

-- cell_prepare
SELECT cell_invalidate('s');
SET client_min_messages = notice;
CALL cell_prepare('s', layout => 'subsample', coding => 'br');
CALL cell_prepare('s', layout => 'subsample', coding => 'br');
CALL cell_prepare('s', layout => 'subsample_body', coding => 'br');
CALL cell_prepare('s', 'C', 'intensity', 'zstd');
SET client_min_messages = warning;
SELECT how FROM served('s', NULL, 'subsample', 'br');
SELECT state, message FROM error_of($$SELECT cell_make_ready('s', NULL, 'compact', 'identity')$$);
SELECT state, message FROM error_of($$SELECT cell_prepare_samples('s', NULL, NULL, 'identity')$$);
SELECT state, message FROM error_of($$SELECT cell_prepare_samples('s', NULL, 'compact', 'lzma')$$);
SELECT * FROM cell_prepare_samples('s', NULL, 'intensity', 'br');
SELECT * FROM cell_prepare_samples('s', NULL, 'subsample_metadata', 'br') s WHERE s IS NULL;

-- the study without samples in the argument, and samples without a study
\pset expanded on
\pset tuples_only on
SELECT * FROM error_of($$SELECT cell_data('s', 'A', 'subsample')$$);
SELECT * FROM error_of($$SELECT cell_data('s', NULL, 'intensity')$$);
SELECT * FROM error_of($$SELECT cell_data('s', NULL, 'subsamples')$$);
SELECT * FROM error_of($$SELECT cell_data_samples('s', 'subsample')$$);
SELECT * FROM error_of($$SELECT cell_pack(1, 1, 1, 1, 'subsample')$$);
-- a study without intensities
CREATE TABLE plain (sample text, cell_id integer, x integer, y integer, phenotypes bigint);
INSERT INTO plain VALUES ('A', 1, 1, 1, 1);
SELECT cell_register_study('plain', 'plain', phenotypes => 'phenotypes', features => '{CD3,CD8}');
SELECT * FROM error_of($$SELECT cell_data('plain', 'A', 'intensity')$$);
SELECT * FROM error_of($$SELECT cell_data_head('plain', NULL, 'subsample')$$);
SELECT * FROM error_of($$SELECT cell_data_samples('plain', 'intensity')$$);
\pset expanded off
\pset tuples_only off
CALL cell_prepare('plain', NULL, 'intensity');

-- A cell that is no cell: the error names the sample and the cell, and nothing is stored.
CREATE TABLE bad (sample text, cell_id bigint, x integer, y integer, phenotypes bigint, intensities double precision[]);
SELECT cell_register_study('bad', 'bad', phenotypes => 'phenotypes', features => '{a,b}', intensities => 'intensities');
CREATE FUNCTION context_of(query text, OUT state text, OUT message text, OUT context text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	message := 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, context = PG_EXCEPTION_CONTEXT;
	context := substring(context FROM '(?n)^(?:cell_id|sample|study) .*');
END
$$;
DO $do$
DECLARE
	cell text;
	scan text;
	layout text;
	found text;
	errors text[];
BEGIN
	FOREACH cell IN ARRAY ARRAY['5, 1, 1, 1, NULL', '5, 1, 1, 1, ''{1,NULL}''', '5, 1, 1, 1, ''{1,NaN}''', '5, 1, 1, 1, ''{1}''', '5, 1, 1, 1, ''{1,1,1}''', '5, 1, 1, 1, ''{}''',
			'5, 1, 1, 1, ''{{1,2}}''', 'NULL, 1, 1, 1, ''{1,2}''', '-1, 1, 1, 1, ''{1,2}''', '4, 1, 1, 1, ''{1,2}'''] LOOP
		TRUNCATE bad;
		INSERT INTO bad SELECT s, i, 1, 1, 1, '{0.5,0.5}' FROM generate_series(1, 4) i, unnest('{A,B}'::text[]) s;
		EXECUTE format('INSERT INTO bad VALUES (''A'', %s)', cell);
		FOREACH layout IN ARRAY '{intensity,subsample}'::text[] LOOP
			errors := '{}';
			FOREACH scan IN ARRAY '{on,off}'::text[] LOOP
				PERFORM set_config('cell_binary.scan', scan, true);
				SELECT concat_ws('; ', state, message, context) INTO found
				FROM context_of(format('SELECT cell_data(''bad'', %L, %L, ''br'')', CASE layout WHEN 'intensity' THEN 'A' END, layout));
				errors := errors || found;
			END LOOP;
			RAISE WARNING '(%), layout %: %', cell, layout, errors[1];
			IF errors[1] <> errors[2] THEN
				RAISE WARNING 'not the same without a scan: %', errors[2];
			END IF;
		END LOOP;
		SELECT stored_payloads INTO found FROM cell_store_stats WHERE study = 'bad';
		IF found <> '0' THEN
			RAISE WARNING '% payloads are stored', found;
		END IF;
	END LOOP;
END
$do$;
-- The cells of the other sample are served.
SELECT octet_length(cell_data('bad', 'B', 'intensity'));

-- the virtual sample is served, but is no part of the subsample
INSERT INTO cell SELECT 'UMAP virtual sample', cell_id, x, y, phenotypes, intensities FROM cell WHERE sample = 'A';
SELECT s ->> 'specimen' AS specimen, s ->> 'count' AS count FROM json_array_elements(convert_from(cell_data('s', NULL, 'subsample_metadata'), 'UTF8')::json -> 'subsample_counts') s;
SELECT cell_data('s', 'UMAP virtual sample', 'intensity') = cell_data('s', 'A', 'intensity') AS same;
INSERT INTO cell VALUES ('UMAP virtual sample', 1000, 1, 1, 1, '{NaN,1}');
SELECT octet_length(cell_data('s', NULL, 'subsample_body'));
SET cell_binary.scan = off;
SELECT octet_length(cell_subsample('s', 100, 7)), octet_length(cell_subsample('s', 10000));
RESET cell_binary.scan;

-- sizes and seeds of the registration; one pass over the cells gives what two functions give
CREATE TABLE many AS SELECT 'S' || (i * 7919 % 13) AS sample, i AS cell_id, 1 AS x, 1 AS y, i::bigint * 31 % 8 AS phenotypes, ARRAY[i % 101 / 101.0, i % 17 / 17.0, i % 3 / 3.0]::real[] AS intensities
FROM generate_series(1, 40000) i;
SELECT cell_register_study(format('%s of %s', seed, cells), 'many', phenotypes => 'phenotypes', features => '{a,b,c}', store => false, intensities => 'intensities', subsample_cells => cells, subsample_seed => seed)
FROM unnest('{1,100,20000,39999,40000,1000000}'::bigint[]) cells, unnest('{0,-5}'::bigint[]) seed;
CREATE FUNCTION whole(study text) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to(cell_subsample_metadata(study, split_part(study, ' ', 3)::bigint)::text, 'UTF8') || '\x1c' || cell_subsample(study, split_part(study, ' ', 3)::bigint, split_part(study, ' ', 1)::bigint)
$$;
SELECT study, cell_data(study, NULL, 'subsample') = whole(study) AS same, octet_length(cell_data(study, NULL, 'subsample_body')) AS bytes FROM cell_studies WHERE study ~ ' of ' ORDER BY 1;
SET cell_binary.scan = off;
SELECT bool_and(cell_data(study, NULL, 'subsample') = whole(study)) AS same FROM cell_studies WHERE study ~ ' of ';
RESET cell_binary.scan;
SET cell_binary.max_payload_size = '90kB';
SELECT state, message, detail FROM error_of($$SELECT cell_data('0 of 1000000', NULL, 'subsample')$$);
SELECT octet_length(cell_data('0 of 20000', NULL, 'subsample'));
RESET cell_binary.max_payload_size;
SELECT state, message, detail FROM error_of($$SELECT cell_register_study('none', 'many', phenotypes => 'phenotypes', features => '{a,b,c}', subsample_cells => 0)$$);
SELECT state, message FROM error_of($$SELECT cell_register_study('none', 'many', phenotypes => 'phenotypes', features => '{a,b,c}', subsample_cells => NULL)$$);
SELECT state, message FROM error_of($$SELECT cell_register_study('none', 'many', phenotypes => 'phenotypes', features => '{a,b,c}', subsample_seed => NULL)$$);
SELECT state, message FROM error_of($$SELECT cell_register_study('none', 'many', phenotypes => 'phenotypes', features => '{a,b,c}', listed => NULL)$$);
SELECT state, message, detail, hint FROM error_of($$SELECT cell_register_study('none', 'many', phenotypes => 'phenotypes', features => '{a,b,c}', full_names => '{A,B}')$$);
SELECT state, message FROM error_of($$SELECT cell_register_study('none', 'many', phenotypes => 'phenotypes', features => '{a,b,c}', full_names => '{A,B,NULL}')$$);
SELECT cell_register_study('named', 'many', phenotypes => 'phenotypes', features => '{a,b,c}', full_names => '{Alpha,"",Alpha}', listed => false);
SELECT * FROM cell_feature_names('named');
SELECT cell_feature_names_json('named');
SELECT study, listed FROM cell_studies WHERE study IN ('named', 's') ORDER BY study;

-- privileges on the column of intensities; row-level security
CREATE ROLE regress_cell_reader;
GRANT USAGE ON SCHEMA test_stored_intensities TO regress_cell_reader;
GRANT SELECT (sample, cell_id, x, y, phenotypes) ON cell TO regress_cell_reader;
SELECT how FROM served('s', NULL, 'subsample');
SELECT how FROM served('s', 'A', 'intensity');
SET ROLE regress_cell_reader;
SELECT octet_length(cell_data('s', 'A'));
SELECT state, message FROM error_of($$SELECT cell_data('s', 'A', 'intensity')$$);
SELECT state, message FROM error_of($$SELECT cell_data('s', NULL, 'subsample')$$);
SELECT state, message FROM error_of($$SELECT cell_data_head('s', NULL, 'subsample_metadata', 'br')$$);
RESET ROLE;
GRANT SELECT (intensities) ON cell TO regress_cell_reader;
SET ROLE regress_cell_reader;
SELECT octet_length(cell_data('s', 'A', 'intensity')), octet_length(cell_data('s', NULL, 'subsample_body'));
SELECT call, aggregate, scan FROM cell_scans('s', 'A');
RESET ROLE;
CREATE POLICY few ON cell FOR SELECT TO regress_cell_reader USING (cell_id <= 10);
ALTER TABLE cell ENABLE ROW LEVEL SECURITY;
SET ROLE regress_cell_reader;
SELECT octet_length(cell_data('s', 'A', 'intensity')), octet_length(cell_data('s', NULL, 'subsample_body'));
RESET ROLE;
SELECT octet_length(cell_data('s', NULL, 'subsample_body'));

-- a drop takes the payloads of the study with it
SELECT stored_payloads > 0 AS stored FROM cell_store_stats WHERE study = 's';
SELECT count(cell_drop_study(study)) FROM (SELECT study FROM cell_studies) s;
SELECT count(*) FROM cell_payload;
DROP OWNED BY regress_cell_reader;
DROP ROLE regress_cell_reader;
DROP SCHEMA test_stored_intensities CASCADE;
