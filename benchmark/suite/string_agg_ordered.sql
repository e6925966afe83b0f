-- string_agg(... ORDER BY cell_id)
--
-- As string_agg.sql, in the order of the ids as cell_pack with ids gives it.
-- The rows lie in this order already, which is the sort's best case, and
-- work_mem lets it stay in memory.
SELECT octet_length(string_agg(int4send(x) || int4send(y) || int8send(phenotypes), ''::bytea ORDER BY cell_id)) FROM cells;
