-- cell_encode and cell_decode: codings, levels and every error
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/include/error_of.sql'
\i :error_of

CREATE VIEW payload AS
SELECT cell_pack(i, i * 7 % 1000, i / 3, i & 5, 'spt') AS payload FROM generate_series(1, 1000) i;
CREATE VIEW coding AS
SELECT * FROM (VALUES ('identity', NULL, NULL), ('gzip', 1, 9), ('zstd', 1, 19), ('br', 0, 11)) coding (coding, min_level, max_level);

-- Decoding returns the encoded payload, at every level; encoding is repeatable
SELECT coding, count(*) AS levels, bool_and(cell_decode(encoded, coding) = payload) AS same,
	bool_and(encoded = cell_encode(payload || '', coding, level)) AS repeatable,
	bool_and(octet_length(encoded) < octet_length(payload) / 2) AS smaller
FROM payload, coding, LATERAL (
	SELECT NULL::integer UNION ALL SELECT generate_series(min_level, max_level)) l (level),
	cell_encode(payload, coding, level) encoded
GROUP BY coding ORDER BY coding;
-- The default levels
SELECT coding, level FROM payload, coding, generate_series(min_level, max_level) level
WHERE cell_encode(payload, coding) = cell_encode(payload, coding, level) ORDER BY coding, level;
-- A gzip header has no timestamp; a zstd frame has the size of its content and a checksum
SELECT substring(cell_encode('cells', 'gzip') FOR 8) AS gzip, substring(cell_encode('cells', 'zstd') FOR 6) AS zstd;
-- Several streams in one value
SELECT convert_from(cell_decode(cell_encode('ce', 'gzip') || cell_encode('', 'gzip', 1) || cell_encode('lls', 'gzip', 9), 'gzip'), 'UTF8') AS gzip,
	convert_from(cell_decode('\x502a4d1802000000ffff' || cell_encode('ce', 'zstd') || '\x5f2a4d1800000000' || cell_encode('', 'zstd') || cell_encode('lls', 'zstd'), 'zstd'), 'UTF8') AS zstd;

-- NULL
SELECT cell_encode(NULL, 'gzip') IS NULL, cell_encode('', NULL) IS NULL, cell_encode(NULL, 'none', 77) IS NULL,
	cell_encode('', 'gzip', NULL) IS NOT NULL, cell_decode(NULL, 'gzip') IS NULL, cell_decode('', NULL) IS NULL;

\pset expanded on
\pset tuples_only on

-- 22023: codings and levels
SELECT * FROM error_of($$SELECT cell_encode('', 'deflate')$$);
SELECT * FROM error_of($$SELECT cell_encode('', '')$$);
SELECT * FROM error_of($$SELECT cell_decode('', 'GZIP')$$);
SELECT * FROM error_of($$SELECT cell_decode('', 'brotli')$$);
SELECT * FROM error_of($$SELECT cell_decode('', 'b')$$);
SELECT * FROM error_of($$SELECT cell_encode('', 'identity', 0)$$);
SELECT * FROM error_of($$SELECT cell_encode('', 'gzip', 0)$$);
SELECT * FROM error_of($$SELECT cell_encode('', 'gzip', 10)$$);
SELECT * FROM error_of($$SELECT cell_encode('', 'zstd', 0)$$);
SELECT * FROM error_of($$SELECT cell_encode('', 'zstd', 20)$$);
SELECT * FROM error_of($$SELECT cell_encode('', 'br', -1)$$);
SELECT * FROM error_of($$SELECT cell_encode('', 'br', 2147483647)$$);

-- 54000: too large
SET cell_binary.max_payload_size = 1024;
SELECT coding, octet_length(cell_decode(cell_encode(convert_to(repeat('c', 1024), 'UTF8'), coding), coding)) FROM coding;
SELECT coding, e.* FROM coding, error_of(format($$SELECT cell_decode(cell_encode(convert_to(repeat('c', 1025), 'UTF8'), %L), %1$L)$$, coding)) e;
-- several streams that exceed the limit together
SELECT * FROM error_of($$SELECT cell_decode(e || e, 'gzip') FROM cell_encode(convert_to(repeat('c', 1000), 'UTF8'), 'gzip') e$$);
SELECT * FROM error_of($$SELECT cell_decode(e || e, 'zstd') FROM cell_encode(convert_to(repeat('c', 1000), 'UTF8'), 'zstd') e$$);
RESET cell_binary.max_payload_size;
-- a window of 8 MB, and one of 16 MB
SELECT convert_from(cell_decode('\x28b52ffd006829000063656c6c73', 'zstd'), 'UTF8');
SELECT * FROM error_of($$SELECT cell_decode('\x28b52ffd007029000063656c6c73', 'zstd')$$);

-- 22P03: bytes that are not in that coding
SELECT coding, e.* FROM coding, error_of(format($$SELECT cell_decode('', %L)$$, coding)) e WHERE coding <> 'identity';
-- (the number of bytes depends on the version of the library)
SELECT coding, state, message, regexp_replace(detail, '\d+', 'N', 'g') AS detail, hint
FROM coding, error_of(format($$SELECT cell_decode(substring(e FOR octet_length(e) - 1), %L) FROM payload, cell_encode(payload, %1$L) e$$, coding)) e WHERE coding <> 'identity';
SELECT coding, e.* FROM coding, error_of(format($$SELECT cell_decode(e || '\x00', %L) FROM payload, cell_encode(payload, %1$L) e$$, coding)) e WHERE coding <> 'identity';
SELECT * FROM error_of($$SELECT cell_decode(e || e, 'br') FROM cell_encode('cells', 'br') e$$);
SELECT * FROM error_of($$SELECT cell_decode(cell_encode('cells', 'gzip') || cell_encode('cells', 'zstd'), 'gzip')$$);
-- the checksum, the length, the first bytes
SELECT * FROM error_of($$SELECT cell_decode(set_byte(e, octet_length(e) - 8, 255 - get_byte(e, octet_length(e) - 8)), 'gzip') FROM cell_encode('cells', 'gzip') e$$);
SELECT * FROM error_of($$SELECT cell_decode(set_byte(e, octet_length(e) - 1, 1), 'gzip') FROM cell_encode('cells', 'gzip') e$$);
SELECT * FROM error_of($$SELECT cell_decode(set_byte(e, octet_length(e) - 1, 255 - get_byte(e, octet_length(e) - 1)), 'zstd') FROM cell_encode('cells', 'zstd') e$$);
SELECT * FROM error_of($$SELECT cell_decode('cells', 'gzip')$$);
SELECT * FROM error_of($$SELECT cell_decode('cells', 'zstd')$$);
SELECT state, message, replace(detail, '_ERROR_FORMAT_', '') AS detail, hint FROM error_of($$SELECT cell_decode('\xffffffff', 'br')$$);    -- brotli 1.1 has the prefix
-- the format of zlib, and that of zstd 0.7
SELECT * FROM error_of($$SELECT cell_decode('\x789c03000000', 'gzip')$$);
SELECT * FROM error_of($$SELECT cell_decode('\x27b52ffd00', 'zstd')$$);

DROP VIEW payload, coding;
DROP FUNCTION error_of(text);
