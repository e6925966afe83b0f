-- cell_unpack of a stored payload into rows
--
-- OFFSET lets every row be made and but the last be dropped, so that rows are
-- neither sent nor counted.
SELECT * FROM cell_unpack((SELECT payload FROM payload_compact)) OFFSET (SELECT cells - 1 FROM payload_compact);
