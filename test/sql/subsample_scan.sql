-- Subsamples: a scan and the executor read the same cells
CREATE SCHEMA test_subsample_scan;
SET search_path = test_subsample_scan, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/include/error_of.sql'
\i :error_of
\set VERBOSITY terse

-- The results of both ways, whether the query is planned as a scan, and how often the tables of
-- the schema are read: twice, or more if a scan left the cells to the executor.
CREATE FUNCTION compare(study text, cells bigint DEFAULT 100) RETURNS TABLE (same boolean, bytes integer, scanned text, reads bigint) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT encode(cell_subsample(%1$L, %2$s, 7), ''hex'') || cell_subsample_metadata(%1$L, %2$s)', study, cells);
	reads_of text := 'SELECT sum(seq_scan) FROM pg_stat_xact_user_tables WHERE schemaname = ''test_subsample_scan''';
	off_result text;
	on_result text;
	before bigint;
BEGIN
	SET LOCAL cell_binary.scan = off;
	EXECUTE query INTO off_result;
	SET LOCAL cell_binary.scan = on;
	EXECUTE reads_of INTO before;
	EXECUTE query INTO on_result;
	EXECUTE reads_of INTO reads;
	reads := reads - before;
	same := on_result = off_result;
	bytes := position('{' IN on_result) / 2;
	SELECT string_agg(CASE WHEN s.scan THEN 'yes' ELSE 'no' END, ', ') INTO scanned FROM cell_scans(study) s WHERE call = 'cell_subsample';
	RETURN NEXT;
END
$$;
CREATE FUNCTION register(source regclass, features integer, feature_columns name[] DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
	SELECT cell_register_study(source::text, source, phenotypes => CASE WHEN feature_columns IS NULL THEN 'phenotypes'::name END, feature_columns => feature_columns,
		features => ARRAY(SELECT 'f' || f FROM generate_series(1, features) f), store => false, intensities => 'intensities')
$$;

-- samples of every type, with rows that have none, rows that were deleted, and columns in between
CREATE DOMAIN code AS varchar(20);
CREATE DOMAIN slide AS integer;
CREATE TABLE cells AS
SELECT i, nullif(i * 7919 % 13, 12) AS s, i::bigint * i * 7919 % 8 AS phenotypes, ARRAY[i % 7 / 7.0, i % 11 / 11.0 - 0.1, i % 13 / 12.0]::real[] AS intensities
FROM generate_series(1, 1500) i;
DO $do$
DECLARE
	type text;
	value text;
BEGIN
	FOR type, value IN VALUES ('text', '''S'' || s'), ('varchar', 'repeat(''x'', s)'), ('code', '''sample of many bytes '' || s'), ('uuid', 'lpad(s::text, 32, ''0'')'),
		('smallint', 's - 5'), ('integer', 's * -100000'), ('slide', 's + 1'), ('bigint', '7000000000 - s') LOOP
		EXECUTE format('CREATE TABLE of_%2$s AS SELECT repeat(''c'', i %% 5) AS comment, i::bigint AS cell_id, (%1$s)::%2$s AS sample, 1 AS x, 1 AS y, phenotypes, intensities FROM cells', value, type);
		EXECUTE format('DELETE FROM of_%s WHERE cell_id %% 10 = 3', type);
		PERFORM register(('of_' || type)::regclass, 3);
	END LOOP;
END
$do$;
SELECT study, compare.* FROM (SELECT study FROM cell_studies ORDER BY study) s, compare(study);
-- the samples come one after another
CREATE TABLE sorted AS SELECT * FROM of_text ORDER BY sample, cell_id;
SELECT register('sorted', 3);
SELECT cells, compare.* FROM unnest('{0,1,5,13,500,10000}'::bigint[]) cells, compare('sorted', cells);

-- features in columns; integers for cell_id and features; columns that were added and dropped
CREATE TABLE featured (cell_id smallint, gone text, a boolean, sample text, b smallint, x integer, y integer, c bigint);
INSERT INTO featured SELECT i, 'gone', i % 2 = 0, 'S' || i % 3, i % 3 / 2, 1, 1, i % 5 / 4 FROM generate_series(1, 300) i;
ALTER TABLE featured DROP gone, ADD d boolean NOT NULL DEFAULT true, ADD intensities float8[] NOT NULL DEFAULT '{0.1,0.2,0.3,0.4}';
INSERT INTO featured SELECT i, i % 2 = 0, 'S' || i % 3, 0, 1, 1, 1, false, ARRAY[i / 500.0, i % 7 / 7.0, 1, 0] FROM generate_series(301, 500) i;
SELECT register('featured', 4, '{a,b,c,d}');
SELECT * FROM compare('featured');
DO $do$
BEGIN
	EXECUTE (SELECT 'CREATE TABLE flags AS SELECT i::integer AS cell_id, ''S'' || i % 3 AS sample, 1 AS x, 1 AS y, ' || string_agg(format('i * %s %% 7 = 0 AS f%s', f, f), ', ') ||
		', ARRAY(SELECT (i * f % 97 / 97.0)::real FROM generate_series(1, 19) f) AS intensities FROM generate_series(1, 400) i' FROM generate_series(1, 19) f);
	PERFORM register('flags', 19, ARRAY(SELECT 'f' || f FROM generate_series(1, 19) f)::name[]);
END
$do$;
SELECT * FROM compare('flags');

-- from 1 to 64 channels, of both types; infinite numbers, and phenotypes without a feature
DO $do$
BEGIN
	FOR channels IN 1 .. 64 LOOP
		CONTINUE WHEN channels > 9 AND channels NOT IN (30, 31, 63, 64);
		EXECUTE format('CREATE TABLE real_%1$s AS SELECT ''S'' || i %% 3 AS sample, i AS cell_id, 1 AS x, 1 AS y, hashint8extended(i, 5) AS phenotypes,
			ARRAY(SELECT CASE hashint8extended(i, f) %% 50 WHEN 0 THEN ''-Infinity'' WHEN 1 THEN ''Infinity'' WHEN 2 THEN ''-0'' ELSE (hashint8extended(i, f + 99) & 1023) / 900.0 END::real
				FROM generate_series(1, %1$s) f) AS intensities FROM generate_series(1, 200) i', channels);
		EXECUTE format('CREATE TABLE double_%1$s AS SELECT sample, cell_id, x, y, phenotypes, intensities::float8[] FROM real_%1$s', channels);
		PERFORM register(('real_' || channels)::regclass, channels), register(('double_' || channels)::regclass, channels);
	END LOOP;
END
$do$;
SELECT count(*), bool_and(same), sum(bytes), string_agg(DISTINCT scanned, ';') AS scanned, sum(reads) AS reads,
	bool_and(cell_subsample('real_' || n, 50) = cell_subsample('double_' || n, 50) AND cell_subsample_metadata('real_' || n, 50)::text = cell_subsample_metadata('double_' || n, 50)::text) AS "both types"
FROM cell_studies, substring(study FROM '^real_(.*)') n, unnest(ARRAY[study, 'double_' || n]) each, compare(each) WHERE study LIKE 'real%';

-- arrays with another form: out of line, compressed, with a null bitmap, with another lower bound
CREATE TABLE wide (sample text, cell_id integer, x integer, y integer, phenotypes bigint, filler text, intensities float8[]);
ALTER TABLE wide ALTER filler SET STORAGE PLAIN, ALTER intensities SET STORAGE EXTERNAL;
INSERT INTO wide SELECT 'S' || i % 2, i, 1, 1, i, repeat('f', 1800), ARRAY(SELECT (i * f % 97 / 97.0)::real FROM generate_series(1, 64) f) FROM generate_series(1, 50) i;
ALTER TABLE wide ALTER intensities SET STORAGE MAIN;
INSERT INTO wide SELECT 'S' || i % 2, i, 1, 1, i, repeat('f', 1800), array_fill(i / 100.0::float8, '{64}') FROM generate_series(51, 100) i;
SELECT pg_column_compression(intensities) IS NULL AS plain, min(pg_column_size(intensities)) < 300 AS small, pg_relation_size(reltoastrelid) > 0 AS toast, count(*)
FROM wide, pg_class WHERE pg_class.oid = 'wide'::regclass GROUP BY 1, 3 ORDER BY 1;
SELECT register('wide', 64);
SELECT * FROM compare('wide', 60);
CREATE TABLE odd (LIKE wide);
INSERT INTO odd SELECT 'S1', i, 1, 1, i, '', '[7:9]={0.1,0.2,0.3}' FROM generate_series(1, 5) i;
INSERT INTO odd SELECT 'S1', i, 1, 1, i, '', ARRAY[NULL, 0.5, i / 10.0] FROM generate_series(6, 9) i;
UPDATE odd SET intensities[1] = 0.7 WHERE intensities[1] IS NULL AND intensities[2] IS NOT NULL;
SELECT register('odd', 3);
SELECT * FROM compare('odd');
-- samples that a scan leaves to the executor
ALTER TABLE odd ALTER sample SET STORAGE EXTERNAL;
INSERT INTO odd SELECT repeat('long', 1000), 1, 1, 1, 1, '', '{1,1,1}';
SELECT * FROM compare('odd');

-- partitions whose columns are in another order
CREATE TABLE parted (sample text, cell_id integer, x integer, y integer, intensities real[], phenotypes bigint) PARTITION BY LIST (sample);
CREATE TABLE parted_1 (phenotypes bigint, gone integer, y integer, x integer, intensities real[], sample text, cell_id integer);
ALTER TABLE parted_1 DROP gone;
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN ('S1');
CREATE TABLE parted_2 PARTITION OF parted DEFAULT PARTITION BY RANGE (cell_id);
CREATE TABLE parted_2_low PARTITION OF parted_2 FOR VALUES FROM (MINVALUE) TO (500);
CREATE TABLE parted_2_high PARTITION OF parted_2 FOR VALUES FROM (500) TO (MAXVALUE);
INSERT INTO parted SELECT 'S' || s % 3, i, 1, 1, intensities, phenotypes FROM cells;
SELECT register('parted', 3);
SELECT * FROM compare('parted');

-- views: a condition, tables whose samples have different types, a join, a cast of the numbers, a
-- function that reads a subsample itself
CREATE VIEW part AS SELECT * FROM of_smallint WHERE cell_id BETWEEN 100 AND 900 AND sample >= 0;
-- The bytes of smallint 16705 are those of text AA.
CREATE TABLE numbered AS SELECT (16700 + i % 10)::smallint AS slide, i AS cell_id, 1 AS x, 1 AS y, i::bigint AS phenotypes, '{0.5,0.6,0.7}'::real[] AS intensities FROM generate_series(1, 100) i;
CREATE TABLE numbered_too AS SELECT slide, cell_id + 5000 AS cell_id, x, y, phenotypes, intensities FROM numbered;
CREATE TABLE named AS SELECT CASE i % 3 WHEN 0 THEN 'AA' WHEN 1 THEN '16705' ELSE '' END AS sample, i AS cell_id, 1 AS x, 1 AS y, i::bigint AS phenotypes, '{0.2,0.3,0.4}'::real[] AS intensities
FROM generate_series(1001, 1100) i;
CREATE VIEW both_types AS SELECT slide::text AS sample, cell_id, x, y, phenotypes, intensities FROM numbered UNION ALL SELECT * FROM named UNION ALL SELECT (slide::integer)::text, cell_id, x, y, phenotypes, intensities FROM numbered_too;
CREATE VIEW joined AS SELECT c.* FROM of_text c JOIN (VALUES ('S1'), ('S2')) s (sample) USING (sample);
CREATE VIEW widened AS SELECT sample, cell_id, x, y, phenotypes, intensities::float8[] FROM of_text;
CREATE FUNCTION inner_bytes() RETURNS integer LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN octet_length(public.cell_subsample('part', 2)); END $$;
CREATE VIEW nesting AS SELECT sample, cell_id, x, y, phenotypes & test_subsample_scan.inner_bytes() AS phenotypes, intensities FROM of_text WHERE cell_id < 50;
SELECT register(view, 3) FROM unnest('{part,both_types,joined,widened,nesting}'::regclass[]) view;
SELECT view, compare.* FROM unnest('{part,both_types,joined,widened}'::text[]) WITH ORDINALITY v (view, n), compare(view) ORDER BY n;
SELECT same, bytes, scanned FROM compare('nesting');
SELECT s.detail FROM unnest('{part,parted,joined,widened}'::text[]) WITH ORDINALITY v (view, n), cell_scans(view) s WHERE aggregate = 'cell_subsample_cells' ORDER BY n;

-- ids whose keys are larger than those of random ids: the first guess which cells are taken is wrong
CREATE TABLE many AS SELECT 'S' AS sample, i AS cell_id, 1 AS x, 1 AS y, 0::bigint AS phenotypes, ARRAY[cell_minifloat_decode((i / 64)::smallint), cell_minifloat_decode((i % 64)::smallint)] AS intensities
FROM generate_series(0, 4095) i;
SELECT register('many', 2);
CREATE FUNCTION ids(body bytea) RETURNS SETOF integer LANGUAGE sql AS $$ SELECT get_byte(body, i * 2) * 64 + get_byte(body, i * 2 + 1) FROM generate_series(0, octet_length(body) / 2 - 1) i $$;
SELECT * FROM compare('many', 400);
DELETE FROM many USING ids(cell_subsample('many', 2000, 7)) id WHERE cell_id = id;
SELECT cell_subsample('many', 300, 7) = cell_subsample('many', 300, 7) AS same, count(*) FROM many;
SELECT * FROM compare('many', 300);
SELECT count(*) FROM ids(cell_subsample('many', 300, 7)) small JOIN ids(cell_subsample('many', 600, 7)) large ON large = small;

-- Errors are those of the executor, with their context.
CREATE TABLE bad (sample text, cell_id bigint, x integer, y integer, a boolean, b integer, intensities real[]);
SELECT register('bad', 2, '{a,b}');
CREATE FUNCTION failure(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text; context text;
BEGIN
	EXECUTE query;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
	RETURN concat_ws('|', state, message, detail, left(hint, 20), substring(context FROM '(?n)^(?:cell_id .* of )?sample .*$'));
END
$$;
CREATE FUNCTION failures(change text, OUT failure text, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	row text[] := ARRAY['''S2''', '7', '1', '1', 'true', '1', '''{0.1,0.2}'''];
BEGIN
	row[split_part(change, ':', 1)::integer] := split_part(change, ':', 2);
	TRUNCATE bad;
	INSERT INTO bad SELECT 'S' || i % 3, i + 10, 1, 1, true, 0, '{0.5,0.6}' FROM generate_series(1, 100) i;
	EXECUTE 'INSERT INTO bad VALUES (' || array_to_string(row, ',') || ')';
	SET LOCAL cell_binary.scan = off;
	failure := failure('SELECT cell_subsample(''bad'', 1000)');
	same := failure('SELECT cell_subsample_metadata(''bad'', 10)') = failure OR failure LIKE '21000%';
	SET LOCAL cell_binary.scan = on;
	same := same AND failure('SELECT cell_subsample(''bad'', 1000)') = failure AND (failure('SELECT cell_subsample_metadata(''bad'', 10)') = failure OR failure LIKE '21000%');
END
$$;
SELECT failure, same
FROM unnest(ARRAY['2:7', '2:NULL', '2:-1', '2:4294967296', '2:18', '5:NULL', '6:NULL', '6:2', '6:-1', '7:NULL', '7:''{}''', '7:''{1}''', '7:''{1,2,3}''', '7:''{{1,2}}''', '7:''{1,NULL}''', '7:''{NaN,1}''',
	'7:''{1,NaN}''', '1:NULL']) WITH ORDINALITY c (change, n), failures(change) ORDER BY n;
-- A serializable transaction notes which rows it reads.
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT octet_length(cell_subsample('part', 9)) AS bytes, scan, detail FROM cell_scans('part') WHERE call = 'cell_subsample';
COMMIT;
-- rows that this transaction has written
BEGIN;
DELETE FROM of_text WHERE cell_id % 2 = 0;
INSERT INTO of_text SELECT '', i, 'S99', 1, 1, 0, '{1,1,1}' FROM generate_series(1, 20) i;
SELECT * FROM compare('of_text');
ROLLBACK;

-- The aggregate is only for the two functions.
SELECT * FROM error_of($$SELECT cell_subsample_cells(sample, cell_id, intensities, phenotypes) FROM sorted$$);
SELECT state, message FROM error_of($$SELECT cell_subsample_cells('a', 1, '{1}'::float8[], 1) FROM generate_series(1, 3) i$$);
SELECT cell_subsample_cells(sample, cell_id, intensities, phenotypes) FROM sorted WHERE false;

-- privileges on columns, and row-level security
CREATE ROLE regress_cell_reader;
GRANT USAGE ON SCHEMA test_subsample_scan TO regress_cell_reader;
GRANT SELECT (sample, cell_id, x, y, phenotypes) ON sorted TO regress_cell_reader;
SET ROLE regress_cell_reader;
SELECT call, aggregate FROM cell_scans('sorted');
SELECT state, message FROM error_of($$SELECT cell_subsample('sorted', 5)$$);
RESET ROLE;
GRANT SELECT (intensities) ON sorted TO regress_cell_reader;
CREATE POLICY few ON sorted FOR SELECT TO regress_cell_reader USING (sample = 'S2' AND cell_id <= 100);
SET ROLE regress_cell_reader;
SELECT call, aggregate, scan FROM cell_scans('sorted');
SELECT octet_length(cell_subsample('sorted', 5000));
RESET ROLE;
ALTER TABLE sorted ENABLE ROW LEVEL SECURITY;
SET ROLE regress_cell_reader;
SELECT octet_length(cell_subsample('sorted', 5000)), cell_subsample_metadata('sorted', 5) -> 'subsample_counts' -> 0 ->> 'specimen' AS sample;
RESET ROLE;

DROP OWNED BY regress_cell_reader;
DROP ROLE regress_cell_reader;
SELECT count(cell_drop_study(study)) FROM (SELECT study FROM cell_studies) s;
SET client_min_messages = warning;
DROP SCHEMA test_subsample_scan CASCADE;
