-- cell_pack(x, y, phenotypes), computed by a scan of the table
--
-- The setting of this transaction takes precedence over that of the session.
BEGIN;
SET LOCAL cell_binary.scan = on;
SELECT octet_length(cell_pack(x, y, phenotypes)) FROM cells;
COMMIT;
