-- What roles can do to each other: no role waits for another role, runs its code,
-- or takes over its studies
CREATE SCHEMA test_strangers;
SET search_path = test_strangers, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set preamble :abs_srcdir '/include/store_preamble.sql'
\i :preamble

CREATE ROLE regress_cell_owner;
CREATE ROLE regress_cell_reader;
CREATE ROLE regress_cell_stranger;
GRANT USAGE ON SCHEMA test_strangers TO PUBLIC;
GRANT CREATE ON SCHEMA test_strangers TO regress_cell_owner;
-- Locks of this session that block other sessions from reading or writing a relation
CREATE VIEW strong_locks AS SELECT relation::regclass, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND relation IS NOT NULL AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
ORDER BY 1, 2;
GRANT SELECT ON strong_locks TO PUBLIC;

SET ROLE regress_cell_owner;
CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint);
INSERT INTO cell SELECT s, i, i, i, i FROM generate_series(1, 1000) i, unnest('{A,B}'::text[]) s;
GRANT SELECT ON cell TO regress_cell_reader;

-- dropping a study locks only the tables that have its triggers
SET ROLE regress_cell_reader;
BEGIN;
SELECT cell_register_study('m', 'cell', phenotypes => 'phenotypes', features => '{a}', store => false);
SELECT cell_drop_study('m');
SELECT * FROM strong_locks;
COMMIT;
SET ROLE regress_cell_stranger;
BEGIN;
SELECT cell_register_study('m', 'pg_database', 'encoding', 'datconnlimit', 'encoding', 'encoding', feature_columns => '{datistemplate}', store => false);
SELECT cell_drop_study('m');
SELECT cell_register_study('m', 'pg_attribute', 'attrelid', 'attnum', 'attnum', 'attnum', feature_columns => '{attisdropped}', store => false);
ROLLBACK;
BEGIN;
SELECT cell_register_study('m', 'pg_attribute', 'attnum', 'attnum', 'attnum', 'attnum', feature_columns => '{attisdropped}', store => false);
SELECT cell_drop_study('m');
SELECT * FROM strong_locks;
COMMIT;
-- the row of the registry does not decide which tables these are
RESET ROLE;
BEGIN;
INSERT INTO cell_study (id, study, source, store, registered_by, sample_column, cell_id_column, x_column, y_column, phenotypes_column, features)
VALUES (-1, 'm', 'pg_authid', true, 'regress_cell_owner', 'a', 'b', 'c', 'd', 'e', '{f}');
SELECT cell_drop_study('m');
SELECT * FROM strong_locks;
COMMIT;
SET ROLE regress_cell_owner;
BEGIN;
SELECT cell_register_study('m', 'cell', phenotypes => 'phenotypes', features => '{a}');
COMMIT;
BEGIN;
SELECT cell_drop_study('m');
SELECT * FROM strong_locks;
COMMIT;
-- a role that does not own the table leaves the triggers, which then do nothing
SELECT cell_register_study('m', 'cell', phenotypes => 'phenotypes', features => '{a}');
RESET ROLE;
ALTER TABLE cell OWNER TO regress_cell_reader;
GRANT SELECT ON cell TO regress_cell_owner;
SET ROLE regress_cell_owner;
BEGIN;
SET client_min_messages = notice;
SELECT cell_drop_study('m');
SET client_min_messages = warning;
SELECT * FROM strong_locks;
COMMIT;
SET ROLE regress_cell_reader;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'cell'::regclass;
INSERT INTO cell VALUES ('C', 1, 1, 1, 1);
DELETE FROM cell WHERE sample = 'C';
RESET ROLE;
SELECT count(*) AS changes FROM cell_change;
-- they remain until the owner registers a study of the table
SET ROLE regress_cell_reader;
SELECT cell_register_study('m', 'cell', phenotypes => 'phenotypes', features => '{a}');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'cell'::regclass;
SELECT cell_drop_study('m');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'cell'::regclass;
RESET ROLE;
ALTER TABLE cell OWNER TO regress_cell_owner;
GRANT SELECT ON cell TO regress_cell_reader;
-- a trigger that a role puts on its own table does not make the caller wait for that role
SET ROLE regress_cell_owner;
SELECT cell_register_study('m', 'cell', phenotypes => 'phenotypes', features => '{a}');
RESET ROLE;
SELECT id FROM cell_study WHERE study = 'm' \gset
CREATE TABLE lure (sample text);
ALTER TABLE lure OWNER TO regress_cell_stranger;
SET ROLE regress_cell_stranger;
CREATE TRIGGER lure AFTER INSERT ON lure FOR EACH ROW EXECUTE FUNCTION cell_source_changed(:'id');
RESET ROLE;
BEGIN;
SELECT cell_drop_study('m');
SELECT * FROM strong_locks;
COMMIT;
DROP TABLE lure;

-- a role with the TRIGGER privilege on the source cannot make every row record a change
SET ROLE regress_cell_owner;
SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a}');
GRANT TRIGGER ON cell TO regress_cell_stranger;
RESET ROLE;
SELECT id FROM cell_study WHERE study = 's' \gset
SET ROLE regress_cell_stranger;
CREATE TRIGGER each_cell AFTER INSERT OR UPDATE OR DELETE ON test_strangers.cell FOR EACH ROW EXECUTE FUNCTION cell_source_changed(:'id');
SELECT * FROM error_of($$CREATE TRIGGER by_id AFTER INSERT ON test_strangers.cell FOR EACH ROW EXECUTE FUNCTION cell_source_changed('1', 'cell_id');
	SET ROLE regress_cell_owner; INSERT INTO cell VALUES ('A', 5000, 1, 1, 1)$$);
SET ROLE regress_cell_owner;
UPDATE cell SET x = x + 1;
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'A');
RESET ROLE;
SELECT count(*) AS changes FROM cell_change WHERE study = :id;
DROP TRIGGER each_cell ON cell;
-- calling the triggers' condition elsewhere hides no change
SET ROLE regress_cell_owner;
SELECT bool_or(cell_first_touch('A'::text)) FROM generate_series(1, 10);
UPDATE cell SET x = x + 1 WHERE cell_first_touch(sample) OR cell_first_touch(sample, sample) OR sample = 'A';
SELECT * FROM served('s', 'cell', 'A');
SELECT cell_drop_study('s');

-- only the owner of a child table can create the triggers on it
RESET ROLE;
CREATE TABLE parent (LIKE cell);
CREATE TABLE child () INHERITS (parent);
ALTER TABLE parent OWNER TO regress_cell_owner;
ALTER TABLE child OWNER TO regress_cell_reader;
SET ROLE regress_cell_owner;
SET client_min_messages = notice;
SELECT cell_register_study('p', 'parent', phenotypes => 'phenotypes', features => '{a}');
SELECT cell_track_study('p');
SET client_min_messages = warning;
RESET ROLE;
SELECT tgrelid::regclass, count(*) AS triggers FROM pg_trigger WHERE tgrelid IN ('parent'::regclass, 'child'::regclass) GROUP BY 1;
INSERT INTO child VALUES ('A', 1, 1, 1, 1);
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('p', 'parent', s);
SELECT cell_track_study('p');
SELECT s, how, same FROM unnest('{A,A}'::text[]) s, served('p', 'parent', s);
SELECT cell_drop_study('p');

-- a study belongs to the role that registered it, not to a later role of the same name
SET ROLE regress_cell_reader;
SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a}', store => false);
RESET ROLE;
ALTER ROLE regress_cell_reader RENAME TO regress_cell_renamed;
CREATE ROLE regress_cell_reader;
GRANT SELECT ON cell TO regress_cell_reader;
SET ROLE regress_cell_reader;
SELECT * FROM error_of($$SELECT cell_drop_study('s')$$);
SELECT * FROM error_of($$SELECT cell_invalidate('s')$$);
SET ROLE regress_cell_renamed;
SELECT cell_drop_study('s');
SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a}', store => false);
RESET ROLE;
DROP OWNED BY regress_cell_renamed;
DROP ROLE regress_cell_renamed;
SET ROLE regress_cell_reader;
SELECT * FROM error_of($$SELECT cell_drop_study('s')$$);
SET ROLE regress_cell_owner;
SELECT cell_drop_study('s');

-- payloads are not stored if the role that inserts a row of the registry does not own the source:
-- here each reader sees different rows
SET ROLE regress_cell_owner;
CREATE VIEW mine AS SELECT sample, cell_id, x, y, length(current_user)::bigint AS phenotypes FROM cell WHERE cell_id = 1;
GRANT SELECT ON mine TO regress_cell_reader, regress_cell_stranger;
RESET ROLE;
GRANT INSERT ON cell_study TO regress_cell_stranger;
SET ROLE regress_cell_stranger;
INSERT INTO cell_study (id, study, source, store, registered_by, sample_column, cell_id_column, x_column, y_column, phenotypes_column, features)
VALUES (-1, 'v', 'test_strangers.mine', true, 'regress_cell_owner', 'sample', 'cell_id', 'x', 'y', 'phenotypes', '{a}');
SELECT how FROM served('v', 'mine', 'A');
SET ROLE regress_cell_reader;
SELECT * FROM served('v', 'mine', 'A');
RESET ROLE;
REVOKE INSERT ON cell_study FROM regress_cell_stranger;
SELECT cell_drop_study('v');

-- EXECUTE on a view's functions is also needed for a payload that is ready
RESET ROLE;
CREATE FUNCTION secret(x integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN x; END';
REVOKE EXECUTE ON FUNCTION secret FROM PUBLIC;
CREATE VIEW calling AS SELECT sample, cell_id, secret(x) AS x, y, phenotypes FROM cell;
GRANT SELECT ON calling TO regress_cell_reader;
SELECT cell_register_study('v', 'calling', phenotypes => 'phenotypes', features => '{a}', store => true);
SELECT how FROM served('v', 'calling', 'A');
SELECT how FROM served('v', 'calling', 'A');
SET ROLE regress_cell_reader;
SELECT * FROM error_of($$SELECT * FROM calling$$);
SELECT s, error_of.* FROM unnest('{A,B}'::text[]) s, error_of(format($$SELECT cell_data('v', %L)$$, s));
SELECT error_of.* FROM error_of($$SELECT cell_data_head('v', 'A')$$);
RESET ROLE;
-- also if the executor checks the functions only when it evaluates a row
CREATE VIEW listing AS SELECT v.* FROM (VALUES ('A', 1, secret(1), 1, 1::bigint), ('A', 2, secret(2), 2, 2)) v (sample, cell_id, x, y, phenotypes);
GRANT SELECT ON listing TO regress_cell_reader;
SELECT cell_register_study('l', 'listing', phenotypes => 'phenotypes', features => '{a}', store => true);
SELECT how FROM served('l', 'listing', 'A');
SET ROLE regress_cell_reader;
SELECT layout, error_of.* FROM unnest('{compact,dense}'::text[]) layout, error_of(format($$SELECT cell_data('l', 'A', %L)$$, layout));
RESET ROLE;
SELECT cell_drop_study('l');
GRANT EXECUTE ON FUNCTION secret TO regress_cell_reader;
SET ROLE regress_cell_reader;
SELECT how FROM served('v', 'calling', 'A');
RESET ROLE;
SELECT cell_drop_study('v');

-- listing the features plans no query, because planning can run code of the table's owner
SET ROLE regress_cell_owner;
CREATE FUNCTION trap() RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM set_config('test.ran_as', current_user, false);
	RETURN 1;
END $$;
CREATE INDEX trap ON cell ((trap()));
SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a}');
\c -
SET search_path = test_strangers, public;
\set VERBOSITY terse
SET client_min_messages = warning;
SET test.ran_as = '';
SELECT * FROM cell_feature_names('s');
SELECT cell_feature_names_json('s');
SELECT study, source FROM cell_studies;
SELECT cell_invalidate('s');
SELECT current_setting('test.ran_as') AS "run by naming features";
EXPLAIN (COSTS off) SELECT FROM cell;
SELECT current_setting('test.ran_as') = current_user AS "run by planning any query";
SET ROLE regress_cell_owner;
DROP INDEX trap;

-- messages of a query are not sent to the client, which might not read them
RESET ROLE;
CREATE FUNCTION chatter(x integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	RAISE WARNING 'x is %', x;
	RETURN x;
END $$;
CREATE VIEW chatting AS SELECT sample, cell_id, chatter(x) AS x, y, phenotypes FROM cell WHERE cell_id = 1;
SELECT cell_register_study('v', 'chatting', phenotypes => 'phenotypes', features => '{a}', store => true);
SELECT octet_length(cell_data('v', 'A'));
SELECT current_setting('client_min_messages');
SELECT cell_drop_study('v');

SELECT cell_drop_study('s');
DROP SCHEMA test_strangers CASCADE;
DROP ROLE regress_cell_owner, regress_cell_reader, regress_cell_stranger;
