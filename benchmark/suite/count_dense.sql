-- cell_count of one mask, payload of layout dense
--
-- As stored: with reading the payload out of its TOAST table. The mask is the
-- one that most counts look like: positive for a feature, negative for another.
SELECT cell_count(payload, 2, 4, 'dense') FROM payload_dense;
