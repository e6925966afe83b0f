-- Cells as studies have them, in the current schema, made of the table cells.
-- What is served: sample S1 has all cells, and S2 a fifth of them. Nobody
-- writes into this table, so that rows stay in the order of the ids.
CREATE TABLE served AS SELECT 'S1' AS sample, * FROM cells;
INSERT INTO served SELECT 'S2', * FROM cells LIMIT ceil((SELECT count(*) FROM cells) / 5.0);

-- What is written into: the same twice, and one of them is going to be registered.
CREATE TABLE registered AS SELECT 'S1' AS sample, * FROM cells;
CREATE TABLE unregistered AS SELECT * FROM registered;
ALTER TABLE registered ADD PRIMARY KEY (sample, cell_id);
ALTER TABLE unregistered ADD PRIMARY KEY (sample, cell_id);

-- Where payloads would be without the store: like it unlogged and not compressed.
CREATE UNLOGGED TABLE ready (payload bytea);
CREATE UNLOGGED TABLE packed (payload bytea);
ALTER TABLE ready ALTER payload SET STORAGE EXTERNAL;
ALTER TABLE packed ALTER payload SET STORAGE EXTERNAL;
INSERT INTO ready SELECT cell_pack(cell_id, x, y, phenotypes) FROM cells;
