-- A text for each catalog row of the extension, without what differs between installations: OIDs
-- become the names of their objects, and expressions the SQL that makes them
CREATE FUNCTION extension_rows() RETURNS SETOF text LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	catalog regclass;
	condition text;
	columns text;
BEGIN
	-- The extension, and everything that depends on it
	CREATE TEMP TABLE object AS WITH RECURSIVE o (class, id) AS (
		SELECT 'pg_extension'::regclass::oid, oid FROM pg_extension WHERE extname = 'cell_binary'
		UNION SELECT d.classid, d.objid FROM pg_depend d JOIN o ON d.refclassid = o.class AND d.refobjid = o.id)
	SELECT * FROM o;

	FOR catalog, condition IN
		SELECT DISTINCT class::regclass, format('oid IN (SELECT id FROM pg_temp.object WHERE class = %s)', class) FROM pg_temp.object
		UNION ALL SELECT name::regclass, format('%s IN (SELECT id FROM pg_temp.object WHERE class = %L::regclass)', key, class)
		FROM (VALUES ('pg_attribute', 'attrelid', 'pg_class'), ('pg_index', 'indexrelid', 'pg_class'), ('pg_sequence', 'seqrelid', 'pg_class'),
			('pg_aggregate', 'aggfnoid', 'pg_proc'), ('pg_enum', 'enumtypid', 'pg_type')) row_of (name, key, class)
		UNION ALL SELECT name::regclass, format('(%s) IN (SELECT class, id FROM pg_temp.object)', keys)
		FROM (VALUES ('pg_description', 'classoid, objoid'), ('pg_init_privs', 'classoid, objoid'), ('pg_depend', 'classid, objid')) row_of (name, keys)
	LOOP
		-- An OID of another catalog, or of the one that a column names
		SELECT string_agg(CASE
			WHEN f.pktable IS NOT NULL AND f.is_array THEN
				format('(SELECT string_agg((pg_identify_object(%s, part::oid, 0)).identity, '','' ORDER BY place) FROM unnest(%I::oid[]) WITH ORDINALITY p (part, place))',
					f.pktable::oid, attname)
			WHEN f.pktable IS NOT NULL AND attname NOT IN ('classoid', 'classid', 'refclassid') THEN
				format('(pg_identify_object(%s, %I::oid, 0)).identity', f.pktable::oid, attname)
			WHEN attname IN ('objoid', 'objid') THEN
				format('pg_describe_object(%s, %I, objsubid)', CASE attname WHEN 'objoid' THEN 'classoid' ELSE 'classid' END, attname)
			WHEN attname = 'refobjid' THEN 'pg_describe_object(refclassid, refobjid, refobjsubid)'
			ELSE quote_ident(attname) || '::text' END, ', ' ORDER BY attnum)
		INTO columns
		FROM pg_attribute a
		LEFT JOIN pg_get_catalog_foreign_keys() f ON f.fktable = attrelid AND f.fkcols = ARRAY[attname::text] AND f.pkcols = '{oid}'
		WHERE attrelid = catalog AND attnum > 0 AND atttypid <> 'pg_node_tree'::regtype
			AND attname NOT IN ('oid', 'relfilenode', 'relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid', 'extcondition');
		RETURN QUERY EXECUTE format($rows$
			SELECT regexp_replace(concat_ws(' | ', %L, %s), '(pg_toast_|pg_attver=)[0-9]+', '\1N', 'g') FROM %s t WHERE %s
			$rows$, catalog, columns, catalog, condition);
	END LOOP;

	RETURN QUERY SELECT concat_ws(' | ', regexp_replace(identity, '(pg_toast_)[0-9]+', '\1N', 'g'), CASE class
			WHEN 'pg_class'::regclass THEN (SELECT CASE relkind WHEN 'i' THEN regexp_replace(pg_get_indexdef(id), '(pg_toast_)[0-9]+', '\1N', 'g')
				WHEN 'v' THEN pg_get_viewdef(id) END FROM pg_class WHERE oid = id)
			WHEN 'pg_constraint'::regclass THEN pg_get_constraintdef(id)
			WHEN 'pg_trigger'::regclass THEN pg_get_triggerdef(id)
			WHEN 'pg_attrdef'::regclass THEN (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE oid = id)
			WHEN 'pg_proc'::regclass THEN CASE WHEN (SELECT prokind FROM pg_proc WHERE oid = id) <> 'a' THEN pg_get_functiondef(id) END END)
	FROM pg_temp.object, pg_identify_object(class, id, 0);
	DROP TABLE pg_temp.object;
END
$$;
