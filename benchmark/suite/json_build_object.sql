-- json_agg of json_build_object('x', x, 'y', y, 'phenotypes', phenotypes)
--
-- The same document as in json_agg.sql, in the form that lets the query choose the
-- names. pg_column_size takes the json value itself, so the time includes no cast.
SELECT pg_column_size(json_agg(json_build_object('x', x, 'y', y, 'phenotypes', phenotypes))) FROM cells;
