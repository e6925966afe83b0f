-- Studies with intensities, and subsamples of their cells
CREATE SCHEMA test_subsample;
SET search_path = test_subsample, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/include/error_of.sql'
\i :error_of
\set VERBOSITY terse

-- Three samples of 10, 20 and 70 cells; each cell has different intensities.
CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, cd3 boolean, cd8 smallint, intensities real[], PRIMARY KEY (sample, cell_id));
INSERT INTO cell
SELECT sample, i, i, i, i % 2 = 0, i % 3 / 2, ARRAY[i / 100.0, 1 - i / 200.0]
FROM (VALUES ('S10', 10), ('S2', 20), ('a "b"', 70)) s (sample, cells), generate_series(1, cells) i;
SELECT cell_register_study('s', 'cell', feature_columns => '{cd3,cd8}', features => '{CD3,"C\"D8"}', intensities => 'intensities');
SELECT study, intensities FROM cell_studies;
SELECT cell_data('s', 'S2') = (SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3, cd8 = 1)) FROM cell WHERE sample = 'S2') AS same;

-- all cells, in the order of samples and ids
SELECT cell_subsample('s', cells) = (
		SELECT string_agg(set_byte(set_byte('\x0000', 0, cell_minifloat_encode(intensities[1])), 1, cell_minifloat_encode(intensities[2])), '' ORDER BY sample COLLATE "C", cell_id)
		FROM cell) AS same
FROM unnest('{100,101,9223372036854775807}'::bigint[]) cells;
SELECT cell_subsample_metadata('s', 100);

-- a subsample: sizes in proportion, thresholds from all cells
SELECT sample ->> 'specimen' AS sample, cells, sample ->> 'count' AS count, octet_length(cell_subsample('s', cells)) AS bytes
FROM unnest('{0,1,3,12,99}'::bigint[]) cells, json_array_elements(cell_subsample_metadata('s', cells) -> 'subsample_counts') sample ORDER BY cells, 1;
SELECT sample.key, sample.value ->> 'thresholds' AS thresholds, expected
FROM ROWS FROM (json_array_elements(cell_subsample_metadata('s', 12) -> 'subsample_counts')) WITH ORDINALITY sample (value, key)
JOIN LATERAL (
	SELECT array_agg(greatest(1, cell_minifloat_encode(coalesce((negative + positive) / 2, negative, positive))) ORDER BY feature) AS expected FROM (
		SELECT feature, max(cell_minifloat_decode(code)) FILTER (WHERE NOT p) AS negative, min(cell_minifloat_decode(code)) FILTER (WHERE p) AS positive
		FROM cell c, LATERAL (VALUES (1, cd3, cell_minifloat_encode(intensities[1])), (2, cd8 = 1, cell_minifloat_encode(intensities[2]))) f (feature, p, code)
		WHERE c.sample = sample.value ->> 'specimen' GROUP BY feature) t) e ON true
ORDER BY 1;

-- the seed decides which cells are taken; a larger subsample contains the smaller one
SELECT cell_subsample('s', 12), cell_subsample('s', 12, 0) = cell_subsample('s', 12) AS "seed 0", cell_subsample('s', 12, -1);
CREATE FUNCTION chosen(body bytea) RETURNS SETOF text LANGUAGE sql AS
$$ SELECT encode(substring(body FROM i FOR 2), 'hex') FROM generate_series(1, octet_length(body), 2) i $$;
SELECT count(*) FROM (SELECT chosen(cell_subsample('s', 10)) EXCEPT SELECT chosen(cell_subsample('s', 40))) missing;
-- the order of the rows, table or view, and the type of the numbers have no effect
CREATE VIEW reversed AS SELECT sample, cell_id::integer, x, y, (cd3::integer + 2 * cd8)::bigint AS mask, intensities::double precision[] FROM cell ORDER BY cell_id DESC, sample;
SELECT cell_register_study('v', 'reversed', phenotypes => 'mask', features => '{CD3,"C\"D8"}', intensities => 'intensities');
SELECT bool_and(cell_subsample('v', cells, seed) = cell_subsample('s', cells, seed)) AS body, bool_and(cell_subsample_metadata('v', cells)::text = cell_subsample_metadata('s', cells)::text) AS metadata
FROM unnest('{1,12,50,99}'::bigint[]) cells, unnest('{0,7}'::bigint[]) seed;
-- the cells as rows: those of the body, with their ids and phenotypes
SELECT cells, count(*) AS rows, string_agg(set_byte(set_byte('\x0000', 0, cell_minifloat_encode(r.intensities[1])), 1, cell_minifloat_encode(r.intensities[2])), '' ORDER BY n) = cell_subsample('s', cells, 5) AS body,
	bool_and(cell_minifloat_encode(c.intensities[1]) = cell_minifloat_encode(r.intensities[1]) AND r.phenotypes = cell_phenotypes(c.cd3, c.cd8 = 1)) AS same
FROM unnest('{12,60,1000}'::bigint[]) cells, cell_subsample_rows('s', cells, 5) WITH ORDINALITY r (sample, cell_id, phenotypes, intensities, n) LEFT JOIN cell c USING (sample, cell_id) GROUP BY cells ORDER BY cells;
SELECT (SELECT array_agg(r) FROM cell_subsample_rows('v', 30, 5) r) = (SELECT array_agg(r) FROM cell_subsample_rows('s', 30, 5) r) AS same;
SELECT count(*) FROM cell_subsample_rows('s', 0);
SELECT cell_subsample_rows(NULL, 5);
-- a domain, an integer sample, samples in the order of their text, rows without a sample
CREATE DOMAIN numbers AS double precision[];
CREATE TABLE numbered (slide integer, cell_id bigint, x integer, y integer, mask bigint, i numbers);
INSERT INTO numbered VALUES (9, 1, 1, 1, 1, '{0.1}'), (10, 4294967295, 1, 1, 0, '{0.2}'), (NULL, 1, 1, 1, 1, '{0.3}'), (10, 0, 1, 1, 0, '{0.4}'), (1, 0, 1, 1, 0, '{0.5}');
SELECT cell_register_study('n', 'numbered', 'slide', phenotypes => 'mask', features => '{a}', intensities => 'i');
SELECT cell_subsample('n', 5), cell_subsample_metadata('n', 5);
-- no rows; NULL
CREATE TABLE empty (LIKE cell);
SELECT cell_register_study('e', 'empty', feature_columns => '{cd3,cd8}', intensities => 'intensities');
SELECT cell_subsample('e', 5), cell_subsample_metadata('e', 5);
SELECT cell_subsample(NULL, 5), cell_subsample('s', NULL), cell_subsample('s', 5, NULL), cell_subsample_metadata(NULL, 5), cell_subsample_metadata('s', NULL);

-- one statement uses one snapshot; it sees the changes of its own transaction
CREATE FUNCTION add_cell() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ INSERT INTO cell SELECT 'S10', max(cell_id) + 1, 1, 1, true, 1, '{1,1}' FROM cell WHERE sample = 'S10' RETURNING cell_id $$;
BEGIN;
SELECT add_cell(), octet_length(cell_subsample('s', 1000)) AS bytes, cell_subsample_metadata('s', 1000) -> 'subsample_counts' -> 0 ->> 'count' AS count;
SELECT octet_length(cell_subsample('s', 1000)) AS bytes, cell_subsample_metadata('s', 1000) -> 'subsample_counts' -> 0 ->> 'count' AS count;
ROLLBACK;
BEGIN READ ONLY;
SELECT octet_length(cell_subsample('s', 5)) AS bytes, json_array_length(cell_subsample_metadata('s', 5) -> 'subsample_counts') AS samples;
COMMIT;

-- memory is used only for the cells that are taken: 50,000 are read; numbers 25,000
-- and 50,000 measure the memory in use
CREATE FUNCTION look() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM set_config('test.bytes', concat_ws(',', nullif(current_setting('test.bytes', true), ''), sum(total_bytes)), true) FROM pg_backend_memory_contexts;
	RETURN 0;
END
$$;
CREATE TABLE many AS SELECT 'S' || i % 2 AS sample, i AS cell_id, '{1,0}'::real[] AS intensities FROM generate_series(1::bigint, 50000) i;
CREATE VIEW watched AS SELECT *, 1 AS x, 1 AS y, CASE WHEN cell_id IN (25000, 50000) THEN test_subsample.look() ELSE 1 END AS mask FROM many;
SELECT cell_register_study('watched', 'watched', phenotypes => 'mask', features => '{a,b}', intensities => 'intensities');
CREATE FUNCTION growth(query text, OUT result text, OUT kilobytes integer) LANGUAGE plpgsql AS $$
DECLARE
	bytes bigint[];
BEGIN
	PERFORM set_config('test.bytes', '', true);
	EXECUTE query INTO result;
	bytes := string_to_array(current_setting('test.bytes'), ',')::bigint[];
	kilobytes := (bytes[cardinality(bytes)] - bytes[cardinality(bytes) - 1]) / 1024;
END
$$;
SELECT result, kilobytes < 64 AS "no more" FROM growth('SELECT octet_length(cell_subsample(''watched'', 1000))');
SELECT result, kilobytes < 64 AS "no more" FROM growth('SELECT cell_subsample_metadata(''watched'', 1000)');

-- every error
\pset expanded on
\pset tuples_only on
CREATE TABLE unfit (sample text, cell_id bigint, x integer, y integer, mask bigint, n numeric[], t text, r real);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'unfit', phenotypes => 'mask', features => '{a}', intensities => 'none')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'unfit', phenotypes => 'mask', features => '{a}', intensities => 'n')$$);
SELECT state FROM error_of($$SELECT cell_register_study('new', 'unfit', phenotypes => 'mask', features => '{a}', intensities => 'r')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'unfit', phenotypes => 'mask', features => '{}', intensities => 'r')$$);
SELECT cell_register_study('without', 'unfit', phenotypes => 'mask', features => '{a}');
SELECT * FROM error_of($$SELECT cell_subsample('without', 5)$$);
SELECT state FROM error_of($$SELECT cell_subsample_metadata('without', 5)$$);
SELECT state, message FROM error_of($$SELECT cell_subsample('no such study', 5)$$);
SELECT * FROM error_of($$SELECT cell_subsample('s', -1)$$);
SELECT state FROM error_of($$SELECT cell_subsample_metadata('s', -1)$$);
SET cell_binary.max_payload_size = '1kB';
TRUNCATE numbered;
INSERT INTO numbered SELECT 1, i, 1, 1, 0, '{1}' FROM generate_series(5, 1100) i;
SELECT octet_length(cell_subsample('n', 1024));
SELECT * FROM error_of($$SELECT cell_subsample('n', 1025)$$);
SELECT count(*) FROM cell_subsample_rows('n', 1025);
RESET cell_binary.max_payload_size;

-- errors of cells name the sample and the id, also for cells that would not be taken
CREATE FUNCTION context_of(query text, OUT context text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
	context := substring(context FROM '(?n)^(?:cell_id .* of )?sample .*$');
END
$$;
CREATE FUNCTION error_with(change text, OUT state text, OUT message text, OUT detail text, OUT hint text, OUT context text, OUT same boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE VIEW changed AS SELECT sample, %s FROM cell', change);
	SELECT * INTO state, message, detail, hint FROM error_of('SELECT cell_subsample(''changed'', 1)');
	same := (SELECT e.state = error_with.state AND e.message = error_with.message FROM error_of('SELECT cell_subsample_metadata(''changed'', 1)') e);
	context := context_of('SELECT cell_subsample(''changed'', 1)');
END
$$;
CREATE VIEW changed AS SELECT sample, cell_id, x, y, cd3::integer AS cd3, cd8, intensities FROM cell;
SELECT cell_register_study('changed', 'changed', feature_columns => '{cd3,cd8}', intensities => 'intensities');
SELECT * FROM error_with('cell_id, x, y, cd3::integer AS cd3, cd8, CASE WHEN sample = ''S2'' AND cell_id = 7 THEN ''{1,NaN}'' ELSE intensities END AS intensities');
SELECT * FROM error_with('cell_id, x, y, cd3::integer AS cd3, cd8, CASE WHEN sample = ''S2'' AND cell_id = 7 THEN ''{NULL,1}'' ELSE intensities END AS intensities');
SELECT * FROM error_with('cell_id, x, y, cd3::integer AS cd3, cd8, CASE WHEN sample = ''S2'' AND cell_id = 7 THEN ''{1}'' ELSE intensities END AS intensities');
SELECT * FROM error_with('cell_id, x, y, cd3::integer AS cd3, cd8, CASE WHEN sample = ''S2'' AND cell_id = 7 THEN NULL ELSE intensities END AS intensities');
SELECT * FROM error_with('cell_id, x, y, cd3::integer AS cd3, cd8, CASE WHEN sample = ''S2'' AND cell_id = 7 THEN ''{{1,2}}'' ELSE intensities END AS intensities');
SELECT * FROM error_with('cell_id, x, y, CASE WHEN sample = ''S2'' AND cell_id = 7 THEN 2 ELSE cd3::integer END AS cd3, cd8, intensities');
SELECT * FROM error_with('cell_id, x, y, cd3::integer AS cd3, CASE WHEN sample = ''S2'' AND cell_id = 7 THEN NULL ELSE cd8 END AS cd8, intensities');
SELECT * FROM error_with('CASE WHEN sample = ''S2'' AND cell_id = 7 THEN NULL ELSE cell_id END AS cell_id, x, y, cd3::integer AS cd3, cd8, intensities');
SELECT * FROM error_with('CASE WHEN sample = ''S2'' AND cell_id = 7 THEN 4294967296 ELSE cell_id END AS cell_id, x, y, cd3::integer AS cd3, cd8, intensities');
CREATE OR REPLACE VIEW reversed AS SELECT sample, cell_id::integer, x, y, nullif(cell_id, 7) AS mask, intensities::double precision[] FROM cell WHERE sample = 'S2';
SELECT * FROM error_of($$SELECT cell_subsample('v', 1)$$);
SELECT context_of($$SELECT cell_subsample('v', 1)$$);
-- a repeated id is found if one or both of its rows are taken
CREATE VIEW twice AS SELECT sample, cell_id, x, y, 1::bigint AS mask, intensities FROM cell UNION ALL SELECT sample, cell_id, x, y, 1, intensities FROM cell WHERE sample = 'S10' AND cell_id = 8;
SELECT cell_register_study('twice', 'twice', phenotypes => 'mask', features => '{a,b}', intensities => 'intensities');
SELECT * FROM error_of($$SELECT cell_subsample('twice', 101)$$);
SELECT context_of($$SELECT cell_subsample('twice', 101)$$);
\pset expanded off
\pset tuples_only off
SELECT state, min(cells), count(*) FROM generate_series(0, 101) cells, error_of(format('SELECT cell_subsample(''twice'', %s)', cells)) GROUP BY state ORDER BY min(cells);
-- a renamed column; a source that returns different rows each time
ALTER TABLE cell RENAME intensities TO values;
SELECT state, message FROM error_of($$SELECT cell_subsample('s', 5)$$);
-- serving payloads does not need the column
SELECT cells FROM cell_data_head('s', 'S2');
ALTER TABLE cell RENAME "values" TO intensities;
SELECT octet_length(cell_subsample('s', 5));

-- privileges on the columns of the source, and row-level security
CREATE ROLE regress_cell_reader;
CREATE ROLE regress_cell_part_reader;
GRANT USAGE ON SCHEMA test_subsample TO regress_cell_reader, regress_cell_part_reader;
GRANT SELECT ON cell TO regress_cell_reader;
GRANT SELECT (sample, cell_id, x, y, cd3, cd8) ON cell TO regress_cell_part_reader;
SET ROLE regress_cell_part_reader;
SELECT octet_length(cell_data('s', 'S2'));
SELECT state, message FROM error_of($$SELECT cell_subsample('s', 5)$$);
SELECT state FROM error_of($$SELECT cell_subsample_metadata('s', 5)$$);
SELECT state FROM error_of($$SELECT cell_register_study('mine', 'cell', feature_columns => '{cd3,cd8}', store => false, intensities => 'intensities')$$);
SET ROLE regress_cell_reader;
SELECT octet_length(cell_subsample('s', 5));
-- search_path has lookalikes of everything that the queries name
CREATE TEMP TABLE lure (x integer);
CREATE FUNCTION pg_temp.count() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
CREATE DOMAIN pg_temp._float4 AS integer;
CREATE TEMP TABLE cell (sample text);
SET search_path = pg_temp, test_subsample, public;
SELECT octet_length(cell_subsample('s', 5)), cell_subsample_metadata('s', 5) -> 'subsample_counts' -> 1 ->> 'count' AS "S2";
RESET ROLE;
DISCARD TEMP;
SET search_path = test_subsample, public;
ALTER TABLE cell ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON cell FOR SELECT TO regress_cell_reader USING (sample = 'S2' AND cell_id <= 4);
SET ROLE regress_cell_reader;
SELECT octet_length(cell_subsample('s', 5)), cell_subsample_metadata('s', 5) -> 'subsample_counts' ->> 0 AS "S2";
RESET ROLE;

DROP OWNED BY regress_cell_reader, regress_cell_part_reader;
DROP ROLE regress_cell_reader, regress_cell_part_reader;
SELECT cell_drop_study(study) FROM (SELECT study FROM cell_studies) s;
SET client_min_messages = warning;
DROP SCHEMA test_subsample CASCADE;
