-- Properties that every object of the extension must have.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(19);

CREATE TEMP VIEW member AS
SELECT p.* FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cell_binary');

SELECT cmp_ok((SELECT count(*) FROM member), '>=', 23::bigint, 'the extension has its functions');
SELECT is_empty('SELECT oid::regprocedure FROM member WHERE obj_description(oid, ''pg_proc'') IS NULL', 'all have a comment');
-- Functions of studies use the registry or the store. All other functions depend only
-- on their arguments.
SELECT set_eq('SELECT DISTINCT proname FROM member WHERE proparallel <> ''s''', $$
	SELECT unnest('{cell_register_study,cell_set_payloads,cell_create_payload_view,cell_view_payload,cell_view_head,cell_drop_study,cell_track_study,cell_feature_names,cell_feature_names_json,cell_samples,cell_progress_entries,cell_prepare_samples,
		cell_source_changed,cell_first_touch,cell_keep_local,cell_check_store,cell_invalidate,cell_data,cell_data_head,cell_data_chunks,cell_data_samples,cell_scans,cell_subsample,cell_subsample_metadata,cell_subsample_rows,
		cell_subsample_cells,cell_subsample_cells_transfn,cell_subsample_finalfn,cell_make_ready,cell_prepare}'::name[])$$,
	'all are parallel safe except those of studies');
SELECT set_eq('SELECT DISTINCT proname, provolatile::text FROM member WHERE provolatile <> ''i'' AND proparallel = ''s''',
	$$VALUES ('cell_encode'::name, 's'), ('cell_chunks', 's')$$, 'all of these are immutable except cell_encode and cell_chunks');
SELECT is_empty('SELECT oid::regprocedure FROM member WHERE proparallel <> ''s'' AND provolatile = ''i'' AND prokind <> ''a''', 'those of studies are not immutable, except aggregates, which always are');
SELECT is_empty($$
	SELECT m.oid::regprocedure, called.oid::regprocedure FROM member m, regexp_matches(m.prosqlbody::text, ':(?:funcid|aggfnoid) (\d+)', 'g') id
	JOIN pg_proc called ON called.oid = id[1]::oid
	WHERE position(called.provolatile IN 'isv') > position(m.provolatile IN 'isv')$$, 'none calls one that is more volatile');
SELECT is_empty('SELECT oid::regprocedure FROM member WHERE proconfig IS NOT NULL', 'none needs a search_path: all names are qualified');
SELECT is_empty('SELECT oid::regprocedure FROM member WHERE prosecdef', 'none runs with its owner''s rights');
SELECT is_empty('SELECT oid::regprocedure FROM member WHERE proretset AND prorows = 1000', 'set-returning functions declare a number of rows');
SELECT is_empty('SELECT aggfnoid FROM pg_aggregate WHERE aggfnoid IN (SELECT oid FROM member WHERE proparallel = ''s'') AND aggcombinefn = 0',
	'every aggregate that is parallel safe can be combined');
SELECT is_empty($$
	SELECT aggfnoid FROM pg_aggregate
	WHERE aggfnoid IN (SELECT oid FROM member WHERE proparallel = 's') AND aggtranstype = 'internal'::regtype
		AND (aggserialfn = 0 OR aggdeserialfn = 0)$$, 'every internal state of them can be sent to another process');
-- A strict transition function would skip a row with a NULL, and a strict combine
-- function would skip the first state.
SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_aggregate a JOIN member p ON p.oid IN (a.aggtransfn, a.aggcombinefn)
	WHERE p.proisstrict$$, 'no transition or combine function is strict');
SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_aggregate a JOIN member p ON p.oid IN (a.aggserialfn, a.aggdeserialfn)
	WHERE NOT p.proisstrict$$, 'serialize and deserialize functions are strict');

-- Relations
CREATE TEMP VIEW member_relation AS
SELECT c.* FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cell_binary');
SELECT is_empty('SELECT oid::regclass FROM member_relation WHERE obj_description(oid, ''pg_class'') IS NULL', 'all relations have a comment');
SELECT set_eq('SELECT relname, relpersistence::text FROM member_relation WHERE relkind = ''r''',
	$$VALUES ('cell_study'::name, 'p'), ('cell_change', 'p'), ('cell_payload', 'u'), ('cell_store_count', 'u')$$,
	'tables that can be filled again are unlogged');
SELECT set_eq('SELECT relname FROM member_relation WHERE relkind <> ''S'' AND has_table_privilege(''public'', oid, ''SELECT, INSERT, UPDATE, DELETE, TRUNCATE'')',
	$$VALUES ('cell_studies'::name), ('cell_progress')$$, 'PUBLIC can read only views that hide what a role may not see');
SELECT is_empty('SELECT oid::regclass FROM member_relation WHERE relkind = ''r'' AND has_table_privilege(''pg_monitor'', oid, ''SELECT'')',
	'pg_monitor can read no table');

-- Samples are compared by their bytes. Not every server is built with ICU.
SELECT CASE WHEN EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') THEN
	lives_ok($$CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		CREATE TABLE foldable (sample text COLLATE any_case, cell_id bigint, x integer, y integer, phenotypes bigint)$$, 'a collation')
		|| E'\n' || throws_ok($$SELECT cell_register_study('fold', 'foldable', phenotypes => 'phenotypes', features => '{a}')$$, '0A000')
	ELSE skip('no ICU', 2) END;

SELECT * FROM finish();
ROLLBACK;
