-- cell_pack(x, y, phenotypes)
--
-- The server builds the whole payload and sends only its length.
-- sizes: every
SELECT octet_length(cell_pack(x, y, phenotypes)) FROM cells;
