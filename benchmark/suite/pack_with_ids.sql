-- cell_pack(cell_id, x, y, phenotypes), rows in the order of the ids
-- sizes: every
SELECT octet_length(cell_pack(cell_id, x, y, phenotypes)) FROM cells;
