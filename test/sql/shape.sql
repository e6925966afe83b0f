-- cell_shape_centroid: the polygon in a shapefile
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/include/error_of.sql'
\i :error_of

-- A file with rings of vertices; the optional arguments make it invalid
CREATE FUNCTION reversed(bytes bytea) RETURNS bytea LANGUAGE sql IMMUTABLE
RETURN (SELECT string_agg(substring(bytes FROM i FOR 1), '' ORDER BY i DESC) FROM generate_series(1, octet_length(bytes)) i);
CREATE FUNCTION zeros(bytes integer) RETURNS bytea LANGUAGE sql IMMUTABLE
RETURN decode(repeat('00', bytes), 'hex');
CREATE FUNCTION points(VARIADIC coordinates double precision[]) RETURNS bytea LANGUAGE sql IMMUTABLE
RETURN (SELECT string_agg(reversed(float8send(c)), '' ORDER BY o) FROM unnest(coordinates) WITH ORDINALITY u (c, o));
CREATE FUNCTION shp(rings integer[], points bytea,
	file_type integer DEFAULT 5, record_type integer DEFAULT 5, ring_count integer DEFAULT NULL, vertex_count integer DEFAULT NULL,
	more_words integer DEFAULT 0)
RETURNS bytea LANGUAGE sql IMMUTABLE
RETURN (
	WITH record (contents) AS (
		SELECT reversed(int4send(record_type)) || zeros(32) ||
			reversed(int4send(coalesce(ring_count, cardinality(rings)))) || reversed(int4send(coalesce(vertex_count, octet_length(points) / 16))) ||
			coalesce((SELECT string_agg(reversed(int4send(r)), '' ORDER BY o) FROM unnest(rings) WITH ORDINALITY u (r, o)), '') || points
	)
	SELECT int4send(9994) || zeros(20) || int4send((108 + octet_length(contents)) / 2 + more_words) ||
		reversed(int4send(1000)) || reversed(int4send(file_type)) || zeros(64) || int4send(1) || int4send(octet_length(contents) / 2) || contents
	FROM record
);

-- a box, like most cells of SMProfiler; in lines of 76 characters; rings; fractions
SELECT cell_shape_centroid(replace(encode(shp('{0}', points(5274, -6, 5274, 18, 5306, 18, 5306, -6, 5274, -6)), 'base64'), E'\n', ''));
SELECT cell_shape_centroid(encode(shp('{0}', points(5274, -6, 5274, 18, 5306, 18, 5306, -6, 5274, -6)), 'base64'));
SELECT cell_shape_centroid(encode(shp('{0,4}', points(0, 0, 9, 0, 9, 9, 0, 0, 3, 1, 3, 2, 4, 1, 3, 1)), 'base64'));
SELECT cell_shape_centroid(encode(shp('{0}', points(0.1, -0.1, 0.2, -0.2, 0.3, -0.3, 0.1, -0.1)), 'base64'));
SELECT cell_shape_centroid(encode(shp('{0}', points(7, 7, 7, 7)), 'base64'));
SELECT cell_shape_centroid(NULL) IS NULL AS "null";
-- NULL instead of an error
SELECT cell_shape_centroid('AAAn*gAA', null_if_invalid => true), cell_shape_centroid(encode(shp('{0}', points(1, 2, 3, 4, 1, 3)), 'base64'), null_if_invalid => true);
-- many in one query; one of a megabyte, compressed and out of line
CREATE TEMP TABLE outline (contents text);
INSERT INTO outline SELECT encode(shp('{0}', points(i, 0, i + 2, 0, i + 1, 3, i, 0)), 'base64') FROM generate_series(1, 100) i;
INSERT INTO outline SELECT encode(shp('{0}', decode(repeat(encode(points(30, 40), 'hex'), 50000), 'hex')), 'base64');
SELECT count(*), sum(centroid[0]) AS x, sum(centroid[1]) AS y FROM outline, cell_shape_centroid(contents) centroid;

\pset expanded on
\pset tuples_only on
SELECT * FROM error_of($$SELECT cell_shape_centroid('')$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid('AAAnC')$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid('AAAn*gAA')$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid('AAAn')$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(repeat('A', 300))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0}', points(1, 2, 3, 4, 1, 2), file_type => 15), 'base64'))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0}', points(1, 2, 3, 4, 1, 2), record_type => 0), 'base64'))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{}', points(1, 2, 3, 4, 1, 2)), 'base64'))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0}', points(1, 2, 3, 4, 1, 2), vertex_count => 4), 'base64'))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0}', points(1, 2, 3, 4, 1, 2), ring_count => 2147483647, vertex_count => 2147483647), 'base64'))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0}', points(1, 2, 3, 4, 1, 2), more_words => 1), 'base64'))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0}', points(1, 2, 3, 4, 1, 2), more_words => -1), 'base64'))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0}', points(1, 2, 3, 4, 1, 2), more_words => 10) || zeros(20), 'base64'))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0,3}', points(1, 2, 3, 4, 1, 2)), 'base64'))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0}', points(1, 2, 3, 4, 1, 3)), 'base64'))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0}', points(1, 2, 3, 'NaN', 1, 2)), 'base64'))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0}', points(1e308, 2, 1e308, 4, 1e308, 2)), 'base64'))$$);
-- a header that claims 4 GB with nothing after it; megabytes after the end of a file
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0}', points(1, 2, 3, 4, 1, 2), more_words => 2000000000), 'base64'))$$);
SELECT * FROM error_of($$SELECT cell_shape_centroid(encode(shp('{0}', points(1, 2, 3, 4, 1, 2)) || zeros(10000000), 'base64'))$$);

SET client_min_messages = warning;
DROP FUNCTION error_of, shp, points, zeros, reversed(bytea);
