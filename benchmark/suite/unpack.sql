-- cell_unpack of a stored payload into rows
--
-- OFFSET drops all rows except the last: every row is made, but none is counted
-- and only one is sent.
SELECT * FROM cell_unpack((SELECT payload FROM payload_compact)) OFFSET (SELECT cells - 1 FROM payload_compact);
