-- Intensities in one byte
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/include/error_of.sql'
\i :error_of

-- every code, by the formula
SELECT count(*) AS codes, bool_and(cell_float8_decode(code::smallint) = (1::float8 / 251) * ((code % 32 / 32.0::float8 + 1) * 2::float8 ^ (code / 32) - 1)) AS number,
	bool_and(cell_float8_encode(cell_float8_decode(code::smallint)) = code) AS "and back"
FROM generate_series(0, 255) code;
-- below 0 and above 1
SELECT value, cell_float8_encode(value)
FROM unnest('{-Infinity,-1e308,-0.01,-0,0,1e-308,0.0001,0.5,0.999,1,1.0000001,1e308,Infinity}'::float8[]) value;
SELECT cell_float8_encode(NULL) IS NULL AND cell_float8_decode(NULL) IS NULL AS "null";

\pset expanded on
\pset tuples_only on
SELECT * FROM error_of($$SELECT cell_float8_encode('NaN')$$);
SELECT * FROM error_of($$SELECT cell_float8_decode(-1::smallint)$$);
SELECT * FROM error_of($$SELECT cell_float8_decode(256::smallint)$$);

SET client_min_messages = warning;
DROP FUNCTION error_of;
