-- Privileges: no role gets bytes of rows that it cannot read
CREATE SCHEMA test_access;
SET search_path = test_access, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set preamble :abs_srcdir '/include/store_preamble.sql'
\i :preamble

CREATE ROLE regress_cell_owner;
CREATE ROLE regress_cell_reader;
CREATE ROLE regress_cell_column_reader;
CREATE ROLE regress_cell_part_reader;
CREATE ROLE regress_cell_stranger;
CREATE ROLE regress_cell_monitor IN ROLE pg_monitor;
GRANT USAGE ON SCHEMA test_access TO PUBLIC;
GRANT CREATE ON SCHEMA test_access TO regress_cell_owner;
SET ROLE regress_cell_owner;
CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint, patient text, PRIMARY KEY (sample, cell_id));
INSERT INTO cell SELECT s, i, i, i, i, s FROM generate_series(1, 100) i, unnest('{A,B}'::text[]) s;
SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a,b}');
GRANT SELECT ON cell TO regress_cell_reader;
GRANT SELECT (sample, cell_id, x, y, phenotypes) ON cell TO regress_cell_column_reader;
GRANT SELECT (sample, cell_id) ON cell TO regress_cell_part_reader;
SELECT * FROM served('s', 'cell', 'A');

-- a role that can read the source or its columns gets what the owner packed
SET ROLE regress_cell_reader;
SELECT * FROM served('s', 'cell', 'A');
SELECT study FROM cell_studies;
SET ROLE regress_cell_column_reader;
SELECT * FROM served('s', 'cell', 'A');
SELECT study FROM cell_studies;
-- SELECT on only some of the columns is not enough
SET ROLE regress_cell_part_reader;
SELECT * FROM error_of($$SELECT cell_data('s', 'A')$$);
SELECT * FROM error_of($$SELECT cell_data_head('s', 'A')$$);
SELECT * FROM error_of($$SELECT cell_feature_names('s')$$);
SELECT * FROM error_of($$SELECT cell_register_study('mine', 'cell', phenotypes => 'phenotypes', features => '{a}', store => false)$$);
-- a role without privileges gets nothing, ready or not
SET ROLE regress_cell_stranger;
SELECT study FROM cell_studies;
SELECT * FROM error_of($$SELECT cell_data('s', 'A')$$);
SELECT * FROM error_of($$SELECT cell_data('s', 'B')$$);
SELECT * FROM error_of($$SELECT cell_data_head('s', 'A')$$);
SELECT * FROM error_of($$SELECT * FROM cell_data_chunks('s', 'A')$$);
SELECT * FROM error_of($$SELECT * FROM cell_data_samples('s')$$);
SELECT * FROM error_of($$SELECT cell_feature_names('s')$$);
SELECT * FROM error_of($$SELECT cell_feature_names_json('s')$$);
SELECT * FROM error_of($$SELECT cell_samples('s')$$);
CALL cell_prepare('s', 'A');
-- nor by bypassing the functions
SELECT t, state FROM unnest('{cell_payload,cell_change,cell_store_count,cell_study,cell_store_stats,cell_study_id}'::text[]) t,
	error_of('SELECT * FROM ' || t);
SELECT t, state FROM unnest('{cell_payload,cell_change,cell_store_count,cell_study}'::text[]) t, error_of('DELETE FROM ' || t);
SELECT * FROM error_of($$SELECT cell_invalidate('s')$$);
SELECT * FROM error_of($$SELECT cell_drop_study('s')$$);
SELECT * FROM error_of($$SELECT cell_track_study('s')$$);
SELECT * FROM error_of($$SELECT cell_register_study('mine', 'cell', phenotypes => 'phenotypes', features => '{a}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('mine', 'cell', phenotypes => 'phenotypes', features => '{a}', store => false)$$);

-- a reader can register a study, but not store its payloads
SET ROLE regress_cell_reader;
SELECT * FROM error_of($$SELECT cell_register_study('mine', 'cell', phenotypes => 'phenotypes', features => '{a}')$$);
SELECT * FROM error_of($$SELECT cell_register_study('mine', 'cell', phenotypes => 'phenotypes', features => '{a}', store => true)$$);
SELECT cell_register_study('mine', 'cell', phenotypes => 'phenotypes', features => '{a}', store => false);
SELECT * FROM served('mine', 'cell', 'A');
SELECT state FROM error_of($$SELECT cell_drop_study('s')$$);
SELECT state FROM error_of($$SELECT cell_invalidate('s', 'A')$$);
SELECT cell_drop_study('mine');

-- a privilege is revoked
RESET ROLE;
REVOKE SELECT ON cell FROM regress_cell_reader;
SET ROLE regress_cell_reader;
SELECT state FROM error_of($$SELECT cell_data('s', 'A')$$);
RESET ROLE;
GRANT SELECT ON cell TO regress_cell_reader;
REVOKE SELECT (phenotypes) ON cell FROM regress_cell_column_reader;
SET ROLE regress_cell_column_reader;
SELECT state FROM error_of($$SELECT cell_data('s', 'A')$$);
RESET ROLE;

-- row-level security: payloads are packed for the role that asks, and never stored
SET ROLE regress_cell_owner;
ALTER TABLE cell ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON cell FOR SELECT TO regress_cell_reader USING (cell_id <= 50);
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'A');
SET ROLE regress_cell_reader;
SELECT cells FROM cell_data_head('s', 'A');
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'B');
SELECT * FROM error_of($$SELECT cell_make_ready('s', 'A', 'compact', 'identity')$$);
SET row_security = off;
SELECT state FROM error_of($$SELECT cell_data('s', 'A')$$);
RESET row_security;
SET ROLE regress_cell_owner;
SELECT * FROM served('s', 'cell', 'B');
SELECT cells FROM cell_data_head('s', 'B');
ALTER TABLE cell FORCE ROW LEVEL SECURITY;
SELECT state FROM error_of($$SELECT cell_data('s', 'B')$$);
ALTER TABLE cell NO FORCE ROW LEVEL SECURITY;
-- row-level security below a view applies to the view's owner or to the caller
CREATE VIEW owners_view AS SELECT * FROM cell;
CREATE VIEW callers_view WITH (security_invoker) AS SELECT * FROM cell;
GRANT SELECT ON owners_view, callers_view TO regress_cell_reader, regress_cell_stranger;
SELECT cell_register_study('owners', 'owners_view', phenotypes => 'phenotypes', features => '{a}', store => true);
SELECT cell_register_study('callers', 'callers_view', phenotypes => 'phenotypes', features => '{a}', store => true);
SELECT * FROM served('owners', 'owners_view', 'A');
SELECT * FROM served('callers', 'callers_view', 'A');
SET ROLE regress_cell_reader;
SELECT *, (cell_data_head('owners', 'A')).cells FROM served('owners', 'owners_view', 'A');
SELECT *, (cell_data_head('callers', 'A')).cells FROM served('callers', 'callers_view', 'A');
SET ROLE regress_cell_stranger;
SELECT *, (cell_data_head('owners', 'A')).cells FROM served('owners', 'owners_view', 'A');
SELECT * FROM error_of($$SELECT cell_data('callers', 'A')$$);
RESET ROLE;
-- row-level security applies to the view's owner
ALTER VIEW owners_view OWNER TO regress_cell_reader;
SELECT *, (cell_data_head('owners', 'A')).cells FROM served('owners', 'owners_view', 'A');
ALTER TABLE cell DISABLE ROW LEVEL SECURITY;

-- a role that registered a study but no longer owns its source
CREATE TABLE given_away AS TABLE cell;
ALTER TABLE given_away OWNER TO regress_cell_owner;
SET ROLE regress_cell_owner;
SELECT cell_register_study('given', 'given_away', phenotypes => 'phenotypes', features => '{a}');
RESET ROLE;
ALTER TABLE given_away DISABLE TRIGGER USER;
ALTER TABLE given_away OWNER TO regress_cell_reader;
GRANT SELECT ON given_away TO regress_cell_owner;
SET ROLE regress_cell_owner;
SELECT * FROM error_of($$SELECT cell_track_study('given')$$);
SELECT cell_drop_study('given');
RESET ROLE;

-- a cheap function that sees rows before a view's condition does
CREATE FUNCTION leak(study text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
$$ BEGIN RAISE WARNING 'leaked: %', study; RETURN true; END $$;
GRANT EXECUTE ON FUNCTION leak TO regress_cell_stranger;
REVOKE SELECT ON owners_view, callers_view FROM regress_cell_stranger;
SET ROLE regress_cell_stranger;
SELECT study FROM cell_studies WHERE leak(study);
RESET ROLE;

-- a role that writes to the source needs no privileges on the extension's tables
CREATE ROLE regress_cell_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON cell TO regress_cell_writer;
SET ROLE regress_cell_writer;
UPDATE cell SET x = 0 WHERE sample = 'A';
SELECT * FROM served('s', 'cell', 'A');
SELECT state FROM error_of($$SELECT cell_invalidate('s')$$);
RESET ROLE;

-- a trigger that another role creates has no effect on the study
SELECT id FROM cell_study WHERE study = 's' \gset
GRANT CREATE ON SCHEMA test_access TO regress_cell_stranger;
SET ROLE regress_cell_stranger;
CREATE TABLE lure (sample text);
CREATE TRIGGER lure AFTER INSERT ON lure FOR EACH ROW EXECUTE FUNCTION cell_source_changed(:'id');
INSERT INTO lure VALUES ('A'), ('B');
CREATE TRIGGER none AFTER UPDATE ON lure FOR EACH ROW EXECUTE FUNCTION cell_source_changed();
SELECT * FROM error_of($$UPDATE lure SET sample = ''$$);
DROP TRIGGER none ON lure;
CREATE TRIGGER no_id AFTER UPDATE ON lure FOR EACH ROW EXECUTE FUNCTION cell_source_changed('first');
SELECT * FROM error_of($$UPDATE lure SET sample = ''$$);
DROP TRIGGER no_id ON lure;
CREATE TRIGGER early BEFORE UPDATE ON lure FOR EACH ROW EXECUTE FUNCTION cell_source_changed(:'id');
SELECT * FROM error_of($$UPDATE lure SET sample = ''$$);
DROP TRIGGER early ON lure;
CREATE TRIGGER statement AFTER UPDATE ON lure FOR EACH STATEMENT EXECUTE FUNCTION cell_source_changed(:'id');
SELECT * FROM error_of($$UPDATE lure SET sample = ''$$);
SELECT * FROM error_of($$SELECT cell_source_changed()$$);
RESET ROLE;
SELECT * FROM served('s', 'cell', 'A');

-- search_path has lookalikes of everything that the queries name
GRANT CREATE ON DATABASE :DBNAME TO regress_cell_stranger;
SET ROLE regress_cell_stranger;
CREATE SCHEMA trick;
CREATE FUNCTION trick.stolen(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'tricked'; END$$;
CREATE OPERATOR trick.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trick.stolen);
CREATE TABLE trick.cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint);
CREATE TABLE trick.cell_payload (payload bytea);
CREATE TABLE trick.cell_study (study text);
CREATE FUNCTION trick.cell_phenotypes(VARIADIC boolean[]) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
CREATE FUNCTION trick.cell_data_head(text, text, text, text) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
CREATE DOMAIN trick.int8 AS integer;
CREATE DOMAIN trick.text AS integer;
GRANT USAGE ON SCHEMA trick TO PUBLIC;
\c -
SET search_path = test_access, public;
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT cell_invalidate('s');
SET ROLE regress_cell_reader;
SET search_path = trick, pg_catalog, public;
SELECT cells FROM public.cell_data_head('s'::pg_catalog.text, 'B'::pg_catalog.text);
SELECT count(*) FROM public.cell_data_chunks('s', 'B', chunk_bytes => 100);
SELECT count(*) FROM public.cell_data_samples('s');
SELECT count(*) FROM public.cell_feature_names('s');
CALL public.cell_prepare('s');
SET search_path = test_access, public;
RESET ROLE;

-- a view's functions see the same tables for every caller
CREATE FUNCTION from_somewhere() RETURNS bigint LANGUAGE plpgsql STABLE AS $$BEGIN RETURN (SELECT max(cell_id) FROM cell); END$$;
CREATE VIEW somewhere AS SELECT sample, cell_id, x, y, from_somewhere() AS phenotypes FROM cell;
SELECT cell_register_study('somewhere', 'somewhere', phenotypes => 'phenotypes', features => '{a}');
SELECT state, message FROM error_of($$SELECT cell_data('somewhere', 'A')$$);
ALTER FUNCTION from_somewhere() SET search_path = test_access;
SELECT * FROM served('somewhere', 'somewhere', 'A');

-- monitoring
SET ROLE regress_cell_monitor;
SELECT study, direct > 0 AS direct, stored_payloads FROM cell_store_stats ORDER BY study;
SELECT state FROM error_of($$SELECT payload FROM cell_payload$$);
RESET ROLE;

-- a study whose source was dropped can be dropped with all that remains of it
SELECT cell_drop_study(study) FROM (SELECT study FROM cell_studies) s;
SET ROLE regress_cell_owner;
SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a,b}');
RESET ROLE;
DROP TABLE cell CASCADE;
SET ROLE regress_cell_stranger;
SELECT state FROM error_of($$SELECT cell_drop_study('s')$$);
SET ROLE regress_cell_owner;
SELECT cell_drop_study('s');
RESET ROLE;

DROP SCHEMA trick CASCADE;
DROP TABLE lure;
DROP OWNED BY regress_cell_owner, regress_cell_reader, regress_cell_column_reader, regress_cell_part_reader, regress_cell_stranger, regress_cell_monitor, regress_cell_writer;
DROP ROLE regress_cell_owner, regress_cell_reader, regress_cell_column_reader, regress_cell_part_reader, regress_cell_stranger, regress_cell_monitor, regress_cell_writer;

SET client_min_messages = warning;
DROP SCHEMA test_access CASCADE;
