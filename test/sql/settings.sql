-- cell_binary.max_payload_size: which roles can set it, and to which values
LOAD 'cell_binary';
SHOW cell_binary.max_payload_size;
SELECT context, vartype, unit, min_val, max_val, boot_val FROM pg_settings WHERE name = 'cell_binary.max_payload_size';
SET cell_binary.max_payload_size = '100MB';
SHOW cell_binary.max_payload_size;
\set VERBOSITY sqlstate
SET cell_binary.max_payload_size = 1023;
SET cell_binary.max_payload_size = '1025MB';
\set VERBOSITY default
RESET cell_binary.max_payload_size;
SET cell_binary.no_such_setting = 1;

CREATE ROLE regress_cell_reader;
SET ROLE regress_cell_reader;
SET cell_binary.max_payload_size = '2MB';
RESET ROLE;
GRANT SET ON PARAMETER cell_binary.max_payload_size TO regress_cell_reader;
SET ROLE regress_cell_reader;
SET cell_binary.max_payload_size = '2MB';
SHOW cell_binary.max_payload_size;
RESET cell_binary.max_payload_size;
RESET ROLE;
REVOKE SET ON PARAMETER cell_binary.max_payload_size FROM regress_cell_reader;
DROP ROLE regress_cell_reader;

-- cell_binary.huge_pages has no effect on the bytes
SELECT context, vartype, boot_val FROM pg_settings WHERE name = 'cell_binary.huge_pages';
SELECT md5(cell_pack(i, i, i)) AS compact, md5(cell_pack(i # 1, i, i, i, 'arrow')) AS arrow
FROM generate_series(1, 400000) i \gset
SET cell_binary.huge_pages = off;
SELECT md5(cell_pack(i, i, i)) = :'compact' AS compact, md5(cell_pack(i # 1, i, i, i, 'arrow')) = :'arrow' AS arrow
FROM generate_series(1, 400000) i;
RESET cell_binary.huge_pages;
