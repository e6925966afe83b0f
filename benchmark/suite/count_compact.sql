-- cell_count with one condition, payload in layout compact
--
-- The payload is read from its TOAST table. The condition is a typical one: the
-- cell is positive for one feature and negative for another.
SELECT cell_count(payload, 2, 4, 'compact') FROM payload_compact;
