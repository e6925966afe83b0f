-- json_agg of json_build_object('x', x, 'y', y, 'phenotypes', phenotypes)
--
-- The same document as json_agg of the rows, as many write it who want to
-- choose the names. Its size is taken of the json value as it is.
SELECT pg_column_size(json_agg(json_build_object('x', x, 'y', y, 'phenotypes', phenotypes))) FROM cells;
