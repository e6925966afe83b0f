-- json_agg of the rows (x, y, phenotypes)
--
-- The query of an API that has no extension. pg_column_size takes the json value
-- itself, so the time includes no cast.
SELECT pg_column_size(json_agg(cell)) FROM (SELECT x, y, phenotypes FROM cells) cell;
