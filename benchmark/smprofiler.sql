-- Fill SMProfiler's tables in the current schema with the first :cells cells of
-- the table cells, as sample S1 of a study. expression_quantification gets 30 rows
-- for each cell, in the order in which SMProfiler's import writes them.

-- The generated rows are consistent, so foreign keys need no checks.
SET session_replication_role = replica;
SET synchronous_commit = off;

INSERT INTO study VALUES ('smprofiler', '');
INSERT INTO study_component VALUES ('smprofiler', 'smprofiler - measurement');
INSERT INTO specimen_measurement_study (name) VALUES ('smprofiler - measurement');
INSERT INTO specimen_data_measurement_process (identifier, specimen, study) VALUES ('f measurement', 'S1', 'smprofiler - measurement');
INSERT INTO data_file (sha256_hash, source_generation_process) VALUES (encode(sha256('f'), 'hex'), 'f measurement');
INSERT INTO chemical_species (identifier, symbol) SELECT bit, feature FROM tissue.feature;
INSERT INTO biological_marking_system (identifier, target, study) SELECT bit, bit, 'smprofiler - measurement' FROM tissue.feature;

CREATE TEMP TABLE cell AS SELECT * FROM cells WHERE cell_id < :cells;
INSERT INTO histological_structure SELECT cell_id, 'cell' FROM cell;
INSERT INTO histological_structure_identification
SELECT cell_id, encode(sha256('f'), 'hex'), cell_id, NULL, '', '', '' FROM cell;

-- Boxes of 10 x 8 pixels as ESRI shapefiles, whose numbers are little-endian
CREATE TEMP TABLE coordinate AS
SELECT value, decode(regexp_replace(encode(float8send(value), 'hex'), '(..)(..)(..)(..)(..)(..)(..)(..)', '\8\7\6\5\4\3\2\1'), 'hex') AS bytes
FROM generate_series(-5, (SELECT greatest(max(x), max(y)) + 5 FROM cell)) value;
ANALYZE cell, coordinate;
INSERT INTO shape_file
SELECT cell_id, 'ESRI Shapefile SHP', replace(encode(
	'\x0000270a000000000000000000000000000000000000000000000076e803000005000000'::bytea
	|| x1 || y1 || x2 || y2 || decode(repeat('00', 32), 'hex') || '\x000000010000004005000000'::bytea
	|| x1 || y1 || x2 || y2 || '\x010000000500000000000000'::bytea
	|| x1 || y1 || x1 || y2 || x2 || y2 || x2 || y1 || x1 || y1, 'base64'), E'\n', '')
FROM (
	SELECT cell_id, l.bytes, t.bytes, r.bytes, b.bytes
	FROM cell JOIN coordinate l ON l.value = x - 5 JOIN coordinate r ON r.value = x + 5
	JOIN coordinate t ON t.value = y - 4 JOIN coordinate b ON b.value = y + 4
) box (cell_id, x1, y1, x2, y2);

INSERT INTO expression_quantification
SELECT cell_id, bit, ((hashint8extended(cell_id, bit) & 8191) / 917::double precision)::numeric, '', '',
	CASE phenotypes >> bit & 1 WHEN 1 THEN 'positive' ELSE 'negative' END, ''
FROM (SELECT * FROM cell ORDER BY cell_id) c, (SELECT bit FROM tissue.feature ORDER BY hashint4(bit) OFFSET 0) f;
INSERT INTO range_definitions
SELECT 'S1', 'expression_quantification', min(range_identifier_integer), max(range_identifier_integer) FROM expression_quantification;

DROP TABLE cell, coordinate;
