-- sum(x), sum(y), bit_or(phenotypes)
--
-- The yardstick: PostgreSQL reads these three columns of every row and passes
-- them to built-in aggregates, whose state is only a few bytes.
-- sizes: every
SELECT sum(x), sum(y), bit_or(phenotypes) FROM cells;
