-- Print the demo's report about the tables cells and features, and leave the
-- payload in the table slide.

-- Run a query that returns one value three times. Return the size of the value
-- and the median time. If the query fails because the value is too large
-- (json_agg cannot exceed 1 GB), report the reason.
CREATE FUNCTION pg_temp.timed(query text, OUT milliseconds numeric, OUT bytes bigint)
LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz;
	times numeric[];
BEGIN
	FOR run IN 1 .. 3 LOOP
		start := clock_timestamp();
		EXECUTE format('SELECT octet_length(value) FROM (%s) result (value)', query) INTO bytes;
		times := times || round(1000 * extract(epoch FROM clock_timestamp() - start)::numeric, 1);
	END LOOP;
	milliseconds := (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY t) FROM unnest(times) t);
EXCEPTION
	WHEN program_limit_exceeded OR out_of_memory THEN
		RAISE NOTICE 'no result from %: %', query, SQLERRM;
END
$$;

SELECT count(*) AS cells FROM cells \gset
VACUUM ANALYZE cells;
CREATE TABLE slide AS
SELECT coalesce(cell_pack(cell_id, x, y, phenotypes), cell_empty()) AS payload FROM cells;

\pset footer off
\echo
\echo '== cell_pack, and json_agg for the same rows'
SELECT way AS expression, :cells AS cells, bytes,
	round(bytes::numeric / nullif(:cells, 0), 1) AS "bytes per cell", milliseconds AS "time in ms"
FROM (
	SELECT 1 AS row, 'cell_pack' AS way, t.*
	FROM pg_temp.timed('SELECT cell_pack(cell_id, x, y, phenotypes) FROM cells') t
	UNION ALL
	SELECT 2, 'cell_pack, layout spt', t.*
	FROM pg_temp.timed('SELECT cell_pack(cell_id, x, y, phenotypes, ''spt'') FROM cells') t
	UNION ALL
	SELECT 3, 'json_agg', t.*
	FROM pg_temp.timed('SELECT json_agg(cells)::text FROM cells') t
) ways ORDER BY row;

\echo '== cell_info(payload)'
SELECT info.* FROM slide, cell_info(payload) info;

\echo '== The first five cells: cell_unpack(payload)'
SELECT cell.x, cell.y, cell.phenotypes, (
	SELECT string_agg(feature, ' ' ORDER BY bit) FROM features
	WHERE cell.phenotypes >> bit & 1 = 1) AS "positive for"
FROM slide, cell_unpack(payload) cell LIMIT 5;

\echo '== Positive cells of each feature: cell_count(payload, all_of => 1::bigint << bit)'
SELECT bit, feature, cells, round(100 * cells / nullif(:cells, 0)::numeric, 1) AS percent
FROM features, slide, cell_count(payload, all_of => 1::bigint << bit) AS cells
ORDER BY bit;
