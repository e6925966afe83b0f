-- cell_count of each of 30 features, payload of layout compact
--
-- The payload is read once (substring does that) and stays in memory: what
-- this takes beyond count_compact.sql is the time of 29 counts.
SELECT (SELECT sum(cell_count(payload, 1::bigint << bit, 0, 'compact')) FROM generate_series(0, 29) bit)
FROM (SELECT substring(payload FROM 1) AS payload FROM payload_compact OFFSET 0) in_memory;
