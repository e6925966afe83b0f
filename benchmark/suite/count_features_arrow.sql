-- cell_count of each of 30 features, payload in layout arrow
--
-- The call of substring reads the payload once into memory. The time beyond that
-- of count_arrow.sql is the time of 29 counts.
SELECT (SELECT sum(cell_count(payload, 1::bigint << bit, 0, 'arrow')) FROM generate_series(0, 29) bit)
FROM (SELECT substring(payload FROM 1) AS payload FROM payload_arrow OFFSET 0) in_memory;
