-- count(*)
--
-- What it costs to visit every row without looking into it.
-- sizes: every
SELECT count(*) FROM cells;
