-- No statement, on any shape of source, leaves a payload of a changed sample in use
CREATE SCHEMA test_statements;
SET search_path = test_statements, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set shapes :abs_srcdir '/include/source_shapes.sql'
\set samples 5
\set VERBOSITY terse
\set ECHO errors
SET client_min_messages = warning;
\i :shapes
\set ECHO all

-- Statements, and the shapes of source that each runs on. Their placeholders:
-- {t} the source, {own} the part of it that is in the table itself; {part} each partition or child,
-- for which the statement is repeated, {parent} and {bound} its parent and bounds; {key} the
-- column that is written for a sample; {columns} the key, coordinates and a feature, {f} a value of
-- the feature; {1} to {4} samples and {k1} to {k4} their keys; {slides} the table of the samples
CREATE TABLE statement (number serial, name text, shapes text DEFAULT 'true', template text);
CREATE FUNCTION statement_on(s shape, template text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	literal text;
BEGIN
	FOR i IN 1 .. 4 LOOP
		literal := format('%L::%s', s.samples[i], s.sample_type);
		template := replace(template, format('{%s}', i), literal);
		template := replace(template, format('{k%s}', i), CASE s.key WHEN 'label' THEN literal || ' || ''/moved''' ELSE literal END);
	END LOOP;
	template := replace(template, '{columns}', format('%s, x, y, %s', s.key, s.feature));
	template := replace(template, '{own}', CASE WHEN is_partitioned(s.study) THEN s.study ELSE 'ONLY ' || s.study END);
	template := replace(template, '{t}', s.study);
	template := replace(template, '{key}', s.key);
	template := replace(template, '{f}', format('0::%s', s.feature_type));
	RETURN replace(template, '{slides}', coalesce(s.slides, ''));
END $$;

CREATE FUNCTION has_parts(source text) RETURNS boolean LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM parts_of(source))';

CREATE PROCEDURE execute_on(s shape, template text) LANGUAGE plpgsql AS $$
DECLARE
	query text := statement_on(s, template);
	p record;
BEGIN
	IF query !~ '{part}' THEN
		EXECUTE query;
		RETURN;
	END IF;
	FOR p IN SELECT * FROM parts_of(s.study) LOOP
		EXECUTE replace(replace(replace(query, '{part}', p.part), '{parent}', p.parent), '{bound}', coalesce(p.bound, ''));
	END LOOP;
END $$;

-- Empty and refill a source, and make all of its payloads ready.
CREATE FUNCTION begin_with(s shape) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('TRUNCATE %I', s.study);
	ALTER SEQUENCE cell_ids RESTART;
	IF s.slides IS NOT NULL THEN
		EXECUTE format('INSERT INTO %I SELECT unnest($1)::%s ON CONFLICT DO NOTHING', s.slides, s.sample_type) USING s.samples;
	END IF;
	PERFORM fill(s.study, 10);
END $$;
CREATE FUNCTION make_ready(s shape) RETURNS void LANGUAGE sql AS
'SELECT count(served(s.study, sample, ''compact'', ''identity'')) FROM unnest(s.samples) sample';

-- Run each statement on each of its shapes; list the samples that change and those served wrong.
CREATE TABLE result (number integer, name text, study text, changed bigint, stale text);
CREATE PROCEDURE run_statements() LANGUAGE plpgsql AS $$
DECLARE
	st statement;
	s shape;
	studies text[];
	before bytea[];
	after bytea[];
BEGIN
	FOR st IN SELECT * FROM statement ORDER BY number LOOP
		EXECUTE format('SELECT array_agg(study ORDER BY study) FROM shape WHERE %s', st.shapes) INTO studies;
		FOR s IN SELECT * FROM shape WHERE study = ANY (studies) LOOP
			PERFORM begin_with(s), cell_track_study(s.study);
			COMMIT;
			PERFORM make_ready(s);
			COMMIT;
			before := ARRAY(SELECT packed(s.study, sample, 'compact') FROM unnest(s.samples) sample);
			CALL execute_on(s, st.template);
			COMMIT;
			after := ARRAY(SELECT packed(s.study, sample, 'compact') FROM unnest(s.samples) sample);
			INSERT INTO result
			SELECT st.number, st.name, s.study, (SELECT count(*) FROM unnest(before, after) c (b, a) WHERE b IS DISTINCT FROM a),
				(SELECT string_agg(s.study || ' ' || sample, ', ') FROM unnest(s.samples, after) c (sample, payload)
				 WHERE served(s.study, sample, 'compact', 'identity') IS DISTINCT FROM payload);
			COMMIT;
		END LOOP;
	END LOOP;
END $$;

INSERT INTO statement (name, shapes, template) VALUES
('INSERT', 'true', 'INSERT INTO {t} ({columns}) VALUES ({k1}, 1, 1, {f}), ({k2}, 1, 1, {f}), ({k3}, 1, 1, {f}), ({k4}, 1, 1, {f})'),
('INSERT of many', 'true', 'INSERT INTO {t} ({columns}) SELECT {columns} FROM {t} WHERE sample <> {4}'),
('INSERT ON CONFLICT UPDATE', 'true', 'INSERT INTO {t} ({columns}, cell_id) SELECT {columns}, cell_id FROM {own} WHERE sample IN ({1}, {2})
	ON CONFLICT ({key}, cell_id) DO UPDATE SET x = -1'),
('INSERT ON CONFLICT UPDATE, moving', 'NOT places', 'INSERT INTO {t} ({columns}, cell_id) SELECT {columns}, cell_id FROM {own} WHERE sample = {1}
	ON CONFLICT ({key}, cell_id) DO UPDATE SET {key} = {k2}'),
('INSERT ON CONFLICT NOTHING', 'true', 'INSERT INTO {t} ({columns}, cell_id) SELECT {columns}, cell_id FROM {own} WHERE sample = {1}
	UNION ALL SELECT {k2}, 5, 5, {f}, 1000 ON CONFLICT DO NOTHING'),
('UPDATE', 'true', 'UPDATE {t} SET x = x + 1 WHERE sample = {1}'),
('UPDATE, moving', 'true', 'UPDATE {t} SET {key} = {k2} WHERE sample = {1}'),
('UPDATE, moving both ways', 'true', 'UPDATE {t} SET {key} = CASE sample WHEN {1} THEN {k3} ELSE {k1} END WHERE sample IN ({1}, {3})'),
('UPDATE FROM, moving', 'true', 'UPDATE {t} SET {key} = v.key FROM (VALUES ({1}, {k3}), ({2}, {k4})) v (sample, key) WHERE {t}.sample = v.sample'),
('DELETE', 'true', 'DELETE FROM {t} WHERE sample = {1} AND cell_id % 2 = 0'),
('DELETE of all', 'true', 'DELETE FROM {t}'),
('DELETE USING', 'true', 'DELETE FROM {t} USING (VALUES ({1}), ({3})) v (sample) WHERE {t}.sample = v.sample'),
('WITH several', 'true', 'WITH updated AS (UPDATE {t} SET x = 7 WHERE sample = {1}), deleted AS (DELETE FROM {t} WHERE sample = {2} RETURNING cell_id)
	INSERT INTO {t} ({columns}, cell_id) SELECT {k3}, 1, 1, {f}, cell_id FROM deleted'),
('TRUNCATE', 'true', 'TRUNCATE {t}'),
('RENAME', $$study <> 'viewed'$$, 'ALTER TABLE {t} RENAME x TO z; ALTER TABLE {t} RENAME y TO x; ALTER TABLE {t} RENAME z TO y'),
('RENAME as it was', $$study <> 'viewed'$$, 'ALTER TABLE {t} RENAME x TO z; ALTER TABLE {t} RENAME y TO x; ALTER TABLE {t} RENAME z TO y'),
('UPDATE without triggers', 'true', 'ALTER TABLE {t} DISABLE TRIGGER USER; UPDATE {t} SET x = x + 1 WHERE sample = {1}; ALTER TABLE {t} ENABLE TRIGGER USER'),
('ALTER TYPE USING', $$study <> 'viewed'$$, 'ALTER TABLE {t} ALTER y TYPE integer USING y + 1');

-- MERGE: actions on rows of two samples, and on rows that do not exist
INSERT INTO statement (name, template)
SELECT 'MERGE ' || name, 'MERGE INTO {t} t USING (
	SELECT {key}, cell_id FROM {t} WHERE sample IN ({1}, {3}) UNION ALL VALUES ({k1}, 1001::bigint), ({k2}, 1002), ({k3}, 1003), ({k4}, 1004)
) v (key, cell_id) ON t.{key} = v.key AND t.cell_id = v.cell_id' || clauses
FROM (VALUES
('UPDATE', ' WHEN MATCHED THEN UPDATE SET x = -1'),
('UPDATE, moving', ' WHEN MATCHED THEN UPDATE SET {key} = {k4}'),
('DELETE', ' WHEN MATCHED THEN DELETE'),
('INSERT', ' WHEN NOT MATCHED THEN INSERT ({columns}) VALUES (v.key, 1, 1, {f})'),
('NOTHING', ' WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED THEN DO NOTHING'),
('UPDATE INSERT, moving', ' WHEN MATCHED THEN UPDATE SET {key} = {k4} WHEN NOT MATCHED THEN INSERT ({columns}) VALUES (v.key, 1, 1, {f})'),
('UPDATE DELETE, moving', ' WHEN MATCHED AND x % 2 = 0 THEN UPDATE SET {key} = {k4} WHEN MATCHED THEN DELETE'),
('DELETE INSERT', ' WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT ({columns}) VALUES (v.key, 1, 1, {f})'),
('UPDATE DELETE INSERT, moving', ' WHEN MATCHED AND x % 2 = 0 THEN UPDATE SET {key} = {k4} WHEN MATCHED THEN DELETE
	WHEN NOT MATCHED THEN INSERT ({columns}) VALUES (v.key, 1, 1, {f})'),
('of many clauses, moving', ' WHEN MATCHED AND x = 1 THEN DO NOTHING WHEN MATCHED AND x < 4 THEN UPDATE SET {key} = {k4} WHEN MATCHED AND x < 6 THEN DELETE
	WHEN MATCHED AND x < 8 THEN UPDATE SET {key} = {k2}, y = 0
	WHEN NOT MATCHED AND v.cell_id < 0 THEN DO NOTHING WHEN NOT MATCHED THEN INSERT ({columns}) VALUES (v.key, 1, 1, {f})')
) merge (name, clauses);

INSERT INTO statement (name, shapes, template) VALUES
-- changes by way of parts, parents, foreign keys, views, rules, triggers and functions
('INSERT into each part', $$places AND study <> 'two_levels' OR study = 'family'$$, 'INSERT INTO {part} ({columns}) SELECT {columns} FROM ONLY {part}'),
('UPDATE of each part', 'has_parts(study)', 'UPDATE {part} SET x = x + 1'),
('UPDATE of each part, moving', 'has_parts(study) AND NOT places', 'UPDATE {part} SET {key} = {k2} WHERE sample = {1}'),
('DELETE from each part', 'has_parts(study)', 'DELETE FROM {part} WHERE cell_id % 3 = 0'),
('MERGE into each part', 'has_parts(study)', 'MERGE INTO {part} t USING {part} v ON t.{key} = v.{key} AND t.cell_id = v.cell_id
	WHEN MATCHED AND t.x < 5 THEN UPDATE SET x = -1 WHEN MATCHED AND t.x < 7 THEN DELETE'),
('TRUNCATE of each part', 'has_parts(study)', 'TRUNCATE {part}'),
('DETACH, UPDATE, ATTACH', 'is_partitioned(study)',
	'ALTER TABLE {parent} DETACH PARTITION {part}; UPDATE {part} SET x = x + 1; ALTER TABLE {parent} ATTACH PARTITION {part} {bound}'),
('NO INHERIT, UPDATE, INHERIT', 'has_parts(study) AND NOT is_partitioned(study)',
	'ALTER TABLE {part} NO INHERIT {parent}; UPDATE {part} SET x = x + 1; ALTER TABLE {part} INHERIT {parent}'),
('DELETE from a parent without columns', 'NOT is_partitioned(study)',
	'ALTER TABLE {t} INHERIT parent_without_columns; DELETE FROM parent_without_columns WHERE ctid < ''(0,5)''; ALTER TABLE {t} NO INHERIT parent_without_columns'),
('UPDATE of a parent', 'NOT is_partitioned(study)',
	'ALTER TABLE {t} INHERIT parent_of_positions; UPDATE parent_of_positions SET x = x + 1; ALTER TABLE {t} NO INHERIT parent_of_positions'),
('UPDATE of slides', 'slides IS NOT NULL', 'DELETE FROM {t} WHERE sample = {4}; DELETE FROM {slides} WHERE sample = {4}; UPDATE {slides} SET sample = {4} WHERE sample = {1}'),
('DELETE from slides', 'slides IS NOT NULL', 'DELETE FROM {slides} WHERE sample IN ({2}, {3})'),
('MERGE into slides', 'slides IS NOT NULL', 'DELETE FROM {t} WHERE sample = {4}; DELETE FROM {slides} WHERE sample = {4};
	MERGE INTO {slides} USING (VALUES ({1}), ({3})) v (sample) ON {slides}.sample = v.sample
	WHEN MATCHED AND v.sample = {1} THEN UPDATE SET sample = {4} WHEN MATCHED THEN DELETE'),
('TRUNCATE of slides', 'slides IS NOT NULL', 'TRUNCATE {slides} CASCADE'),
('INSERT into a view', $$study = 'viewed'$$, $$INSERT INTO viewed_updatable (sample, x, y, phenotypes) VALUES ('S1', 1, 1, 1), ('S3', 1, 1, 1)$$),
('UPDATE of a view, moving', $$study = 'viewed'$$, $$UPDATE viewed_updatable SET sample = 'S3' WHERE sample = 'S1'$$),
('DELETE from a view', $$study = 'viewed'$$, $$DELETE FROM viewed_updatable WHERE sample = 'S1'$$),
('INSERT INSTEAD OF', $$study = 'viewed'$$, $$INSERT INTO viewed_instead VALUES ('S1', NULL, 1, 1, 1), ('S3', NULL, 1, 1, 1)$$),
('UPDATE INSTEAD OF, moving', $$study = 'viewed'$$, $$UPDATE viewed_instead SET sample = 'S3' WHERE sample = 'S1'$$),
('DELETE INSTEAD OF', $$study = 'viewed'$$, $$DELETE FROM viewed_instead WHERE sample = 'S1'$$),
('INSERT by a rule', $$study = 'viewed'$$, $$INSERT INTO viewed_ruled VALUES ('S1', 1, 1, 1, 1), ('S3', 1, 1, 1, 1)$$),
('UPDATE by a rule, moving', $$study = 'viewed'$$, $$UPDATE viewed_ruled SET sample = 'S3' WHERE sample = 'S1'$$),
('DELETE by a rule', $$study = 'viewed'$$, $$DELETE FROM viewed_ruled WHERE sample = 'S1'$$),
('deferred trigger', $$study = 'triggered'$$, $$INSERT INTO triggered_event VALUES ('S1'), ('S3')$$),
('triggers of rows', $$study = 'triggered'$$, $$UPDATE triggered SET x = x + 7 WHERE sample = 'S3'$$),
('WHERE CURRENT OF, moving', $$study <> 'virtual'$$, $$DO $d$
	DECLARE cells CURSOR FOR SELECT FROM {t} WHERE x > 2 FOR UPDATE;
	BEGIN
		OPEN cells;
		MOVE cells;
		UPDATE {t} SET {key} = {k3} WHERE CURRENT OF cells;
		MOVE cells;
		DELETE FROM {t} WHERE CURRENT OF cells;
	END $d$ $$),
('after an exception', 'true', $$DO $d$
	BEGIN
		UPDATE {t} SET x = x + 1 WHERE sample IN ({1}, {2});
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
		UPDATE {t} SET {key} = {k3} WHERE sample = {1};
	END $d$ $$),
('in the role of a replica', 'true', $$SELECT set_config('session_replication_role', 'replica', true); UPDATE {t} SET {key} = {k3} WHERE sample = {1}$$);

CALL run_statements();
SELECT name, count(*) AS shapes, sum(changed) AS changed, string_agg(stale, ', ' ORDER BY study) AS stale
FROM result WHERE study <> 'virtual' GROUP BY number, name ORDER BY number;
SELECT name, stale FROM result WHERE study = 'virtual' AND stale IS NOT NULL;

-- statements of later versions: nothing is stale, and each statement changes something
DELETE FROM statement;
DELETE FROM result;
INSERT INTO statement (name, shapes, template)
SELECT name, shapes, template FROM (VALUES
(170000, 'MERGE BY SOURCE, moving', 'true', 'MERGE INTO {t} t USING (VALUES ({k1})) v (key) ON t.{key} = v.key
	WHEN NOT MATCHED BY SOURCE AND sample = {2} THEN UPDATE SET {key} = {k4} WHEN NOT MATCHED BY SOURCE AND sample = {3} THEN DELETE'),
(170000, 'MERGE RETURNING, moving', 'true', 'WITH merged AS (
	MERGE INTO {t} t USING (VALUES ({1})) v (sample) ON t.sample = v.sample WHEN MATCHED THEN UPDATE SET {key} = {k4} RETURNING t.cell_id)
	SELECT count(*) FROM merged'),
(170000, 'MERGE into a view, moving', $$study = 'viewed'$$, $$MERGE INTO viewed_updatable t USING (VALUES ('S1')) v (sample) ON t.sample = v.sample
	WHEN MATCHED THEN UPDATE SET sample = 'S3'$$),
(170000, 'MERGE INSTEAD OF, moving', $$study = 'viewed'$$, $$MERGE INTO viewed_instead t USING (VALUES ('S1')) v (sample) ON t.sample = v.sample
	WHEN MATCHED AND x % 2 = 0 THEN UPDATE SET sample = 'S3' WHEN MATCHED THEN DELETE$$),
(170000, 'SET EXPRESSION', $$key = 'label'$$, $$ALTER TABLE {t} ALTER sample SET EXPRESSION AS (split_part(label, '/', 2))$$),
(170000, 'SET EXPRESSION as it was', $$key = 'label'$$, $$ALTER TABLE {t} ALTER sample SET EXPRESSION AS (split_part(label, '/', 1))$$),
(180000, 'UPDATE RETURNING old, moving', 'true', 'UPDATE {t} SET {key} = {k3} WHERE sample = {1} RETURNING old.sample, new.sample')
) later (version, name, shapes, template) WHERE version <= current_setting('server_version_num')::integer;
CALL run_statements();
SELECT * FROM result WHERE stale IS NOT NULL OR changed = 0;

-- Make all payloads ready, and list those that are served wrong.
CREATE PROCEDURE make_all_ready() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM begin_with(shape) FROM shape;
	COMMIT;
	PERFORM make_ready(shape) FROM shape;
END $$;
CREATE VIEW stale AS SELECT study, sample, served_cells, right_cells FROM shape, compared(study, samples) WHERE NOT same;

-- COPY: into the source, a partition, a child
CALL make_all_ready();
COPY listed (sample, x, y, phenotypes) FROM stdin;
S1	1	2	3
S3	1	2	3
S5	1	2	3
\.
COPY listed_2 (sample, x, y, phenotypes) FROM stdin;
S3	1	2	3
\.
COPY two_levels_1 (sample, x, y, phenotypes) FROM stdin;
S1	1	2	3
S1	1	2	3
S2	1	2	3
S2	1	2	3
\.
COPY generated (label, x, y, phenotypes) FROM stdin;
S1/a	1	2	3
S2/b	1	2	3
S3/c	1	2	3
S4/d	1	2	3
\.
COPY generated_tiled (label, x, y, phenotypes) FROM stdin;
S1/a	1	2	3
S2/b	1	2	3
S3/c	1	2	3
S4/d	1	2	3
\.
COPY family (sample, x, y, phenotypes) FROM stdin;
S1	1	2	3
\.
COPY family_grandchild (sample, x, y, phenotypes) FROM stdin;
S2	1	2	3
\.
COPY viewed_instead (sample, x, y, phenotypes) FROM stdin;
S1	1	2	3
S3	1	2	3
\.
SELECT * FROM stale;
BEGIN;
TRUNCATE plain, listed_2;
COPY plain (sample, x, y, phenotypes) FROM stdin (FREEZE);
S1	1	2	3
\.
COPY listed_2 (sample, x, y, phenotypes) FROM stdin (FREEZE);
S3	1	2	3
\.
COMMIT;
SELECT * FROM stale;

-- parts of transactions that are committed, and that are rolled back
CALL make_all_ready();
BEGIN;
SAVEPOINT undone;
UPDATE listed SET sample = 'S3' WHERE sample = 'S1';
UPDATE tiled SET x = -1;
ROLLBACK TO undone;
SAVEPOINT kept;
UPDATE listed SET sample = 'S3' WHERE sample = 'S2';
RELEASE kept;
SAVEPOINT undone;
DELETE FROM family;
ROLLBACK TO undone;
DELETE FROM hashed WHERE sample = 1;
COMMIT;
SELECT * FROM stale;
BEGIN;
TRUNCATE listed;
INSERT INTO listed (sample, x, y, phenotypes) VALUES ('S1', 1, 1, 1);
ROLLBACK;
SELECT * FROM stale;

-- a parent without columns, during some transactions
CALL make_all_ready();
ALTER TABLE plain INHERIT parent_without_columns;
DELETE FROM parent_without_columns WHERE ctid < '(0,5)';
ALTER TABLE plain NO INHERIT parent_without_columns;
SELECT * FROM stale;

SELECT count(cell_drop_study(study)) >= 13 AS dropped FROM shape;
DROP SCHEMA test_statements CASCADE;
