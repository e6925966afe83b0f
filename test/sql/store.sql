-- The store of ready payloads: what it serves, and what makes a
-- payload unusable
CREATE SCHEMA test_store;
SET search_path = test_store, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set preamble :abs_srcdir '/include/store_preamble.sql'
\i :preamble

CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint, note text, PRIMARY KEY (sample, cell_id));
INSERT INTO cell SELECT s, i, i, i, i FROM generate_series(1, 1000) i, unnest('{A,B,C}'::text[]) s;
SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a,b}');

-- packed once, then ready; each layout and coding separately
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'A', 'spt');
SELECT * FROM served('s', 'cell', 'A', 'dense', 'zstd');
SELECT * FROM served('s', 'cell', 'A', 'dense');
SELECT * FROM served('s', 'cell', 'A', 'dense', 'gzip');
SELECT * FROM served('s', 'cell', 'A', 'dense', 'gzip');
SELECT * FROM served('s', 'cell', 'B');
SELECT * FROM served('s', 'cell', 'C');

-- the head: does not pack a ready payload, and has the same ETag for the same bytes
SELECT cells, bytes, etag = format('"%s"', encode(sha256(cell_data('s', 'A')), 'hex')) AS etag FROM cell_data_head('s', 'A');
SELECT bytes = octet_length(payload) AS bytes, etag = format('"%s"', encode(sha256(payload), 'hex')) AS etag
FROM cell_data_head('s', 'A', 'spt', 'br'), cell_data('s', 'A', 'spt', 'br') payload;
SELECT count(DISTINCT etag) AS "A, B and C are alike" FROM unnest('{A,B,C}'::text[]) s, cell_data_head('s', s);

-- each kind of statement makes only the payload of its sample unusable
INSERT INTO cell VALUES ('A', 1001, 1, 1, 1);
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'B');
UPDATE cell SET x = -1 WHERE sample = 'A' AND cell_id = 5;
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'B');
DELETE FROM cell WHERE sample = 'A' AND cell_id = 6;
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'B');
COPY cell (sample, cell_id, x, y, phenotypes) FROM stdin;
A	1002	3	4	5
\.
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'B');
MERGE INTO cell USING (VALUES ('A', 1002), ('A', 2000)) v (sample, cell_id) ON cell.sample = v.sample AND cell.cell_id = v.cell_id
	WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.sample, v.cell_id, 1, 1, 1);
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'B');
INSERT INTO cell VALUES ('A', 2000, 7, 7, 7), ('A', 2001, 7, 7, 7) ON CONFLICT (sample, cell_id) DO UPDATE SET x = excluded.x;
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'B');
-- an UPDATE of the sample: both the old and the new sample
UPDATE cell SET sample = 'B' WHERE sample = 'A' AND cell_id = 2001;
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'B');
SELECT * FROM served('s', 'cell', 'C');
-- many samples in one statement
INSERT INTO cell SELECT 'sample ' || i % 300, i, i, i, i FROM generate_series(1, 3000) i;
SELECT how, same, count(*) FROM generate_series(0, 299) i, served('s', 'cell', 'sample ' || i) GROUP BY 1, 2;
SELECT how, same, count(*) FROM generate_series(0, 299) i, served('s', 'cell', 'sample ' || i) GROUP BY 1, 2;
UPDATE cell SET x = x + 1 WHERE sample LIKE 'sample %7';
SELECT how, same, count(*) FROM generate_series(0, 299) i, served('s', 'cell', 'sample ' || i) GROUP BY 1, 2 ORDER BY 1;
-- statements that change no row
UPDATE cell SET x = 0 WHERE false;
DELETE FROM cell WHERE sample = 'no such sample';
INSERT INTO cell SELECT * FROM cell WHERE false;
SELECT * FROM served('s', 'cell', 'A');
-- rows whose sample is NULL
ALTER TABLE cell DROP CONSTRAINT cell_pkey, ALTER sample DROP NOT NULL;
INSERT INTO cell VALUES (NULL, 1, 1, 1, 1);
DELETE FROM cell WHERE sample IS NULL;
ALTER TABLE cell ADD PRIMARY KEY (sample, cell_id);
SELECT * FROM served('s', 'cell', 'A');

-- within the changing transaction; a change that is rolled back does not count
BEGIN;
UPDATE cell SET x = 1 - x WHERE sample = 'A';
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'B');
ROLLBACK;
SELECT * FROM served('s', 'cell', 'A');
BEGIN;
SAVEPOINT one;
UPDATE cell SET x = 1 - x WHERE sample = 'A';
SELECT * FROM served('s', 'cell', 'A');
ROLLBACK TO one;
SELECT * FROM served('s', 'cell', 'A');
SAVEPOINT two;
DELETE FROM cell WHERE sample = 'A' AND cell_id < 100;
RELEASE two;
SELECT * FROM served('s', 'cell', 'A');
COMMIT;
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'A');
-- a transaction that stores a payload and then changes its sample
BEGIN;
SELECT cell_invalidate('s', 'B');
COMMIT;
BEGIN;
SELECT * FROM served('s', 'cell', 'B');
UPDATE cell SET x = 77 WHERE sample = 'B' AND cell_id = 1;
SELECT * FROM served('s', 'cell', 'B');
COMMIT;
SELECT * FROM served('s', 'cell', 'B');
-- several calls in one statement: packed once
SELECT cell_invalidate('s');
SELECT how, count(*) FROM generate_series(1, 5) i, served('s', 'cell', left('B' || i, 1)) GROUP BY how ORDER BY how;
-- a call within a statement that changes the source
CREATE TABLE other (i integer);
CREATE FUNCTION peek() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO other VALUES (1);
	RETURN (SELECT s FROM served('s', 'cell', 'B') s);
END $$;
UPDATE cell SET x = x + 1 WHERE sample = 'B' AND cell_id <= 3 RETURNING peek();
WITH changed AS (UPDATE cell SET x = x + 1 WHERE sample = 'B' AND cell_id <= 2 RETURNING 1) SELECT peek() FROM changed;
-- a call in a trigger on the source
CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE WARNING '%: %', TG_WHEN || ' ' || TG_OP || ' ' || TG_LEVEL, (SELECT s FROM served('s', 'cell', 'B') s);
	RETURN NULL;
END $$;
CREATE TRIGGER a_row AFTER UPDATE ON cell FOR EACH ROW EXECUTE FUNCTION seen();
CREATE TRIGGER a_statement AFTER UPDATE ON cell FOR EACH STATEMENT EXECUTE FUNCTION seen();
UPDATE cell SET x = 78 WHERE sample = 'B' AND cell_id = 1;
DROP TRIGGER a_row ON cell;
DROP TRIGGER a_statement ON cell;
SELECT * FROM served('s', 'cell', 'B');

-- a transaction with one snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM served('s', 'cell', 'B');
SELECT * FROM served('s', 'cell', 'C');
SELECT * FROM served('s', 'cell', 'C');
UPDATE cell SET y = 0 WHERE sample = 'C';
SELECT * FROM served('s', 'cell', 'C');
COMMIT;
SELECT * FROM served('s', 'cell', 'C');

-- rows changed by the action of a foreign key
CREATE TABLE slide (sample text PRIMARY KEY);
INSERT INTO slide SELECT DISTINCT sample FROM cell;
ALTER TABLE cell ADD FOREIGN KEY (sample) REFERENCES slide ON UPDATE CASCADE ON DELETE CASCADE;
UPDATE slide SET sample = 'D' WHERE sample = 'C';
SELECT * FROM served('s', 'cell', 'D');
SELECT * FROM error_of($$SELECT cell_data('s', 'C')$$);
DELETE FROM slide WHERE sample = 'D';
SELECT state FROM error_of($$SELECT cell_data('s', 'D')$$);
SELECT * FROM served('s', 'cell', 'B');
ALTER TABLE cell DROP CONSTRAINT cell_sample_fkey;

-- changes of the table and of its triggers
SELECT * FROM served('s', 'cell', 'A');
ALTER TABLE cell ADD COLUMN another integer DEFAULT 1;
SELECT * FROM served('s', 'cell', 'A');
ALTER TABLE cell ALTER x TYPE integer USING x + 1;
SELECT * FROM served('s', 'cell', 'A');
ALTER TABLE cell RENAME x TO z;
ALTER TABLE cell RENAME y TO x;
ALTER TABLE cell RENAME z TO y;
SELECT * FROM served('s', 'cell', 'A');
VACUUM FULL cell;
SELECT same FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'A');
ALTER TABLE cell DISABLE TRIGGER USER;
UPDATE cell SET x = x + 1 WHERE sample = 'A';
SELECT * FROM served('s', 'cell', 'A');
CALL cell_prepare('s', 'A');
ALTER TABLE cell ENABLE TRIGGER USER;
SELECT * FROM served('s', 'cell', 'A');
SELECT cell_track_study('s');
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'A');
SET session_replication_role = replica;
UPDATE cell SET x = x + 1 WHERE sample = 'A';
RESET session_replication_role;
SELECT * FROM served('s', 'cell', 'A');
TRUNCATE cell;
SELECT state FROM error_of($$SELECT cell_data('s', 'A')$$);
INSERT INTO cell SELECT s, i, i, i, i FROM generate_series(1, 1000) i, unnest('{A,B}'::text[]) s;

-- in chunks
SELECT count(*), string_agg(body, '' ORDER BY chunk) = cell_data('s', 'A') AS same,
	bool_and(byte_offset = 1000 * chunk) AS offsets, max(octet_length(body)), min(octet_length(body))
FROM cell_data_chunks('s', 'A', chunk_bytes => 1000);
SELECT count(*), string_agg(body, '' ORDER BY chunk) = '\x01020304' AS same FROM cell_chunks('\x01020304', 4);
SELECT count(*), string_agg(body, '' ORDER BY chunk) = '\x0102030405' AS same FROM cell_chunks('\x0102030405', 4);
SELECT count(*) FROM cell_chunks('\x', 4);
SELECT count(*) FROM cell_chunks(NULL);
SELECT * FROM error_of($$SELECT * FROM cell_chunks('\x01', NULL)$$);
SELECT * FROM error_of($$SELECT * FROM cell_data_chunks('s', 'A', chunk_bytes => NULL)$$);
SELECT * FROM error_of($$SELECT * FROM cell_chunks('\x01', 0)$$);
SELECT cell_chunk_count(2147483647, 1), cell_chunk_count(1::bigint << 40, 1024);
SELECT * FROM error_of($$SELECT cell_chunk_count(1::bigint << 40, 1)$$);
SELECT * FROM error_of($$SELECT cell_chunk_count(-1, 1)$$);
CREATE TABLE compressed AS SELECT decode(repeat('00', 100000), 'hex') AS payload;
SELECT count(*), sum(octet_length(body)) FROM compressed, cell_chunks(payload, 4096);
-- a range reads only its own chunks
SELECT chunk, byte_offset, octet_length(body) FROM cell_data_chunks('s', 'A', chunk_bytes => 1000) WHERE chunk BETWEEN 15 AND 20;

-- all samples in one call, without the store
SELECT sample, cells, payload = (SELECT cell_pack(cell_id, x, y, phenotypes, 'dense') FROM cell WHERE cell.sample = d.sample) AS same
FROM cell_data_samples('s', 'dense') d ORDER BY sample;
SELECT sample, cells, cell_decode(payload, 'gzip') = cell_data('s', sample) AS same
FROM cell_data_samples('s', coding => 'gzip') ORDER BY sample;

-- cell_prepare: packs what is missing, in one transaction for each sample
SET client_min_messages = notice;
CALL cell_prepare('s');
CALL cell_prepare('s', 'B', 'dense', 'zstd');
CALL cell_prepare('s', layout => 'dense', coding => 'zstd');
-- a sample with bad cells does not stop the others
INSERT INTO cell VALUES ('AA', 1, 1, 1, NULL);
CALL cell_prepare('s');
CALL cell_prepare('s', 'AA');
DELETE FROM cell WHERE sample = 'AA';
CALL cell_prepare('s', 'no such sample');
BEGIN;
CALL cell_prepare('s');
ROLLBACK;
SET client_min_messages = warning;
BEGIN READ ONLY;
SELECT * FROM error_of($$SELECT cell_make_ready('s', 'A', 'compact', 'identity')$$);
COMMIT;
-- a read-only transaction is served from the store, but stores nothing
SELECT how FROM served('s', 'cell', 'A');
UPDATE cell_payload SET payload = '\x01' WHERE sample = 'A' AND layout = 'compact' AND coding = 'identity';
BEGIN READ ONLY;
SELECT cell_data('s', 'A') AS "from the store";
COMMIT;
BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ;
SELECT cell_data('s', 'A') AS "from the store";
COMMIT;
-- a serializable transaction reads the rows, by which conflicts are detected
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM served('s', 'cell', 'A');
COMMIT;
DELETE FROM cell_payload WHERE sample = 'A';
BEGIN READ ONLY;
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'A', 'dense', 'gzip');
COMMIT;
SELECT count(*) AS stored FROM cell_payload WHERE sample = 'A';

-- stable functions write nothing: the transaction gets no id
BEGIN;
SELECT count(*) FROM cell_samples('s');
SELECT count(*) FROM cell_feature_names('s');
SELECT cell_feature_names_json('s');
SELECT pg_current_xact_id_if_assigned() IS NULL AS "nothing written";
SELECT count(*) FROM cell_data_chunks('s', 'A');
SELECT pg_current_xact_id_if_assigned() IS NULL AS "nothing written";
COMMIT;
SELECT cell_invalidate('s', 'A');

-- a change with a transaction id of another cluster is ignored
SELECT * FROM served('s', 'cell', 'A');
INSERT INTO cell_change SELECT p.study, p.sample_hash, '4611686018427387904' FROM cell_payload p WHERE sample = 'A' LIMIT 1;
SELECT * FROM served('s', 'cell', 'A');
UPDATE cell SET x = 4 WHERE sample = 'A' AND cell_id = 1;
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'A');
-- so is a payload that claims to be packed by such a transaction
UPDATE cell_payload SET packed_by = '4611686018427387904', payload = '\x02' WHERE sample = 'A';
SELECT * FROM served('s', 'cell', 'A');

-- truncating the record of changes makes all payloads unusable
SELECT * FROM served('s', 'cell', 'A');
UPDATE cell SET x = 5 WHERE sample = 'A' AND cell_id = 1;
TRUNCATE cell_change;
SELECT * FROM served('s', 'cell', 'A');
SELECT * FROM served('s', 'cell', 'A');
-- rows of the registry that are restored without triggers and foreign keys
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO cell_study (id, study, source, store, registered_by, sample_column, cell_id_column, x_column, y_column, phenotypes_column, features)
SELECT -1, 'restored', source, store, registered_by, sample_column, cell_id_column, x_column, y_column, phenotypes_column, features FROM cell_study WHERE study = 's';
SELECT count(*) AS restored FROM cell_study WHERE study = 'restored';
ROLLBACK;

SELECT cell_drop_study('s');
INSERT INTO cell SELECT s, i, i, i, i FROM generate_series(1, 20000) i, unnest('{D,E,F,G}'::text[]) s;
SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a,b}');
-- recorded changes must survive a crash, stored payloads must not
ALTER TABLE cell_payload SET LOGGED;
SELECT * FROM error_of($$SELECT cell_data('s', 'D')$$);
ALTER TABLE cell_payload SET UNLOGGED;
ALTER TABLE cell_change SET UNLOGGED;
SELECT * FROM error_of($$SELECT cell_data('s', 'D')$$);
ALTER TABLE cell_change SET LOGGED;
SELECT how, same FROM served('s', 'cell', 'D');

-- a study that is dropped in the statement that registered it
SELECT cell_register_study('brief', 'cell', phenotypes => 'phenotypes', features => '{a}'), cell_drop_study('brief');

SELECT cell_drop_study('s');
SELECT (SELECT count(*) FROM cell_payload) AS payloads, (SELECT count(*) FROM cell_change) AS changes,
	(SELECT count(*) FROM cell_store_count) AS counters, (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'cell'::regclass) AS triggers;

SET client_min_messages = warning;
DROP SCHEMA test_store CASCADE;
