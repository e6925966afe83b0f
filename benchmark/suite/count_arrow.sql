-- cell_count with one condition, payload in layout arrow
--
-- The payload is read from its TOAST table. The condition is a typical one: the
-- cell is positive for one feature and negative for another.
SELECT cell_count(payload, 2, 4, 'arrow') FROM payload_arrow;
