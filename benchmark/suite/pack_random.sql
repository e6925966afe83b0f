-- cell_pack(cell_id, x, y, phenotypes), rows in random order
--
-- The rows of pack_with_ids.sql, shuffled on disk. The payload is the same, but
-- cell_pack has to sort it.
SELECT octet_length(cell_pack(cell_id, x, y, phenotypes)) FROM cells_random;
