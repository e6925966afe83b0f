-- json_agg of the rows (x, y, phenotypes)
--
-- What an API without an extension asks for. Its size is taken of the json
-- value as it is, so no cast is timed.
SELECT pg_column_size(json_agg(cell)) FROM (SELECT x, y, phenotypes FROM cells) cell;
