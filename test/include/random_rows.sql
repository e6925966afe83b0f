-- Random rows for the extension's own tables, and calls of all functions that read these tables.
-- A random row is a row that the extension wrote, with other values in some columns. The schema
-- "genuine" holds the rows that the extension wrote. The seed determines rows and calls. This file
-- needs mutate.sql, the table tissue.cell, and the table relation with OIDs of possible sources.

-- One of several texts
CREATE FUNCTION choose(seed bigint, VARIADIC choices text[]) RETURNS text LANGUAGE sql IMMUTABLE
RETURN choices[1 + draw(seed, cardinality(choices), cardinality(choices))];

-- A name: in three of four cases the name of a column of the source, which may be a system column
CREATE FUNCTION random_name(seed bigint) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN draw(seed, 1, 4) > 0 THEN
			(SELECT attname FROM pg_attribute WHERE attrelid = 'tissue.cell'::regclass ORDER BY hashint8extended(attnum, seed) LIMIT 1)
		ELSE choose(seed, '', 'missing', 'S1', 'compact', 'gzip', repeat('n', 63), repeat('é', 31), 'a "b" ''c''; \', '........pg.dropped.1........') END
$$;

-- An array of names, which may be empty, contain NULL or repeated names, or be large
CREATE FUNCTION random_array(type regtype, seed bigint) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT format('(%s)::%s', CASE draw(seed, 1, 10)
		WHEN 0 THEN '''{}'''
		WHEN 1 THEN format('ARRAY[NULL, %L] || %s', name, names)
		WHEN 2 THEN format('%s || NULL::text', names)
		WHEN 3 THEN format('ARRAY[%1$s, %1$s]', names)
		WHEN 4 THEN format('array_fill(%L::text, ARRAY[2], ARRAY[%s])', name, choose(seed, '0', '-7', '2147483645'))
		WHEN 5 THEN format('array_fill(%L::text, ARRAY[%s])', name, choose(seed, '2', '64', '65', '1000'))
		WHEN 6 THEN format('ARRAY(SELECT %L || i FROM generate_series(1, %s) i)', name, choose(seed, '2', '64', '65', '1000'))
		ELSE names END, type)
	FROM random_name(seed) name, LATERAL (
		SELECT format('ARRAY[%s]', string_agg(quote_literal(random_name(seed + n)), ', ')) FROM generate_series(0, draw(seed, 2, 4)) n
	) list (names)
$$;

-- An expression for a column's value, which may be NULL, an extreme value of the type, or invalid
CREATE FUNCTION random_value(name text, type regtype, seed bigint) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE
		WHEN draw(seed, 3, 12) = 0 THEN format('NULL::%s', type)
		WHEN type IN ('name[]'::regtype, 'text[]'::regtype) THEN random_array(type, seed)
		WHEN type = 'bytea'::regtype AND draw(seed, 4, 2) = 0 THEN format('mutate(%I, %s, 12, 256)', name, seed)
		ELSE format('(%s)::%s', CASE type::text
			WHEN 'boolean' THEN choose(seed, 'true', 'false')
			WHEN 'integer' THEN choose(seed, '0', '1', '2', '-1', '2147483647', '-2147483648')
			WHEN 'bigint' THEN choose(seed, '0', '1', '2', '-1', '9223372036854775807', '-9223372036854775808')
			WHEN 'text' THEN choose(seed, quote_literal(random_name(seed)), '''''', 'repeat(''x'', 10000)', 'E''\n''')
			WHEN 'name' THEN quote_literal(random_name(seed))
			WHEN 'regclass' THEN choose(seed, VARIADIC ARRAY(SELECT oid || '::oid' FROM relation ORDER BY oid))
			WHEN 'regrole' THEN choose(seed, '0::oid', '1::oid', '4294967295::oid', '''lab''', '''owner''', '''reader''', '''pg_monitor''')
			WHEN 'xid8' THEN quote_literal(choose(seed, '0', '1', '2', '3', '99999999', '4294967296', '9223372036854775807', '9223372036854775808', '18446744073709551615'))
			WHEN 'pg_snapshot' THEN quote_literal(choose(seed, '1:1:', '3:3:', '10:20:11,12', '99999999:99999999:', '3:9223372036854775807:', '9223372036854775807:9223372036854775807:'))
			WHEN 'timestamp with time zone' THEN quote_literal(choose(seed, '-infinity', 'infinity', '2000-01-01', '4713-01-01 BC', '294276-12-31'))
			WHEN 'bytea' THEN choose(seed, '''\x''', '''\x00''', '''\xffffffff''', 'decode(repeat(''00'', 100000), ''hex'')')
			ELSE 'NULL' END, type)
	END
$$;

-- Insert a random row into a table: in place of a genuine row, or with new values in the unique
-- columns. Returns "inserted", or the SQLSTATE if a constraint refuses the row.
CREATE FUNCTION insert_random(own_table regclass, seed bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	name text := (SELECT relname FROM pg_class WHERE oid = own_table);
	unique_columns int2[] := ARRAY(SELECT unnest(indkey) FROM pg_index WHERE indrelid = own_table AND indisunique);
	in_place boolean := draw(seed, 5, CASE WHEN unique_columns = '{}' THEN 2 ELSE 10 END) = 0;
	row_number bigint;
	list text;
BEGIN
	EXECUTE format('SELECT %s %% count(*) FROM genuine.%I', draw(seed, 6, 1000000), name) INTO row_number;
	SELECT string_agg(CASE
			WHEN draw(seed, 100 + attnum, greatest(2, relnatts / 2)) = 0 THEN random_value(attname, atttypid, seed + 1000000000::bigint * attnum)
			WHEN in_place OR attnum <> ALL (unique_columns) THEN quote_ident(attname)
			WHEN atttypid = 'text'::regtype THEN format('%L', 'random ' || seed)
			ELSE (1000 + seed)::text END, ', ' ORDER BY attnum) INTO list
	FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
	WHERE attrelid = own_table AND attnum > 0 AND NOT attisdropped;
	IF in_place THEN
		EXECUTE format('DELETE FROM %s own USING genuine.%I genuine WHERE own::text = genuine::text AND genuine.ctid = (SELECT ctid FROM genuine.%2$I ORDER BY ctid OFFSET %s LIMIT 1)',
			own_table, name, row_number);
	END IF;
	EXECUTE format('INSERT INTO %s SELECT %s FROM (SELECT * FROM genuine.%I ORDER BY ctid OFFSET %s LIMIT 1) base', own_table, list, name, row_number);
	RETURN 'inserted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;

-- Replace the rows of all tables by the genuine rows.
CREATE PROCEDURE reset_tables() LANGUAGE plpgsql AS $$
DECLARE
	name text;
BEGIN
	FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'genuine'::regnamespace AND relkind = 'r' LOOP
		EXECUTE format('DELETE FROM imaging.%1$I; INSERT INTO imaging.%1$I SELECT * FROM genuine.%1$I', name);
	END LOOP;
END
$$;

-- A call of a function with the given arguments by name, and random values for all others
CREATE FUNCTION random_call(function pg_proc, given jsonb, seed bigint) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT format('%s imaging.%I(%s)', CASE function.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT * FROM' END, function.proname,
		string_agg(coalesce(quote_literal(given ->> name), CASE format('%s %s', name, type)
			WHEN 'sample text' THEN quote_literal(choose(seed, 'S1', 'S2', '1', 'sample', 'missing', ''))
			WHEN 'layout text' THEN quote_literal(choose(seed + 1, 'compact', 'spt', 'dense', 'arrow'))
			WHEN 'coding text' THEN quote_literal(choose(seed + 2, 'identity', 'gzip', 'zstd', 'br'))
			ELSE random_value(NULL, type, seed + n) END), ', ' ORDER BY n))
	FROM unnest(function.proargnames, function.proargtypes::oid[]::regtype[]) WITH ORDINALITY argument (name, type, n)
	WHERE n <= function.pronargs
$$;

-- The functions whose first argument is a study
CREATE VIEW study_function AS
SELECT p AS function, proname FROM pg_proc p WHERE pronamespace = 'imaging'::regnamespace AND proargnames[1] = 'study';

-- Calls of all these functions for each study, mixed with changes of cells, of the role and of the
-- store's size. The calls that drop studies come last.
CREATE FUNCTION random_calls(seed bigint) RETURNS SETOF text LANGUAGE sql STABLE AS $$
	SELECT statement FROM (
		SELECT proname = 'cell_drop_study', draw, random_call(function, jsonb_build_object('study', study), draw)
		FROM imaging.cell_study, study_function, hashtextextended(study || proname, seed) draw
		UNION ALL
		SELECT false, hashtextextended(change || n, seed), change
		FROM generate_series(1, 4) n, unnest(ARRAY[
			'UPDATE tissue.cell SET x = x + 1 WHERE sample = ''S1''',
			'UPDATE tissue.part SET sample = CASE sample WHEN ''1'' THEN ''2'' ELSE ''1'' END WHERE cell_id = 1',
			'DELETE FROM tissue.cell WHERE cell_id = 2',
			'INSERT INTO tissue.cell (sample, cell_id, x, y, cd3, cd8, phenotypes, intensities) VALUES (''S2'', 2, 3, 4, true, 0, 1, ''{0.5,0.5}'')',
			'SELECT * FROM imaging.cell_studies', 'SELECT * FROM imaging.cell_store_stats',
			'SET cell_binary.store_size = ''1MB''', 'RESET cell_binary.store_size', 'SET ROLE reader', 'SET ROLE lab', 'RESET ROLE', 'RESET ROLE']) change
	) s (is_last, draw, statement)
	ORDER BY is_last, draw
$$;
