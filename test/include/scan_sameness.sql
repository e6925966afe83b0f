-- Functions that compare the results of queries with and without the scan, for 027_scan.pl

CREATE DOMAIN sample_text AS text;
CREATE DOMAIN sample_number AS integer;
CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE ROLE scan_reader;
CREATE SCHEMA scan_tables;
GRANT USAGE ON SCHEMA scan_tables TO scan_reader;

-- A number from 0 to n - 1 that looks random
CREATE FUNCTION draw(i bigint, salt integer, n integer) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((hashint8extended(i, salt) % n + n) % n)::integer;

-- The cells of a payload without ids, in an order that does not depend on that of the rows
CREATE FUNCTION cells_of(payload bytea) RETURNS text LANGUAGE sql IMMUTABLE
RETURN (SELECT coalesce(string_agg(c::text, ' ' ORDER BY x, y, phenotypes), 'none') FROM cell_unpack(payload) c);

-- Register a study. Returns its name, or why that failed.
CREATE FUNCTION registered(study text, source text, features text[], columns name[], phenotypes name, intensities name) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cell_register_study(study, source::regclass, phenotypes => phenotypes, feature_columns => columns, features => features, intensities => intensities, store => false);
	RETURN study;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;

-- The number and the sum of the rows of a query, or its error. With scroll, a cursor fetches the
-- rows forward, backward and forward again.
CREATE FUNCTION outcome(query text, scroll boolean, OUT result text) LANGUAGE plpgsql AS $$
DECLARE
	got record;
	rows text[] := '{}';
	cells refcursor;
	detail text;
	hint text;
BEGIN
	IF NOT scroll THEN
		FOR got IN EXECUTE query LOOP
			rows := rows || got::text;
		END LOOP;
	ELSE
		OPEN cells SCROLL FOR EXECUTE query;
		FOR i IN 1 .. 3 LOOP
			LOOP
				IF i <> 2 THEN
					FETCH NEXT FROM cells INTO got;
				ELSE
					FETCH PRIOR FROM cells INTO got;
				END IF;
				EXIT WHEN NOT FOUND;
				rows := rows || concat_ws(' ', i, got::text);
			END LOOP;
		END LOOP;
		CLOSE cells;
	END IF;
	result := format('%s rows %s', cardinality(rows), md5((SELECT string_agg(r, E'\n' ORDER BY r COLLATE "C") FROM unnest(rows) r)));
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	result := concat_ws(' | ', 'error ' || SQLSTATE, SQLERRM, nullif(detail, ''), nullif(hint, ''));
END $$;

-- The plan of a query, or its error
CREATE FUNCTION plan_of(query text, options text, OUT plan text) LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (COSTS OFF, %s) %s', options, query) LOOP
		plan := concat_ws(E'\n', plan, line);
	END LOOP;
EXCEPTION WHEN OTHERS THEN
	plan := 'error ' || SQLSTATE || ' ' || SQLERRM;
END $$;

-- Run queries with and without the scan, in this order or the other one. The plan is that of a
-- query that ran with the scan; without an error it says whether the executor was needed.
CREATE FUNCTION compared(queries text[], explained boolean[], scroll boolean, scan_first boolean)
RETURNS TABLE (number integer, with_scan text, without_scan text, plan text) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. cardinality(queries) LOOP
		number := i - 1;
		FOREACH plan IN ARRAY CASE WHEN scan_first THEN '{on,off}'::text[] ELSE '{off,on}' END LOOP
			PERFORM set_config('cell_binary.scan', plan, false);
			IF plan = 'on' THEN
				with_scan := outcome(queries[i], scroll AND explained[i]);
			ELSE
				without_scan := outcome(queries[i], scroll AND explained[i]);
			END IF;
		END LOOP;
		PERFORM set_config('cell_binary.scan', 'on', false);
		plan := NULL;
		IF explained[i] THEN
			plan := plan_of(queries[i], CASE WHEN with_scan LIKE 'error %' THEN 'VERBOSE OFF' ELSE 'ANALYZE, TIMING OFF, SUMMARY OFF' END);
		END IF;
		RETURN NEXT;
	END LOOP;
END $$;
