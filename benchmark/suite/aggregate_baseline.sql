-- sum(x), sum(y), bit_or(phenotypes)
--
-- The yardstick: what it costs PostgreSQL to read these three columns of every
-- row and to hand them to aggregates of its own, which keep next to nothing.
-- sizes: every
SELECT sum(x), sum(y), bit_or(phenotypes) FROM cells;
