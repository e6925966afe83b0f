-- The sources of studies, created in the current schema from the table cells.

-- The source that is served: sample S1 has all cells, sample S2 a fifth of them.
-- No workload writes to this table, so its rows stay in the order of the ids.
CREATE TABLE served AS SELECT 'S1' AS sample, * FROM cells;
INSERT INTO served SELECT 'S2', * FROM cells LIMIT ceil((SELECT count(*) FROM cells) / 5.0);

-- Two equal tables that the workloads write to. The driver registers one of them.
CREATE TABLE registered AS SELECT 'S1' AS sample, * FROM cells;
CREATE TABLE unregistered AS SELECT * FROM registered;
ALTER TABLE registered ADD PRIMARY KEY (sample, cell_id);
ALTER TABLE unregistered ADD PRIMARY KEY (sample, cell_id);

-- Tables that hold payloads without the store. As in the store, they are unlogged
-- and their payloads are not compressed.
CREATE UNLOGGED TABLE ready (payload bytea);
CREATE UNLOGGED TABLE packed (payload bytea);
ALTER TABLE ready ALTER payload SET STORAGE EXTERNAL;
ALTER TABLE packed ALTER payload SET STORAGE EXTERNAL;
INSERT INTO ready SELECT cell_pack(cell_id, x, y, phenotypes) FROM cells;

-- A source with intensities, and tables with its payloads
CREATE TABLE intense AS
SELECT 'S1' AS sample, cell_id, x, y, phenotypes, ARRAY(
	SELECT ((hashint8(cell_id * 64 + bit)::bigint & 65535) / 65536.0 * 0.3 + 0.4 * (phenotypes >> bit & 1))::real
	FROM generate_series(0, 29) bit) AS intensities
FROM cells LIMIT 1000000;
CREATE UNLOGGED TABLE ready_intensity (payload bytea);
CREATE UNLOGGED TABLE ready_subsample (payload bytea);
ALTER TABLE ready_intensity ALTER payload SET STORAGE EXTERNAL;
ALTER TABLE ready_subsample ALTER payload SET STORAGE EXTERNAL;
INSERT INTO ready_intensity SELECT cell_pack_intensities(cell_id, intensities) FROM intense;
