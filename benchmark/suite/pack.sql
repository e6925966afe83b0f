-- cell_pack(x, y, phenotypes)
--
-- The payload is made whole; only its length is sent.
-- sizes: every
SELECT octet_length(cell_pack(x, y, phenotypes)) FROM cells;
