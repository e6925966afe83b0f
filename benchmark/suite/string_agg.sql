-- string_agg(int4send(x) || int4send(y) || int8send(phenotypes))
--
-- 16 bytes a cell without an extension, in network byte order: the same
-- service but for the number of cells in front.
SELECT octet_length(string_agg(int4send(x) || int4send(y) || int8send(phenotypes), ''::bytea)) FROM cells;
