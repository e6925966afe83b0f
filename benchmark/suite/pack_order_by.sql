-- cell_pack(x, y, phenotypes ORDER BY cell_id)
--
-- PostgreSQL's sort makes the order, in memory (work_mem). The rows are in order
-- already.
SELECT octet_length(cell_pack(x, y, phenotypes ORDER BY cell_id)) FROM cells;
