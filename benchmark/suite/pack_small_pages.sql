-- cell_pack(x, y, phenotypes), without cell_binary.huge_pages
--
-- As pack.sql, but with a page fault for every 4 kB of the payload.
BEGIN;
SET LOCAL cell_binary.huge_pages = off;
SELECT octet_length(cell_pack(x, y, phenotypes)) FROM cells;
COMMIT;
