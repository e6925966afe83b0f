-- How a payload was served, as the counters of its study show, and whether it equals the result of
-- cell_pack for the same rows. The source must have the columns sample, cell_id, x, y and
-- phenotypes.
CREATE FUNCTION store_stats(study text) RETURNS cell_store_stats
LANGUAGE sql SECURITY DEFINER AS 'SELECT s FROM cell_store_stats s WHERE s.study = $1';

CREATE FUNCTION served(study text, source regclass, sample text, layout text DEFAULT 'compact', coding text DEFAULT 'identity',
	OUT how text, OUT same boolean)
LANGUAGE plpgsql AS $$
DECLARE
	before cell_store_stats := store_stats(study);
	payload bytea := cell_data(study, sample, layout, coding);
	after cell_store_stats := store_stats(study);
BEGIN
	EXECUTE format('SELECT cell_decode($1, $4) = cell_pack(cell_id, x, y, phenotypes, $3) FROM %s WHERE sample = $2', source)
		INTO same USING payload, sample, layout, coding;
	how := concat_ws(' ',
		CASE WHEN after.hits > before.hits THEN 'ready' END,
		CASE WHEN after.misses > before.misses THEN 'made' END,
		CASE WHEN after.direct > before.direct THEN 'direct' END,
		'packed ' || nullif(after.packings - before.packings, 0));
END
$$;
