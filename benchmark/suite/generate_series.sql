-- generate_series with the same number of rows, each with 4 columns
--
-- The yardstick for cell_unpack: a built-in set-returning function. Its rows also
-- pass through a tuplestore, but with one column. The other three columns are
-- copies of it, which is the least that 4 columns can cost.
SELECT i, i, i, i FROM generate_series(1, (SELECT cells FROM payload_compact)) i OFFSET (SELECT cells - 1 FROM payload_compact);
