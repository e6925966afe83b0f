-- generate_series producing as many rows of 4 columns
--
-- The yardstick for cell_unpack: a set-returning function of PostgreSQL's own,
-- whose rows pass through a tuplestore, too, but have one column in it. The
-- other three are copies, which is the least that 4 columns can cost.
SELECT i, i, i, i FROM generate_series(1, (SELECT cells FROM payload_compact)) i OFFSET (SELECT cells - 1 FROM payload_compact);
