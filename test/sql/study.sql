-- Registering studies, and every error in it
CREATE SCHEMA test_study;
SET search_path = test_study, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/include/error_of.sql'
\i :error_of
\set VERBOSITY terse

CREATE TABLE cell (
	sample text, cell_id bigint, x integer, y integer,
	cd3 boolean, "CD8 ""a""" smallint, panck integer, area real,
	PRIMARY KEY (sample, cell_id));
INSERT INTO cell SELECT s, i, 10 * i, 20 * i, i % 2 = 0, i % 3 / 2, 1, 0.5 FROM generate_series(1, 5) i, unnest('{S1,S2}'::text[]) s;

-- features in one column each
SELECT cell_register_study('columns', 'cell', feature_columns => '{cd3,"CD8 \"a\"",panck}');
SELECT study, source, store, features FROM cell_studies;
SELECT * FROM cell_feature_names('columns');
SELECT cell_feature_names_json('columns');
SELECT * FROM cell_samples('columns');
SELECT cell_data('columns', 'S1') = (
	SELECT cell_pack(cell_id, x, y, cell_phenotypes(cd3, "CD8 ""a""" = 1, panck = 1)) FROM cell WHERE sample = 'S1') AS same;
SELECT regexp_replace(tgname, '\d+', '#') AS tgname, tgenabled, tgtype, tgoldtable, tgnewtable FROM pg_trigger WHERE tgrelid = 'cell'::regclass ORDER BY tgname;

-- a phenotypes column, other column names, names of features that are not identifiers,
-- coordinates with fractions
CREATE TABLE "odd.cell" ("the sample" varchar(20), "ID" integer, "x;" real, "y""" numeric, "--mask" bigint);
INSERT INTO "odd.cell" VALUES ('S"1', 3, 1.75, -1.75, 5), ('S"1', 1, 2.5, 2.5, -1), (NULL, 1, 1, 1, 1);
SELECT cell_register_study('mask', '"odd.cell"', 'the sample', 'ID', 'x;', 'y"', '--mask', features => '{"CD3, epsilon",ü,"a \"b\""}');
SELECT cell_data('mask', 'S"1') = (SELECT cell_pack("ID", "x;"::float8, "y"""::float8, "--mask") FROM "odd.cell" WHERE "the sample" = 'S"1') AS same;
SELECT * FROM cell_unpack(cell_data('mask', 'S"1', 'dense'), 'dense');
SELECT feature FROM cell_feature_names('mask');
SELECT * FROM cell_samples('mask');

-- samples of other types than text: each has one name
CREATE TABLE numbered (sample integer, cell_id bigint, x integer, y integer, phenotypes bigint);
INSERT INTO numbered VALUES (7, 1, 1, 1, 1), (-10, 1, 1, 1, 1);
CREATE DOMAIN slide_uuid AS uuid;
CREATE TABLE identified (sample slide_uuid, cell_id bigint, x integer, y integer, phenotypes bigint);
INSERT INTO identified VALUES ('00000000-0000-0000-0000-00000000000A', 1, 1, 1, 1);
SELECT cell_register_study('numbered', 'numbered', phenotypes => 'phenotypes', features => '{a}');
SELECT cell_register_study('identified', 'identified', phenotypes => 'phenotypes', features => '{a}');
SELECT * FROM cell_samples('numbered');
SELECT (cell_data_head('numbered', '7')).cells, (cell_data_head('numbered', ' 007')).cells;
SELECT misses, hits FROM cell_store_stats WHERE study = 'numbered';
UPDATE numbered SET x = 8 WHERE sample = 7;
SELECT x FROM cell_unpack(cell_data('numbered', '007'));
SELECT (cell_data_head('identified', '{00000000-0000-0000-0000-00000000000a}')).cells;
SELECT * FROM error_of($$SELECT cell_data('numbered', 'seven')$$);

-- no features: a phenotypes column of which no bit has a name
SELECT cell_register_study('places', 'numbered', phenotypes => 'phenotypes', features => '{}');
SELECT cell_feature_names_json('places') AS names, (SELECT count(*) FROM cell_feature_names('places')) AS features, (SELECT cells FROM cell_data_head('places', '7'));
SELECT cell_drop_study('places');

-- listing samples with and without an index on the sample
CREATE INDEX ON numbered (sample, cell_id);
INSERT INTO numbered SELECT i % 5, i, i, i, i FROM generate_series(1, 100) i;
INSERT INTO numbered VALUES (NULL, 1, 1, 1, 1);
SELECT string_agg(sample, ' ' ORDER BY ordinality) FROM cell_samples('numbered') WITH ORDINALITY s (sample);
DROP INDEX numbered_sample_cell_id_idx;
SELECT string_agg(sample, ' ' ORDER BY ordinality) FROM cell_samples('numbered') WITH ORDINALITY s (sample);
TRUNCATE numbered;
SELECT count(*) FROM cell_samples('numbered');
CREATE INDEX ON numbered (sample);
SELECT count(*) FROM cell_samples('numbered');

-- 64 features, and one too many
SELECT format('CREATE TABLE wide (sample text, cell_id bigint, x integer, y integer, %s)',
	string_agg(format('f%s boolean DEFAULT %L', i, i IN (0, 63)), ', ')) AS create_wide FROM generate_series(0, 64) i \gset
:create_wide;
INSERT INTO wide VALUES ('S', 1, 2, 3);
SELECT cell_register_study('wide', 'wide', feature_columns => (SELECT array_agg('f' || i) FROM generate_series(0, 63) i)::name[]);
SELECT phenotypes = (1::bigint << 63 | 1) AS both FROM cell_unpack(cell_data('wide', 'S'));
SELECT * FROM error_of($$SELECT cell_register_study('wider', 'wide', feature_columns => (SELECT array_agg('f' || i) FROM generate_series(0, 64) i)::name[])$$);

-- every error of cell_register_study
\pset expanded on
\pset tuples_only on
CREATE SEQUENCE not_a_source;
CREATE TABLE unfit (sample bytea, cell_id text, x text, y date, phenotypes integer, cd3 text, good text, id bigint, px integer, mask bigint);
SELECT * FROM error_of($$SELECT cell_register_study(NULL, 'cell')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', NULL)$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', x => NULL, feature_columns => '{cd3}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', feature_columns => '{}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', features => '{CD3,CD8}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', phenotypes => 'cell_id')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', phenotypes => 'cell_id', feature_columns => '{cd3}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', feature_columns => '{cd3,panck}', features => '{CD3}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', feature_columns => '{cd3,panck}', features => '{CD3,CD3}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', feature_columns => '{cd3,cd3}', features => '{CD3,CD8}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', feature_columns => '{cd3,NULL}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', feature_columns => '{{cd3},{panck}}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('columns', 'cell', feature_columns => '{cd3}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', feature_columns => '{cd19}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', sample => 'slide', feature_columns => '{cd3}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', cell_id => 'ctid', feature_columns => '{cd3}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', feature_columns => '{area}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'unfit', phenotypes => 'mask', features => '{a}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'unfit', 'good', phenotypes => 'mask', features => '{a}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'unfit', 'good', 'id', phenotypes => 'mask', features => '{a}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'unfit', 'good', 'id', 'px', phenotypes => 'mask', features => '{a}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'unfit', 'good', 'id', 'px', 'px', phenotypes => 'phenotypes', features => '{a}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'not_a_source', phenotypes => 'phenotypes', features => '{a}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 'missing', phenotypes => 'phenotypes', features => '{a}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('new', 999999::oid::regclass, phenotypes => 'phenotypes', features => '{a}')$$);
BEGIN READ ONLY;
SELECT * FROM error_of($$SELECT cell_register_study('new', 'cell', feature_columns => '{cd3}')$$);
SELECT * FROM error_of($$SELECT cell_drop_study('columns')$$);
SELECT * FROM error_of($$SELECT cell_invalidate('columns')$$);
COMMIT;
SELECT count(*) FROM cell_studies WHERE study LIKE 'new%';

-- studies, samples, layouts and codings that do not exist; NULL
SELECT * FROM error_of($$SELECT cell_data('no such study', 'S1')$$);
SELECT * FROM error_of($$SELECT cell_feature_names('no such study')$$);
SELECT * FROM error_of($$SELECT cell_drop_study('no such study')$$);
SELECT * FROM error_of($$SELECT cell_track_study('no such study')$$);
SELECT * FROM error_of($$SELECT cell_invalidate('no such study')$$);
SELECT * FROM error_of($$SELECT cell_invalidate(NULL)$$);
SELECT * FROM error_of($$SELECT cell_data('columns', 'S3')$$);
SELECT * FROM error_of($$SELECT cell_data_head('columns', '')$$);
SELECT * FROM error_of($$SELECT cell_data('columns', 'S1', 'parquet')$$);
SELECT * FROM error_of($$SELECT cell_data('columns', 'S1', 'compact', 'deflate')$$);
SELECT * FROM error_of($$SELECT * FROM cell_data_samples('columns', 'compact', 'deflate')$$);
SELECT * FROM error_of($$SELECT * FROM cell_data_chunks('columns', 'S1', chunk_bytes => 0)$$);
SELECT * FROM error_of($$SELECT * FROM cell_chunks('\x00', -1)$$);
SELECT cell_data(NULL, 'S1'), cell_data('columns', 'S1', NULL), cell_data('columns', 'S1', 'compact', NULL), cell_data(NULL, NULL, NULL, NULL);
SELECT cell_data_head(NULL, 'S1'), cell_data_head('columns', 'S1', NULL), cell_data_head('columns', 'S1', 'compact', NULL);
SELECT * FROM error_of($$SELECT cell_data('columns', NULL)$$);
SELECT * FROM error_of($$SELECT cell_data_head('columns', NULL)$$);
SELECT * FROM error_of($$CALL cell_prepare(NULL)$$);
SELECT * FROM error_of($$CALL cell_prepare('columns', layout => NULL)$$);

-- a value that is not 0 or 1, a NULL
UPDATE cell SET panck = 2 WHERE sample = 'S2' AND cell_id = 4;
SELECT state, message, detail, hint FROM error_of($$SELECT cell_data('columns', 'S2')$$);
UPDATE cell SET panck = NULL WHERE sample = 'S2' AND cell_id = 4;
SELECT state, message, detail, hint FROM error_of($$SELECT cell_data('columns', 'S2')$$);
UPDATE cell SET panck = 0 WHERE sample = 'S2' AND cell_id = 4;
SELECT (cell_info(cell_data('columns', 'S2'))).cells;

-- a source that has changed since it was registered
ALTER TABLE cell RENAME x TO x_pixel;
SELECT * FROM error_of($$SELECT cell_data('columns', 'S1')$$);
SELECT * FROM error_of($$SELECT cell_samples('columns')$$);
INSERT INTO cell VALUES ('S1', 6, 60, 120, true, 0, 0);
ALTER TABLE cell RENAME x_pixel TO x;
SELECT (cell_info(cell_data('columns', 'S1'))).cells;
ALTER TABLE cell ALTER cd3 TYPE text;
SELECT * FROM error_of($$SELECT cell_data('columns', 'S1')$$);
ALTER TABLE cell ALTER cd3 TYPE boolean USING cd3::boolean;
SELECT (cell_info(cell_data('columns', 'S1'))).cells;
-- a change while the sample column is renamed is not lost
ALTER TABLE cell RENAME sample TO slide;
UPDATE cell SET y = 0 WHERE slide = 'S1';
ALTER TABLE cell RENAME slide TO sample;
SELECT (cell_info(cell_data('columns', 'S1'))).max_y;
-- renaming the table has no effect
ALTER TABLE cell RENAME TO cells;
SELECT (cell_info(cell_data('columns', 'S1'))).max_y;
DROP TABLE cells;
SELECT regexp_replace(detail, '\d+', '###') AS detail, state, message, hint FROM error_of($$SELECT cell_data('columns', 'S1')$$);
SELECT state FROM error_of($$SELECT cell_feature_names('columns')$$);

-- dropping a study leaves nothing behind
SELECT cell_drop_study(study) FROM (SELECT unnest('{columns,mask,numbered,identified,wide}'::text[]) AS study) s;
SELECT count(*) FROM cell_study;
SELECT count(*) FROM cell_payload;
SELECT count(*) FROM cell_change;
SELECT count(*) FROM cell_store_count;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'cell_binary%';

SET client_min_messages = warning;
DROP SCHEMA test_study CASCADE;
