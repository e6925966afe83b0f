-- Sources of every kind: partitions, children, views, foreign tables
CREATE SCHEMA test_sources;
SET search_path = test_sources, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set preamble :abs_srcdir '/include/store_preamble.sql'
\i :preamble

-- partitions: one for each slide, and one for all other slides
CREATE TABLE part (sample text, cell_id bigint, x integer, y integer, phenotypes bigint) PARTITION BY LIST (sample);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('A');
CREATE TABLE part_b (phenotypes bigint, dropped text, y integer, sample text, x integer, cell_id bigint);
ALTER TABLE part_b DROP dropped;
ALTER TABLE part ATTACH PARTITION part_b FOR VALUES IN ('B');
CREATE TABLE part_rest PARTITION OF part DEFAULT PARTITION BY HASH (sample);
CREATE TABLE part_rest_0 PARTITION OF part_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_rest_1 PARTITION OF part_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO part SELECT s, i, i, i, i FROM generate_series(1, 100) i, unnest('{A,B,C,D}'::text[]) s;
SELECT cell_register_study('part', 'part', phenotypes => 'phenotypes', features => '{a}');
SELECT tgrelid::regclass, count(*) FROM pg_trigger WHERE tgname LIKE 'cell_binary%' GROUP BY 1 ORDER BY 1;
SELECT s, how, same FROM unnest('{A,B,C,D,A,B,C,D}'::text[]) s, served('part', 'part', s);
-- changes through the parent, and directly
UPDATE part SET x = -1 WHERE sample = 'A' AND cell_id = 1;
SELECT s, how, same FROM unnest('{A,B,C}'::text[]) s, served('part', 'part', s);
UPDATE part_b SET x = -1 WHERE cell_id = 1;
SELECT s, how, same FROM unnest('{A,B,C}'::text[]) s, served('part', 'part', s);
INSERT INTO part_rest VALUES ('C', 101, 1, 1, 1);
SELECT s, how, same FROM unnest('{A,B,C,D}'::text[]) s, served('part', 'part', s);
DELETE FROM ONLY part_rest_0 WHERE cell_id < 10;
DELETE FROM ONLY part_rest_1 WHERE cell_id < 10;
SELECT s, how, same FROM unnest('{A,B,C,D}'::text[]) s, served('part', 'part', s);
-- a move from one partition to another
UPDATE part SET sample = 'A', cell_id = 1000 + cell_id WHERE sample = 'B' AND cell_id < 5;
SELECT s, how, same FROM unnest('{A,B,C,D}'::text[]) s, served('part', 'part', s);
TRUNCATE part_a;
SELECT state FROM error_of($$SELECT cell_data('part', 'A')$$);
SELECT s, how, same FROM unnest('{B,C,D}'::text[]) s, served('part', 'part', s);
INSERT INTO part_a SELECT 'A', i, i, i, i FROM generate_series(1, 100) i;
SELECT s, how, same FROM unnest('{A,B,C,D}'::text[]) s, served('part', 'part', s);
-- a new partition has triggers from the start; payloads of other partitions stay ready
CREATE TABLE part_e PARTITION OF part FOR VALUES IN ('E');
INSERT INTO part_e SELECT 'E', i, i, i, i FROM generate_series(1, 100) i;
SELECT s, how, same FROM unnest('{A,B,E,E}'::text[]) s, served('part', 'part', s);
UPDATE part_e SET x = 0 WHERE cell_id = 1;
SELECT s, how, same FROM unnest('{A,B,E,E}'::text[]) s, served('part', 'part', s);
-- a partition that is detached and attached again
ALTER TABLE part DETACH PARTITION part_b;
SELECT state FROM error_of($$SELECT cell_data('part', 'B')$$);
UPDATE part_b SET x = x + 1;
ALTER TABLE part ATTACH PARTITION part_b FOR VALUES IN ('B');
SELECT s, how, same FROM unnest('{A,B,B}'::text[]) s, served('part', 'part', s);
-- settings of the caller that would lead to another plan
SET enable_partition_pruning = off;
SET plan_cache_mode = force_generic_plan;
SELECT s, how, same FROM unnest('{A,B,C}'::text[]) s, served('part', 'part', s);
RESET plan_cache_mode;
RESET enable_partition_pruning;
SELECT cell_drop_study('part');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'cell_binary%';

-- partitions by another column: a sample is in all of them
CREATE TABLE tile (sample text, cell_id bigint, x integer, y integer, phenotypes bigint) PARTITION BY RANGE (x);
CREATE TABLE tile_1 PARTITION OF tile FOR VALUES FROM (0) TO (50);
CREATE TABLE tile_2 PARTITION OF tile FOR VALUES FROM (50) TO (200);
INSERT INTO tile SELECT s, i, i, i, i FROM generate_series(1, 100) i, unnest('{A,B}'::text[]) s;
SELECT cell_register_study('tile', 'tile', phenotypes => 'phenotypes', features => '{a}');
SELECT s, how, same FROM unnest('{A,B,A,B}'::text[]) s, served('tile', 'tile', s);
UPDATE tile SET x = x + 60 WHERE sample = 'A' AND x = 10;
SELECT s, how, same FROM unnest('{A,B}'::text[]) s, served('tile', 'tile', s);
CREATE TABLE tile_3 (LIKE tile);
INSERT INTO tile_3 VALUES ('A', 500, 500, 500, 0);
ALTER TABLE tile ATTACH PARTITION tile_3 FOR VALUES FROM (200) TO (1000);
SELECT s, how, same FROM unnest('{A,B}'::text[]) s, served('tile', 'tile', s);
SELECT cell_track_study('tile');
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('tile', 'tile', s);
DROP TABLE tile_3;
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('tile', 'tile', s);

-- children
CREATE TABLE parent (sample text, cell_id bigint, x integer, y integer, phenotypes bigint);
CREATE TABLE child () INHERITS (parent);
INSERT INTO parent VALUES ('A', 1, 1, 1, 1), ('B', 1, 1, 1, 1);
INSERT INTO child VALUES ('A', 2, 2, 2, 2);
SELECT cell_register_study('parent', 'parent', phenotypes => 'phenotypes', features => '{a}');
SELECT s, how, same FROM unnest('{A,B,A,B}'::text[]) s, served('parent', 'parent', s);
UPDATE child SET x = 3;
SELECT s, how, same FROM unnest('{A,B}'::text[]) s, served('parent', 'parent', s);
CREATE TABLE second_child () INHERITS (parent);
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('parent', 'parent', s);
SELECT cell_track_study('parent');
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('parent', 'parent', s);

-- a source that is itself a child or partition changes through its parent
SELECT cell_register_study('child', 'child', phenotypes => 'phenotypes', features => '{a}');
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('child', 'child', s);
UPDATE parent SET y = y + 1;
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('child', 'child', s);
SELECT cell_drop_study('child');
SELECT cell_register_study('leaf', 'part_a', phenotypes => 'phenotypes', features => '{a}');
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('leaf', 'part_a', s);
UPDATE part SET y = y + 1 WHERE sample = 'A';
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('leaf', 'part_a', s);
SELECT cell_drop_study('leaf');
-- the child of a child can be added while a transaction writes to it
CREATE TABLE grandchild () INHERITS (child);
SELECT cell_track_study('parent');
INSERT INTO grandchild VALUES ('A', 77, 1, 1, 1);
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('parent', 'parent', s);
SELECT * FROM error_of($$SELECT cell_make_ready('parent', 'A', 'compact', 'identity')$$);
DROP TABLE grandchild;
-- a child of the source may have other parents
CREATE TABLE elsewhere (note text);
CREATE TABLE of_both () INHERITS (parent, elsewhere);
SELECT cell_track_study('parent');
INSERT INTO of_both VALUES ('A', 78, 1, 1, 1, 'two parents');
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('parent', 'parent', s);
UPDATE elsewhere SET note = '';
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('parent', 'parent', s);
DROP TABLE elsewhere CASCADE;
-- a source becomes the child of a table without columns, and is changed through it
CREATE TABLE lone (sample text, cell_id bigint, x integer, y integer, phenotypes bigint);
INSERT INTO lone SELECT 'A', i, i, i, i FROM generate_series(1, 10) i;
SELECT cell_register_study('lone', 'lone', phenotypes => 'phenotypes', features => '{a}');
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('lone', 'lone', s);
CREATE TABLE without_columns ();
BEGIN;
ALTER TABLE lone INHERIT without_columns;
DELETE FROM without_columns WHERE ctid >= '(0,5)';
ALTER TABLE lone NO INHERIT without_columns;
COMMIT;
SELECT s, how, same, cells FROM unnest('{A,A}'::text[]) s, served('lone', 'lone', s), cell_data_head('lone', s);
CREATE TABLE grown (sample text, cell_id bigint, x integer, y integer, phenotypes bigint);
INSERT INTO grown VALUES ('A', 1, 1, 1, 1);
SELECT cell_register_study('grown', 'grown', phenotypes => 'phenotypes', features => '{a}');
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('grown', 'grown', s);
CREATE TABLE above (LIKE grown);
ALTER TABLE grown INHERIT above;
UPDATE above SET x = 2;
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('grown', 'grown', s);
ALTER TABLE grown NO INHERIT above;
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('grown', 'grown', s);
-- a child that is not inherited for a while
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('parent', 'parent', s);
ALTER TABLE child NO INHERIT parent;
UPDATE child SET x = x + 100;
ALTER TABLE child INHERIT parent;
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('parent', 'parent', s);
-- triggers that resemble those of a study: for a column, with another condition or function
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
SELECT tgname AS ours, split_part(tgname, '_', 3) AS id FROM pg_trigger WHERE tgrelid = 'grown'::regclass AND tgname LIKE '%update' \gset
DROP TRIGGER :ours ON grown;
CREATE TRIGGER lookalike AFTER UPDATE OF y ON grown FOR EACH ROW
	WHEN (cell_first_touch(old.sample, new.sample)) EXECUTE FUNCTION cell_source_changed(:'id');
ALTER TABLE grown ENABLE ALWAYS TRIGGER lookalike;
UPDATE grown SET x = 3;
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('grown', 'grown', s);
DROP TRIGGER lookalike ON grown;
CREATE TRIGGER lookalike AFTER UPDATE ON grown FOR EACH ROW WHEN (false) EXECUTE FUNCTION cell_source_changed(:'id');
ALTER TABLE grown ENABLE ALWAYS TRIGGER lookalike;
UPDATE grown SET x = 4;
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('grown', 'grown', s);
DROP TRIGGER lookalike ON grown;
CREATE TRIGGER lookalike AFTER UPDATE ON grown FOR EACH ROW
	WHEN (cell_first_touch(new.sample, new.sample)) EXECUTE FUNCTION cell_source_changed(:'id');
ALTER TABLE grown ENABLE ALWAYS TRIGGER lookalike;
UPDATE grown SET x = 5;
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('grown', 'grown', s);
DROP TRIGGER lookalike ON grown;
CREATE TRIGGER lookalike AFTER UPDATE ON grown FOR EACH ROW
	WHEN (cell_first_touch(old.sample, new.sample)) EXECUTE FUNCTION nothing(:'id');
ALTER TABLE grown ENABLE ALWAYS TRIGGER lookalike;
UPDATE grown SET x = 6;
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('grown', 'grown', s);
DROP TRIGGER lookalike ON grown;
CREATE TRIGGER :ours AFTER UPDATE ON grown FOR EACH ROW
	WHEN (cell_first_touch(old.x, new.x)) EXECUTE FUNCTION cell_source_changed(:'id');
ALTER TABLE grown ENABLE ALWAYS TRIGGER :ours;
UPDATE grown SET y = 7;
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('grown', 'grown', s);
SELECT * FROM error_of($$SELECT cell_make_ready('grown', 'A', 'compact', 'identity')$$);
SELECT cell_track_study('grown');
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('grown', 'grown', s);

-- views: payloads are packed at each call unless the owner registers store => true
CREATE VIEW shifted AS SELECT sample, cell_id, x + 1 AS x, y, phenotypes FROM parent;
SELECT cell_register_study('shifted', 'shifted', phenotypes => 'phenotypes', features => '{a}');
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('shifted', 'shifted', s);
SELECT cell_register_study('kept', 'shifted', phenotypes => 'phenotypes', features => '{a}', store => true);
SELECT s, how, same FROM unnest('{A}'::text[]) s, served('kept', 'shifted', s);
SELECT s, how, same FROM unnest('{A,B}'::text[]) s, served('kept', 'shifted', s);
SELECT s, how, same FROM unnest('{B}'::text[]) s, served('kept', 'shifted', s);
UPDATE child SET x = 4;
SELECT s, how, same FROM unnest('{A,A,B}'::text[]) s, served('kept', 'shifted', s);
SELECT cell_invalidate('kept', 'A');
SELECT s, how, same FROM unnest('{A,A,B}'::text[]) s, served('kept', 'shifted', s);
SELECT cell_invalidate('kept');
SELECT s, how, same FROM unnest('{A,A,B}'::text[]) s, served('kept', 'shifted', s);
-- nothing is stored in a transaction that has written: a view's functions may read its changes
BEGIN;
INSERT INTO parent VALUES ('Z', 1, 1, 1, 1);
SELECT cell_invalidate('kept', 'A');
SELECT how, same FROM served('kept', 'shifted', 'A');
COMMIT;
SELECT how, same FROM served('kept', 'shifted', 'A');
SELECT * FROM error_of($$SELECT cell_track_study('kept')$$);
SELECT * FROM error_of($$SELECT cell_make_ready('shifted', 'A', 'compact', 'identity')$$);

-- a view with the name of a relation as a constant
CREATE VIEW named AS SELECT sample, cell_id, x, y, phenotypes FROM parent WHERE tableoid <> 'tile'::regclass;
SELECT cell_register_study('named', 'named', phenotypes => 'phenotypes', features => '{a}', store => true);
SELECT s, how, same FROM unnest('{A}'::text[]) s, served('named', 'named', s);
SELECT s, how, same FROM unnest('{A}'::text[]) s, served('named', 'named', s);

-- a materialized view
CREATE MATERIALIZED VIEW frozen AS SELECT * FROM parent;
SELECT cell_register_study('frozen', 'frozen', phenotypes => 'phenotypes', features => '{a}');
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('frozen', 'frozen', s);
UPDATE child SET x = 5;
REFRESH MATERIALIZED VIEW frozen;
SELECT s, how, same FROM unnest('{A}'::text[]) s, served('frozen', 'frozen', s);

-- foreign tables are changed by other servers
CREATE FOREIGN DATA WRAPPER elsewhere;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere;
CREATE TABLE spread (sample text, cell_id bigint, x integer, y integer, phenotypes bigint) PARTITION BY LIST (sample);
CREATE TABLE spread_a PARTITION OF spread FOR VALUES IN ('A');
CREATE FOREIGN TABLE spread_far PARTITION OF spread FOR VALUES IN ('far') SERVER elsewhere;
INSERT INTO spread VALUES ('A', 1, 1, 1, 1);
SELECT * FROM error_of($$SELECT cell_register_study('spread', 'spread', phenotypes => 'phenotypes', features => '{a}', store => true)$$);
DROP FOREIGN TABLE spread_far;
DROP FOREIGN DATA WRAPPER elsewhere CASCADE;

-- so are tables that Citus distributes, which are found in its catalog
BEGIN;
SELECT cell_register_study('stored', 'spread', phenotypes => 'phenotypes', features => '{a}');
SET LOCAL allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (partmethod "char", logicalrelid regclass);
INSERT INTO pg_catalog.pg_dist_partition VALUES ('h', 'spread_a'), ('h', 'spread');
SELECT * FROM error_of($$SELECT cell_register_study('spread', 'spread', phenotypes => 'phenotypes', features => '{a}', store => true)$$);
SELECT cell_register_study('spread', 'spread', phenotypes => 'phenotypes', features => '{a}');
SELECT study, store FROM cell_studies WHERE source = 'spread'::regclass;
SELECT * FROM cell_samples('spread');
SELECT * FROM error_of($$SELECT cell_make_ready('stored', 'A', 'compact', 'identity')$$);
ROLLBACK;

-- a table whose payloads are not stored has no triggers
CREATE TABLE plain AS TABLE parent;
SELECT cell_register_study('plain', 'plain', phenotypes => 'phenotypes', features => '{a}', store => false);
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'plain'::regclass;
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('plain', 'plain', s);

-- two studies of one table
SELECT cell_register_study('again', 'parent', phenotypes => 'phenotypes', features => '{b}');
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('again', 'parent', s);
UPDATE parent SET y = 9 WHERE sample = 'A';
SELECT s, how, same FROM unnest('{A,B}'::text[]) s, served('again', 'parent', s);
SELECT s, how, same FROM unnest('{A,B}'::text[]) s, served('parent', 'parent', s);
SELECT cell_drop_study('again');
UPDATE parent SET y = 10 WHERE sample = 'A';
SELECT s, how, same FROM unnest('{A,B}'::text[]) s, served('parent', 'parent', s);

-- dropped and registered again: nothing of the old study is used
BEGIN;
SELECT cell_drop_study('parent');
SELECT cell_register_study('parent', 'parent', x => 'y', y => 'x', phenotypes => 'phenotypes', features => '{a}');
COMMIT;
SELECT cell_data('parent', 'A') = (SELECT cell_pack(cell_id, y, x, phenotypes) FROM parent WHERE sample = 'A') AS same;

SELECT count(cell_drop_study(study)) FROM cell_study;
SET client_min_messages = warning;
DROP SCHEMA test_sources CASCADE;
