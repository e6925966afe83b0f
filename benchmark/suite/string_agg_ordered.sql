-- string_agg(... ORDER BY cell_id)
--
-- As string_agg.sql, but in the order of the ids, as cell_pack with ids returns the
-- cells. The rows are in this order already, which is the best case of the sort,
-- and work_mem keeps it in memory.
SELECT octet_length(string_agg(int4send(x) || int4send(y) || int8send(phenotypes), ''::bytea ORDER BY cell_id)) FROM cells;
