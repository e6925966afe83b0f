-- What every object of the extension must have.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(10);

CREATE TEMP VIEW member AS
SELECT p.* FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cell_binary');

SELECT cmp_ok((SELECT count(*) FROM member), '>=', 23::bigint, 'the extension has its functions');
SELECT is_empty('SELECT oid::regprocedure FROM member WHERE obj_description(oid, ''pg_proc'') IS NULL', 'all have a comment');
SELECT is_empty('SELECT oid::regprocedure FROM member WHERE proparallel <> ''s''', 'all are parallel safe');
SELECT is_empty('SELECT oid::regprocedure FROM member WHERE provolatile <> CASE proname WHEN ''cell_encode'' THEN ''s'' ELSE ''i'' END', 'all are immutable, but cell_encode');
SELECT is_empty('SELECT oid::regprocedure FROM member WHERE prosecdef', 'none runs with its owner''s rights');
SELECT is_empty('SELECT oid::regprocedure FROM member WHERE proretset AND prorows = 1000', 'set-returning ones say how many rows');
SELECT is_empty('SELECT aggfnoid FROM pg_aggregate WHERE aggfnoid IN (SELECT oid FROM member) AND aggcombinefn = 0',
	'every aggregate can be combined');
SELECT is_empty($$
	SELECT aggfnoid FROM pg_aggregate
	WHERE aggfnoid IN (SELECT oid FROM member) AND aggtranstype = 'internal'::regtype
		AND (aggserialfn = 0 OR aggdeserialfn = 0)$$, 'every internal state can be sent to another process');
-- A strict transition function would skip a row with a NULL, and a strict
-- combine function a first state.
SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_aggregate a JOIN member p ON p.oid IN (a.aggtransfn, a.aggcombinefn)
	WHERE p.proisstrict$$, 'no transition or combine function is strict');
SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_aggregate a JOIN member p ON p.oid IN (a.aggserialfn, a.aggdeserialfn)
	WHERE NOT p.proisstrict$$, 'serialize and deserialize functions are strict');

SELECT * FROM finish();
ROLLBACK;
