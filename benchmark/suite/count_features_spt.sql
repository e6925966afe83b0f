-- cell_count of each of 30 features, payload in layout spt
--
-- The call of substring reads the payload once into memory. The time beyond that
-- of count_spt.sql is the time of 29 counts.
SELECT (SELECT sum(cell_count(payload, 1::bigint << bit, 0, 'spt')) FROM generate_series(0, 29) bit)
FROM (SELECT substring(payload FROM 1) AS payload FROM payload_spt OFFSET 0) in_memory;
