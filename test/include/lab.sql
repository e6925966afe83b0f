-- A table, a partitioned table, a stored view, a study whose payloads are in a view, and one whose
-- source was dropped. Some names need quotes. The extension has its own schema.
CREATE SCHEMA "the imaging";
CREATE EXTENSION cell_binary SCHEMA "the imaging";
SET search_path = public, "the imaging";
CREATE TABLE "Cell table" (sample text, cell_id bigint, x float8, y float8, "CD3 ""e""" boolean, cd8 integer,
    "the intensities" real[], PRIMARY KEY (sample, cell_id));
INSERT INTO "Cell table" SELECT 'sample ' || i % 4, i, i * 1.25, i % 17 - 3.5, i % 3 = 0, i % 2, ARRAY[i % 19 / 19.0, i % 23 / 23.0] FROM generate_series(1, 5000) i;
SELECT cell_register_study('the "study"', '"Cell table"', feature_columns => '{"CD3 \"e\"",cd8}', features => '{CD3 é,CD8}', intensities => 'the intensities');
CREATE TABLE part (sample integer, cell_id bigint, x integer, y integer, phenotypes bigint) PARTITION BY LIST (sample);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
INSERT INTO part SELECT 1 + i % 2, i, i, i, i FROM generate_series(1, 5000) i;
SELECT cell_register_study('part', 'part', phenotypes => 'phenotypes', features => '{a,b}');
CREATE VIEW seen AS SELECT sample, max(cell_id) AS cell_id, x, y, phenotypes FROM part GROUP BY sample, x, y, phenotypes;
SELECT cell_register_study('view', 'seen', phenotypes => 'phenotypes', features => '{a,b}', store => true);
SELECT cell_create_payload_view('part', '"Payloads of part"');
SELECT cell_register_study('taken', 'part', phenotypes => 'phenotypes', features => '{a,b}', store => false);
SELECT cell_set_payloads('taken', '"Payloads of part"');
CREATE VIEW packed AS SELECT sample, cell_pack(cell_id, x, y, phenotypes, 'dense'::cell_layout) AS payload FROM part GROUP BY sample;
CREATE TABLE gone AS TABLE part;
SELECT cell_register_study('gone', 'gone', phenotypes => 'phenotypes', features => '{a}');
DROP TABLE gone;
SELECT count(cell_data('part', sample)) FROM cell_samples('part') sample;
