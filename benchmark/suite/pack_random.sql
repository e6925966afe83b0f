-- cell_pack(cell_id, x, y, phenotypes), rows in random order
--
-- The same rows as in pack_with_ids, shuffled on disk: the payload is the
-- same, and has to be sorted.
SELECT octet_length(cell_pack(cell_id, x, y, phenotypes)) FROM cells_random;
