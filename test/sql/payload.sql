-- Reading payloads: cell_unpack, cell_info, cell_count
CREATE TABLE slide AS
SELECT layout, cell_pack(cell_id, x, y, phenotypes, layout) AS payload
FROM unnest('{compact,spt}'::text[]) layout,
	(VALUES (9, 12, 34, 1), (3, 5, 6, 3), (4, 7, 8, -9223372036854775806)) c (cell_id, x, y, phenotypes)
GROUP BY layout;

SELECT layout, u.* FROM slide, cell_unpack(payload, layout) u;
SELECT layout, i.* FROM slide, cell_info(payload, layout) i;
SELECT layout,
	cell_count(payload, layout => layout) AS every,
	cell_count(payload, 1, layout => layout) AS all_1,
	cell_count(payload, 3, layout => layout) AS all_3,
	cell_count(payload, none_of => 1, layout => layout) AS none_1,
	cell_count(payload, 2, 1, layout) AS all_2_none_1,
	cell_count(payload, 1::bigint << 63, layout => layout) AS bit_63,
	cell_count(payload, 1, 1, layout) AS contradiction
FROM slide;

-- without cells
SELECT layout, i.*, cell_count(cell_empty(layout), layout => layout) FROM slide, cell_info(cell_empty(layout), layout) i;
SELECT u.* FROM slide, cell_unpack(cell_empty(layout), layout) u;

-- NULL yields NULL, or no rows
SELECT cell_info(NULL), cell_count(NULL), cell_count('\x00000000', NULL), cell_empty(NULL);
SELECT count(*) FROM cell_unpack(NULL);

-- in the select list, and as a lateral join
SELECT (cell_unpack(payload)).* FROM slide WHERE layout = 'compact';
SELECT cell_unpack(payload, layout) FROM slide;

-- Packing the unpacked cells gives the same bytes. (Without ids the order is kept.)
SELECT cell_pack(u.cell_id, u.x, u.y, u.phenotypes, 'spt') = payload AS same
FROM slide, cell_unpack(payload, 'spt') u WHERE layout = 'spt' GROUP BY payload;
SELECT cell_pack(u.x, u.y, u.phenotypes) = payload AS same
FROM slide, cell_unpack(payload) u WHERE layout = 'compact' GROUP BY payload;

-- compressed and out of line, larger than one batch
CREATE TABLE stored (storage text, payload bytea);
INSERT INTO stored SELECT 'compressed', cell_pack(i % 7, 1, 2) FROM generate_series(0, 4999) i;
ALTER TABLE stored ALTER payload SET STORAGE EXTERNAL;
INSERT INTO stored SELECT 'external', cell_pack(i % 7, 1, 2) FROM generate_series(0, 4999) i;
SELECT storage, pg_column_size(payload) < 80004 AS compressed, i.*, cell_count(payload, 2, 4)
FROM stored, cell_info(payload) i ORDER BY storage;
-- A stored value with one byte too many
SELECT cell_info(payload || '\x00') FROM stored WHERE storage = 'compressed';
UPDATE stored SET payload = payload || '\x00' WHERE storage = 'external';
SELECT cell_info(payload) FROM stored WHERE storage = 'external';

DROP TABLE slide, stored;
