-- string_agg(int4send(x) || int4send(y) || int8send(phenotypes))
--
-- 16 bytes per cell without an extension, in network byte order: the content of a
-- compact payload without the number of cells at its start.
SELECT octet_length(string_agg(int4send(x) || int4send(y) || int8send(phenotypes), ''::bytea)) FROM cells;
