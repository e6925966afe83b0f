-- cell_pack(x, y, phenotypes ORDER BY cell_id)
--
-- The order made by PostgreSQL's sort instead, in memory (work_mem) and of
-- rows that are in order already.
SELECT octet_length(cell_pack(x, y, phenotypes ORDER BY cell_id)) FROM cells;
