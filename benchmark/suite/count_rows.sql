-- count(*)
--
-- The cost of visiting every row without reading a column.
-- sizes: every
SELECT count(*) FROM cells;
