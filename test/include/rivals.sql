-- Rivals of functions and operators: objects of the same name. PostgreSQL calls a rival if the
-- arguments of a call fit the rival better. If they fit both equally well, PostgreSQL calls the one
-- whose schema comes first in search_path.

-- The objects that belong to the extension
CREATE VIEW member AS
SELECT classid, objid FROM pg_depend
WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cell_binary');

-- The types that arguments are likely to have: those in the extension's functions and tables, and
-- the types with an implicit cast to one of them. The types that are used most come first.
CREATE MATERIALIZED VIEW usual_type AS
WITH used AS (
	SELECT type, count(*) AS times
	FROM (
		SELECT unnest(prorettype || proargtypes::oid[]) AS type FROM pg_proc JOIN member ON classid = 'pg_proc'::regclass AND objid = oid
		UNION ALL
		SELECT atttypid FROM pg_attribute JOIN member ON classid = 'pg_class'::regclass AND objid = attrelid WHERE attnum > 0
	) of_members
	GROUP BY type
)
SELECT oid::regtype AS type, typcategory = 'A' AS is_array, row_number() OVER (ORDER BY times DESC NULLS LAST, oid) AS place
FROM pg_type LEFT JOIN used ON used.type = oid
WHERE typtype = 'b' AND typcategory <> 'Z'
	AND (times > 0 OR oid IN (SELECT castsource FROM pg_cast JOIN used ON castcontext = 'i' AND casttarget = type));

-- The types of arguments that a parameter accepts, with the parameter's own type first
CREATE MATERIALIZED VIEW taken AS
SELECT p.oid AS parameter, array_agg(type ORDER BY type <> p.oid, place) AS types
FROM pg_type p, LATERAL (
	SELECT type, place FROM usual_type
	WHERE p.oid IN ('"any"'::regtype, 'anyelement'::regtype, 'anycompatible'::regtype) OR
		(p.oid IN ('anyarray'::regtype, 'anycompatiblearray'::regtype) AND is_array) OR
		EXISTS (SELECT FROM pg_cast WHERE castsource = type AND casttarget = p.oid AND castcontext = 'i')
	UNION
	SELECT p.oid, (SELECT place FROM usual_type WHERE type = p.oid) WHERE typtype = 'b'
) t
GROUP BY p.oid;

-- The lists of types that a list of parameters accepts, but not more than about at_most. For that,
-- a long list of parameters combines only the first few types of each parameter.
CREATE FUNCTION lists_taken_by(parameters regtype[], at_most integer) RETURNS SETOF regtype[] LANGUAGE sql STABLE AS $$
	WITH RECURSIVE list (types, length) AS (
		SELECT '{}'::regtype[], 0
		UNION ALL
		SELECT list.types || type, length + 1
		FROM list JOIN taken ON parameter = parameters[length + 1],
			unnest(taken.types[: greatest(1, floor(at_most ^ (1.0 / cardinality(parameters)) + 1e-9)::integer)]) type
	)
	SELECT types FROM list WHERE length = cardinality(parameters)
$$;

-- The lists of parameters with which a function can be called: without the last parameters that
-- have defaults, with one such parameter by name, and with one to four arguments for a VARIADIC one
CREATE FUNCTION parameters_of(function pg_proc, OUT parameters regtype[], OUT names text[]) RETURNS SETOF record LANGUAGE sql STABLE AS $$
	WITH f AS (
		SELECT ARRAY(SELECT unnest(function.proargtypes)::regtype) AS types, function.proargnames AS names, function.pronargs::integer AS n,
			(function.pronargs - function.pronargdefaults)::integer AS required
	)
	SELECT types[: k], names[: k] FROM f, generate_series(required, n) k
	UNION ALL
	SELECT types[: required] || types[k], names[: required] || names[k] FROM f, generate_series(required + 2, n) k
	UNION ALL
	SELECT types[: n - 1] || array_fill(function.provariadic::regtype, ARRAY[k]), names[: n - 1]
	FROM f, generate_series(1, 4) k WHERE function.provariadic <> 0
$$;

-- The type of a rival's result: the result type of the real function. If that is polymorphic: an
-- array type if the arguments include one, otherwise the type of the first argument.
CREATE FUNCTION rival_result(result regtype, types regtype[]) RETURNS regtype LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN result::text LIKE 'any%' THEN
		coalesce((SELECT min(type) FROM usual_type WHERE is_array AND type = ANY (types)), types[1]) ELSE result END
$$;

-- The body of a rival: a warning that the rival was called
CREATE FUNCTION rival_body(name text, types regtype[], result text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT format('LANGUAGE plpgsql AS $rival$BEGIN RAISE WARNING ''planted %%'', %L; RETURN %s; END$rival$',
		format('%s(%s)', name, array_to_string(types, ', ')), result)
$$;

-- Statements that create the rivals of functions in a schema, with the same parameter names and
-- result type. Functions with exactly a signature of the extension are left out, because
-- CREATE EXTENSION would fail beside them.
CREATE FUNCTION rival_functions(schema text, functions oid[], at_most integer) RETURNS SETOF text LANGUAGE sql STABLE AS $$
	WITH rival AS (
		SELECT DISTINCT ON (proname, types) proname, types, names, prokind, proretset,
			(SELECT string_agg(format(', OUT %I %s', name, type::regtype), '')
				FROM unnest(proallargtypes, proargmodes, proargnames) argument (type, mode, name) WHERE mode IN ('o', 't')) AS columns,
			rival_result(prorettype, types) AS result
		FROM pg_proc f, parameters_of(f), lists_taken_by(parameters, at_most) types
		WHERE proname IN (SELECT proname FROM pg_proc WHERE oid = ANY (functions))
			AND (pronamespace = 'pg_catalog'::regnamespace OR oid IN (SELECT objid FROM member WHERE classid = 'pg_proc'::regclass))
			AND prokind IN ('f', 'a') AND prorettype NOT IN ('internal'::regtype, 'trigger'::regtype)
			AND (proname, types) NOT IN (SELECT proname, ARRAY(SELECT unnest(proargtypes)::regtype)
				FROM pg_proc JOIN member ON classid = 'pg_proc'::regclass AND objid = oid)
		ORDER BY proname, types, parameters <> types, oid
	)
	SELECT CASE WHEN prokind = 'a' THEN
			format('CREATE FUNCTION %s(%s) RETURNS %s %s; CREATE AGGREGATE %s(%s) (SFUNC = %s, STYPE = %s)',
				step, array_to_string(result || types, ', '), result, rival_body(proname, types, 'NULL'),
				created, coalesce(nullif(array_to_string(types, ', '), ''), '*'), step, result)
		ELSE
			format('CREATE FUNCTION %s(%s%s) RETURNS %s%s %s', created,
				(SELECT string_agg(concat_ws(' ', quote_ident(nullif(name, '')), type), ', ')
					FROM unnest(types, names[: cardinality(types)]) parameter (type, name)),
				columns, CASE WHEN proretset THEN 'SETOF ' END, result,
				rival_body(proname, types, CASE WHEN proretset OR columns IS NOT NULL OR result = 'void'::regtype THEN '' ELSE 'NULL' END))
		END
	FROM rival, format('%s.%I', schema, proname) created, format('%s.%I', schema, proname || '_step') step
$$;

-- The same for operators, including those that IN, BETWEEN and LIKE stand for
CREATE FUNCTION rival_operators(schema text, operators oid[], at_most integer) RETURNS SETOF text LANGUAGE sql STABLE AS $$
	WITH rival AS (
		SELECT DISTINCT ON (oprname, oprleft = 0, types) oprname, oprleft = 0 AS is_prefix, types, rival_result(oprresult, types) AS result
		FROM pg_operator, array_remove(ARRAY[oprleft, oprright], 0) operands, lists_taken_by(operands::regtype[], at_most) types
		WHERE oprname IN (SELECT oprname FROM pg_operator WHERE oid = ANY (operators) UNION VALUES ('='), ('<='), ('>='), ('~~'))
			AND oprnamespace = 'pg_catalog'::regnamespace AND types <@ ARRAY(SELECT type FROM usual_type)
		ORDER BY oprname, oprleft = 0, types, operands::regtype[] <> types, oid
	)
	SELECT format('CREATE FUNCTION %1$s(%2$s) RETURNS %3$s %4$s; CREATE OPERATOR %5$s.%6$s (FUNCTION = %1$s, %7$sRIGHTARG = %8$s)',
		function, array_to_string(types, ', '), result, rival_body(oprname, types, 'NULL'), schema, oprname,
		CASE WHEN NOT is_prefix THEN format('LEFTARG = %s, ', types[1]) END, types[cardinality(types)])
	FROM rival, format('%s.%I', schema, 'operator ' || oprname) function
$$;

-- The same for types. Once they exist, an unqualified type name means the rival.
CREATE FUNCTION rival_types(schema text) RETURNS SETOF text LANGUAGE sql STABLE AS $$
	SELECT format('CREATE TYPE %s.%I AS ENUM ()', schema, typname) FROM pg_type JOIN usual_type ON type = oid WHERE NOT is_array
$$;
