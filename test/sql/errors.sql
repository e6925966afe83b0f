-- Every error that the functions raise for a user, with SQLSTATE, message, detail
-- and hint
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/include/error_of.sql'
\i :error_of
\pset expanded on
\pset tuples_only on

-- 22004: NULL
SELECT * FROM error_of($$SELECT cell_pack(NULL, 1, 1)$$);
SELECT * FROM error_of($$SELECT cell_pack(i, nullif(i, 3), 1) FROM generate_series(1, 3) i$$);
SELECT * FROM error_of($$SELECT cell_pack(1.0, 1.0, NULL)$$);
SELECT * FROM error_of($$SELECT cell_pack(NULL, 1, 1, 1)$$);
SELECT * FROM error_of($$SELECT cell_pack(77, NULL, 1, 1)$$);
SELECT * FROM error_of($$SELECT cell_pack(77, 1.5, NULL, 1)$$);
SELECT * FROM error_of($$SELECT cell_pack(77, 1, 1, NULL, 'spt')$$);
SELECT * FROM error_of($$SELECT cell_pack(77, 1, 1, 1, NULL)$$);
SELECT * FROM error_of($$SELECT cell_phenotypes(true, NULL)$$);
SELECT * FROM error_of($$SELECT cell_phenotypes(NULL, true)$$);
SELECT * FROM error_of($$SELECT cell_phenotypes(true, true, true, true, true, true, true, true, true, NULL, NULL)$$);
SELECT * FROM error_of($$SELECT cell_phenotypes_agg(NULL, true)$$);
SELECT * FROM error_of($$SELECT cell_phenotypes_agg(3, NULL)$$);

-- 22003: coordinates and ids
SELECT * FROM error_of($$SELECT cell_pack('NaN'::float8, 1, 1)$$);
SELECT * FROM error_of($$SELECT cell_pack(7, 1.0, 'Infinity'::float8, 1)$$);
SELECT * FROM error_of($$SELECT cell_pack(7, '-Infinity'::float8, 1.0, 1, 'spt')$$);
SELECT * FROM error_of($$SELECT cell_pack(1.0, 2147483648.0::float8, 1)$$);
SELECT * FROM error_of($$SELECT cell_pack(-2147483649.0::float8, 1.0, 1)$$);
SELECT cell_pack(2147483647.999::float8, -2147483648.999::float8, 0) AS "at the limit";
SELECT * FROM error_of($$SELECT cell_pack(7, 1e300::float8, 1, 1)$$);
SELECT * FROM error_of($$SELECT cell_pack(-1, 1, 1, 1)$$);
SELECT * FROM error_of($$SELECT cell_pack(4294967296, 1, 1, 1, 'spt')$$);
SELECT * FROM error_of($$SELECT cell_pack(i, CASE i WHEN 1 THEN -2147483648 ELSE 2147483647 END, 5, 0, 'spt') FROM generate_series(1, 2) i$$);
SELECT * FROM error_of($$SELECT cell_pack(i, 5.0, CASE i WHEN 1 THEN -2147483648 ELSE 2147483647.5::float8 END, 0, 'spt') FROM generate_series(1, 2) i$$);

-- 21000: two rows with the same id, adjacent or not
SELECT * FROM error_of($$SELECT cell_pack(5, i, i, 0) FROM generate_series(1, 2) i$$);
SELECT * FROM error_of($$SELECT cell_pack(i % 10, i, i, 0, 'spt') FROM generate_series(0, 10) i$$);
SELECT * FROM error_of($$SELECT cell_pack(i % 10, i::float8, i, 0, 'spt') FROM generate_series(0, 10) i$$);

-- 22023, 54023, 2202E: features
SELECT * FROM error_of($$SELECT cell_phenotypes_agg(-1, true)$$);
SELECT * FROM error_of($$SELECT cell_phenotypes_agg(64, false)$$);
SELECT * FROM error_of($$SELECT cell_phenotypes(VARIADIC array_fill(true, ARRAY[65]))$$);
SELECT * FROM error_of($$SELECT cell_phenotypes(VARIADIC '{{t,f},{t,f}}'::boolean[])$$);
SELECT * FROM error_of((SELECT format('SELECT cell_phenotypes(%s)', string_agg('true', ',')) FROM generate_series(0, 64)));

-- 42804: an argument that is not boolean
SELECT * FROM error_of($$SELECT cell_phenotypes(true, 1)$$);
SELECT * FROM error_of($$SELECT cell_phenotypes('true')$$);
SELECT * FROM error_of($$SELECT cell_phenotypes(VARIADIC '{1,0}'::integer[])$$);

-- ids 0 to n - 1 of which one is missing and another comes twice: several pairs of ids,
-- many values of n, the first and the last ids, and states in memory of earlier groups
SELECT * FROM error_of($$SELECT cell_pack(id, x, 0, 7) FROM (VALUES (1, 11), (3, 33), (1, 12), (2, 22)) v (id, x)$$);
SELECT DISTINCT state, message = 'more than one row has cell_id ' || twice AS named
FROM (VALUES (4), (8), (64), (1024), (4096)) n (n), LATERAL (VALUES (0, 1), (1, 0), (n - 1, 0), (0, n - 1), (n - 2, n - 1), (n / 2, 1)) v (missing, twice),
	unnest('{compact,spt,dense}'::text[]) layout,
	error_of(format('SELECT g, cell_pack(CASE i # 1 WHEN %s * g THEN %s ELSE i # 1 END, 1, 1, 1, %L) FROM generate_series(0, 1) g, generate_series(0, %s) i
		WHERE g = 1 OR %s > 0 GROUP BY g', missing, twice, layout, n - 1, missing));
SELECT * FROM error_of($$SELECT cell_pack(CASE i WHEN 301 THEN 300 ELSE i END, 1, 1, 1, 'spt') FROM generate_series(65535, 0, -1) i$$);

-- 22023: layouts
SELECT * FROM error_of($$SELECT cell_pack(1, 1, 1, 1, 'parquet')$$);
SELECT * FROM error_of($$SELECT cell_pack(1, 1, 1, 1, '')$$);
SELECT * FROM error_of($$SELECT cell_unpack('\x00000000', 'SPT')$$);
SELECT * FROM error_of($$SELECT cell_info('\x00000000', 'sp')$$);
SELECT * FROM error_of($$SELECT cell_count('\x00000000', layout => 'compactor')$$);
SELECT * FROM error_of($$SELECT cell_empty('dense ')$$);
SELECT * FROM error_of($$SELECT cell_pack(i, 1, 1, 1, CASE i WHEN 3 THEN 'spy' ELSE 'spt' END) FROM generate_series(1, 3) i$$);
SELECT * FROM error_of($$SELECT cell_pack(i, 1, 1, 1, CASE i WHEN 3 THEN 'spt' ELSE 'compact' END) FROM generate_series(1, 3) i$$);
SELECT * FROM error_of($$SELECT cell_pack(i, 1, 1, 1, CASE i WHEN 3 THEN 'compacter' ELSE 'compact' END) FROM generate_series(1, 3) i$$);
SELECT * FROM error_of($$SELECT cell_pack(i, 1, 1, 1, CASE i WHEN 3 THEN 'comp' ELSE 'compact' END) FROM generate_series(1, 3) i$$);
SELECT * FROM error_of($$SELECT cell_pack(i, 1, 1, 1, CASE i WHEN 3 THEN '' ELSE 'compact' END) FROM generate_series(1, 3) i$$);

-- 54000: too large
SET cell_binary.max_payload_size = 1024;
SELECT octet_length(cell_pack(i, i, i)) FROM generate_series(1, 63) i;
SELECT * FROM error_of($$SELECT cell_pack(i, i, i) FROM generate_series(1, 64) i$$);
SELECT * FROM error_of($$SELECT cell_pack(i, i, i, 0) FROM generate_series(1, 64) i$$);
SELECT octet_length(cell_pack(i, i, i, 0, 'spt')) FROM generate_series(1, 50) i;
SELECT * FROM error_of($$SELECT cell_pack(i, i, i, 0, 'spt') FROM generate_series(1, 51) i$$);
SELECT * FROM error_of($$SELECT cell_pack(i, i::float8, i, 0, 'spt') FROM generate_series(1, 51) i$$);
SELECT octet_length(cell_pack(i, i, i, 0, 'arrow')) FROM generate_series(1, 16) i;
SELECT * FROM error_of($$SELECT cell_pack(i, i, i, 0, 'arrow') FROM generate_series(1, 17) i$$);
-- the size of layout dense is known only at the end, unless there are very many cells
SELECT octet_length(cell_pack(i, i, i, 0, 'dense')) FROM generate_series(1, 400) i;
SELECT * FROM error_of($$SELECT cell_pack(i, i * 7919 % 65536, i, i, 'dense') FROM generate_series(1, 400) i$$);
SELECT * FROM error_of($$SELECT cell_pack(i, 0, 0, 0, 'dense') FROM generate_series(1, 7873) i$$);
SELECT octet_length(cell_pack(i, 0, 0, 0, 'dense')) FROM generate_series(1, 7872) i;
RESET cell_binary.max_payload_size;

-- 22P03: bytes that are no payload of that layout
SELECT * FROM error_of($$SELECT cell_info('')$$);
SELECT * FROM error_of($$SELECT cell_info('\x010000')$$);
SELECT * FROM error_of($$SELECT cell_info('\x01000000')$$);
SELECT * FROM error_of($$SELECT cell_info('\xffffffff')$$);
SELECT * FROM error_of($$SELECT cell_count('\x00000000ff')$$);
SELECT * FROM error_of($$SELECT * FROM cell_unpack('\x0000000000000000', 'spt')$$);
SELECT * FROM error_of($$SELECT cell_info('\xffffffff00000000000000000000000000000000', 'spt')$$);
-- ids that don't ascend, equal or descending
SELECT * FROM error_of($$SELECT cell_info('\x000000020000000100000001000000010000000100000009000000010000000100000000000000000000000900000001000000010000000000000000', 'spt')$$);
SELECT * FROM error_of($$SELECT * FROM cell_unpack('\x000000020000000100000001000000010000000100000009000000010000000100000000000000000000000800000001000000010000000000000000', 'spt')$$);
-- an extent that differs from that of the cells
SELECT * FROM error_of($$SELECT cell_info('\x00000001000000010000000200000001000000010000000900000001000000010000000000000000', 'spt')$$);
SELECT * FROM error_of($$SELECT cell_unpack('\x00000001000000010000000100000002000000010000000900000001000000010000000000000000', 'spt')$$);
-- cell_count does not check the extent
SELECT cell_count('\x00000001000000010000000100000002000000010000000900000001000000010000000000000000', layout => 'spt');
SELECT * FROM error_of($$SELECT cell_info('\x0000000000000000000000000000000000000001', 'spt')$$);
-- dense: each kind of detail
CREATE FUNCTION with_bytes(layout text, at integer, bytes bytea) RETURNS bytea LANGUAGE sql IMMUTABLE
RETURN overlay((SELECT cell_pack(i * 2, i % 3 + 5, i * 1000 + i % 2, i % 4 * 2 + 1, layout) FROM generate_series(1, 12) i) PLACING bytes FROM at + 1);
SELECT with_bytes('dense', 0, '\x43');
SELECT * FROM error_of($$SELECT cell_info('\x43424401', 'dense')$$);
SELECT * FROM error_of($$SELECT cell_info(with_bytes('dense', 3, '\x02'), 'dense')$$);
SELECT * FROM error_of($$SELECT cell_count(with_bytes('dense', 4, '\xffffff7f'), layout => 'dense')$$);
SELECT * FROM error_of($$SELECT cell_count(with_bytes('dense', 4, '\x11'), layout => 'dense')$$);
SELECT * FROM error_of($$SELECT cell_count(with_bytes('dense', 20, '\x21'), layout => 'dense')$$);
SELECT * FROM error_of($$SELECT cell_count(with_bytes('dense', 40, '\x01'), layout => 'dense')$$);
SELECT * FROM error_of($$SELECT cell_unpack(with_bytes('dense', 42, '\xff'), 'dense')$$);
SELECT * FROM error_of($$SELECT cell_unpack(with_bytes('dense', 43, '\xff'), 'dense')$$);
SELECT * FROM error_of($$SELECT cell_info(with_bytes('dense', 42, '\x0000'), 'dense')$$);
SELECT * FROM error_of($$SELECT cell_info(with_bytes('dense', 8, '\xffffffff'), 'dense')$$);
SELECT * FROM error_of($$SELECT cell_info(with_bytes('dense', 12, '\xffffff7f'), 'dense')$$);
-- arrow: everything outside the columns
SELECT * FROM error_of($$SELECT cell_info(with_bytes('arrow', 233, '\x43'), 'arrow')$$);
SELECT * FROM error_of($$SELECT cell_count(with_bytes('arrow', 344, '\x0d'), layout => 'arrow')$$);
SELECT * FROM error_of($$SELECT cell_count(with_bytes('arrow', 348, '\x01'), layout => 'arrow')$$);
SELECT * FROM error_of($$SELECT cell_unpack(with_bytes('arrow', 639, '\x01'), 'arrow')$$);
SELECT * FROM error_of($$SELECT cell_info(with_bytes('arrow', 576, '\x0a'), 'arrow')$$);
DROP FUNCTION with_bytes(text, integer, bytea);
-- the bytes of another layout
SELECT * FROM error_of($$SELECT cell_unpack(cell_pack(1, 1, 1, 1), 'spt')$$);
SELECT * FROM error_of($$SELECT cell_unpack(cell_pack(1, 1, 1, 1, 'spt'))$$);

DROP FUNCTION error_of(text);
