-- A database for sqlsmith, which connects as role smith. It has studies whose cells are in a table,
-- a partitioned table, views and a long table; arguments for the extension's functions; and a
-- catalog that shows sqlsmith little else. Only a superuser can run this file.
CREATE ROLE smith LOGIN;
CREATE SCHEMA smith AUTHORIZATION smith;
SET ROLE smith;
SET search_path = smith, public;

CREATE TABLE tissue (
	sample text, cell_id bigint, x integer, y integer, centre_x float8, centre_y float8, phenotypes bigint,
	cd3 boolean, cd8 smallint, intensities real[], PRIMARY KEY (sample, cell_id)
);
INSERT INTO tissue
SELECT s, i, i * 7 % 50, i * 3 % 40, i * 7 % 50 + 0.5, i * 3 % 40 + 0.25, i % 4, i % 2 = 1, i / 2 % 2, ARRAY[i / 10.0, 1 - i / 10.0]
FROM unnest('{A,B,C}'::text[]) s, generate_series(1, 10) i;
CREATE TABLE tissue_part (LIKE tissue INCLUDING ALL) PARTITION BY LIST (sample);
CREATE TABLE tissue_part_a PARTITION OF tissue_part FOR VALUES IN ('A');
CREATE TABLE tissue_part_rest PARTITION OF tissue_part DEFAULT;
INSERT INTO tissue_part SELECT * FROM tissue;
CREATE TABLE tissue_long (sample text, cell text, feature text, positive boolean, intensity float8, PRIMARY KEY (sample, cell, feature));
INSERT INTO tissue_long
SELECT sample, cell_id, unnest('{CD3,CD8}'::text[]), unnest(ARRAY[cd3, cd8 = 1]), unnest(intensities) FROM tissue;
CREATE VIEW tissue_view AS SELECT * FROM tissue WHERE cell_id % 3 > 0;
CREATE VIEW tissue_of_long AS
SELECT sample, cell_id, x, y, cell_collected_phenotypes(masks, cell_id) AS phenotypes, cell_collected_intensities(intensities, cell_id) AS intensities
FROM (SELECT sample, cell_id, x, y FROM tissue) t JOIN (
	SELECT sample, cell_collect_phenotypes(cell, feature, positive, '{CD3,CD8}') AS masks,
		cell_collect_intensities(cell, feature, intensity, '{CD3,CD8}') AS intensities
	FROM tissue_long GROUP BY sample
) l USING (sample);
SELECT cell_register_study('table', 'tissue', phenotypes => 'phenotypes', features => '{CD3,CD8}', intensities => 'intensities'),
	cell_register_study('columns', 'tissue', x => 'centre_x', y => 'centre_y', feature_columns => '{cd3,cd8}'),
	cell_register_study('partitioned', 'tissue_part', feature_columns => '{cd3,cd8}', intensities => 'intensities'),
	cell_register_study('view', 'tissue_view', feature_columns => '{cd3,cd8}', intensities => 'intensities'),
	cell_register_study('stored view', 'tissue_view', phenotypes => 'phenotypes', features => '{CD3,CD8}', store => true),
	cell_register_study('long', 'tissue_of_long', phenotypes => 'phenotypes', features => '{CD3,CD8}', intensities => 'intensities');

-- sqlsmith chooses an argument by its type alone. Therefore each text or bytea argument of the
-- extension's functions has a domain of its own, which is named like the argument.
CREATE DOMAIN study AS text;
CREATE DOMAIN sample AS text;
CREATE DOMAIN layout AS text;
CREATE DOMAIN coding AS text;
CREATE DOMAIN cell AS text;
CREATE DOMAIN feature AS text;
CREATE DOMAIN features AS text[];
CREATE DOMAIN contents AS text;
CREATE DOMAIN payload AS bytea;
CREATE DOMAIN encoded AS bytea;
CREATE DOMAIN collected AS bytea;

-- Arguments. In the last third of the rows they are damaged or invalid.
\ir mutate.sql
CREATE TABLE argument AS
SELECT n, n < 20 AS fits,
	(ARRAY['table', 'columns', 'partitioned', 'view', 'stored view', 'long', 'none'])[1 + n % (6 + n / 20)]::study AS study,
	(ARRAY['A', 'B', 'C', 'none'])[1 + n % (3 + n / 20)]::sample AS sample,
	CASE n WHEN 28 THEN 'none' ELSE layout END::layout AS layout, CASE n WHEN 29 THEN 'none' ELSE coding END::coding AS coding,
	CASE WHEN n < 20 THEN payload ELSE mutate(payload, n, 20, 9) END::payload AS payload,
	CASE WHEN n < 20 THEN encoded ELSE mutate(encoded, n, 20, 9) END::encoded AS encoded,
	CASE WHEN n < 20 THEN collected ELSE mutate(collected, n, 4, 3) END::collected AS collected,
	encode(CASE WHEN n < 20 THEN shape ELSE mutate(shape, n, 200, 9) END, 'base64')::contents AS contents,
	(n % 4 + n / 8)::text::cell AS cell, (ARRAY['CD3', 'CD8'])[1 + n / 4 % 2]::feature AS feature,
	(ARRAY['CD3', 'CD8', 'CD4', NULL])[1 : 2 + n / 20 * (n % 3)]::features AS features,
	1 + n % 9 AS level, n::bigint AS cell_id, n / 30.0::float8 AS value, (n * 10)::smallint AS code, 1000 * n - 3 AS chunk_bytes,
	array_fill(n % 2 = 1, ARRAY[3 * n]) AS positive, ARRAY[n, 1]::real[] AS reals, ARRAY[n, 1]::float8[] AS float8s,
	(ARRAY['sample', 'cell_id', 'x', 'y', 'phenotypes', 'cd3'])[1 + n % 6]::name AS column_name, '{cd3,cd8}'::name[] AS column_names, 'tissue'::regclass AS source
FROM generate_series(0, 29) n,
	LATERAL (SELECT (ARRAY['compact', 'spt', 'dense', 'arrow'])[1 + n % 4], (ARRAY['identity', 'gzip', 'zstd', 'br'])[1 + n / 4 % 4]) a (layout, coding),
	LATERAL (SELECT cell_pack(cell_id, x, y, phenotypes, layout) FROM tissue WHERE sample = 'A') p (payload),
	LATERAL (SELECT cell_encode(payload, coding)) e (encoded),
	LATERAL (SELECT CASE n % 2 WHEN 0 THEN cell_collect_phenotypes(cell, feature, positive, '{CD3,CD8}') ELSE cell_collect_intensities(cell, feature, intensity, '{CD3,CD8}') END
		FROM tissue_long WHERE sample = 'A') l (collected),
	decode('AAAnCgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAdugDAAAFAAAAAAAAAACatEAAAAAAAAAYwAAAAAAAurRAAAAAAAAAMkAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAABABQAAAAAAAAAAmrRAAAAAAAAAGMAAAAAAALq0QAAA
AAAAADJAAQAAAAUAAAAAAAAAAAAAAACatEAAAAAAAAAYwAAAAAAAmrRAAAAAAAAAMkAAAAAAALq0QAAAAAAAADJAAAAA
AAC6tEAAAAAAAAAYwAAAAAAAmrRAAAAAAAAAGMA=', 'base64') shape;
DROP FUNCTION mutate, draw;
SELECT count(cell_data(study, sample, layout, coding)) FROM argument WHERE fits;

-- Views that call set-returning functions, because sqlsmith finds columns only in relations
CREATE VIEW argument_head AS SELECT a.*, cells, bytes, etag FROM argument a, cell_data_head(study, sample, layout, coding) WHERE fits;
CREATE VIEW argument_info AS SELECT a.*, cells, bytes, max_x, max_y FROM argument a, cell_info(payload, layout) WHERE fits;
CREATE VIEW argument_cell AS SELECT a.*, x, y, phenotypes FROM argument a, cell_unpack(payload, layout) c (id) WHERE fits;
CREATE VIEW argument_chunk AS SELECT a.*, chunk, byte_offset, body FROM argument a, cell_data_chunks(study, sample, layout, coding, 100) WHERE fits;
CREATE VIEW tissue_packed AS
SELECT sample, cell_pack(x, y, phenotypes) AS in_order, cell_pack(centre_x, centre_y, phenotypes) AS in_order_float8,
	cell_pack(cell_id, x, y, phenotypes) AS by_id, cell_pack(cell_id, centre_x, centre_y, phenotypes) AS by_id_float8,
	cell_pack(cell_id, x, y, phenotypes, 'dense') AS dense, cell_pack(cell_id, centre_x, centre_y, phenotypes, 'spt') AS spt,
	cell_pack_intensities(cell_id, intensities) AS intensities, cell_pack_intensities(cell_id, intensities::float8[]) AS intensities_float8
FROM tissue_part GROUP BY sample;
CREATE VIEW tissue_collected AS
SELECT sample, cell_collect_phenotypes(cell, feature, positive, '{CD3,CD8}') AS masks, cell_collect_intensities(cell, feature, intensity, '{CD3,CD8}') AS intensities,
	cell_phenotypes_agg(CASE feature WHEN 'CD3' THEN 0 ELSE 1 END, positive) AS phenotypes
FROM tissue_long GROUP BY sample;

-- sqlsmith leaves out functions that return rows or nothing, and aggregates of several arguments.
-- In two of three cases it chooses a function without arguments. Therefore two functions call each
-- function of the extension and turn its result into one value: one with the arguments that
-- sqlsmith chooses, the other with the best fitting columns of the next row of argument (for an
-- aggregate: of several rows).
CREATE SEQUENCE turn;
CREATE FUNCTION register() RETURNS text LANGUAGE sql
AS $$SELECT public.cell_register_study('new', 'smith.tissue', phenotypes => 'phenotypes', features => '{CD3,CD8}')::text$$;
RESET ROLE;
CREATE VIEW information_schema.our_functions AS
SELECT p.*, p.oid::regprocedure AS signature, proname || '_' || row_number() OVER (PARTITION BY proname ORDER BY p.oid) AS caller
FROM pg_proc p JOIN pg_depend ON classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e'
WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cell_binary')
	AND prokind IN ('a', 'f') AND NOT proargtypes::oid[] || prorettype && '{internal,trigger}'::regtype[]::oid[];
DO $$
DECLARE
	f record;
	is_scalar boolean;
	call text;
	head text;
BEGIN
	FOR f IN
		SELECT o.*, a.*
		FROM information_schema.our_functions o, LATERAL (
			SELECT string_agg(format('%I %s', coalesce(proargnames[i], 'argument_' || i), format_type(type, NULL)), ', ' ORDER BY i), string_agg('$' || i, ', ' ORDER BY i),
				string_agg(coalesce((
					SELECT 'a.' || attname FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
					WHERE attrelid = 'argument'::regclass AND attnum > 0 AND type IN (atttypid, typbasetype)
					ORDER BY attname <> proargnames[i], attnum LIMIT 1), 'NULL'), ', ' ORDER BY i)
			FROM (
				SELECT CASE type WHEN '"any"'::regtype THEN 'boolean[]'::regtype ELSE type END, i
				FROM unnest(proargtypes) WITH ORDINALITY u (type, i)) u (type, i)) a (parameters, arguments, columns)
	LOOP
		is_scalar := NOT f.proretset AND f.prorettype NOT IN ('record'::regtype, 'void'::regtype);
		call := format('public.%I(%s%%s)', f.proname, CASE WHEN f.provariadic <> 0 THEN 'VARIADIC ' END);
		IF NOT is_scalar THEN
			call := '(SELECT string_agg(r::text, chr(10)) FROM ' || call || ' r)';
		END IF;
		head := format('CREATE FUNCTION %I(%%s) RETURNS %s LANGUAGE sql PARALLEL %%s AS %%L', f.caller,
			CASE WHEN is_scalar THEN format_type(f.prorettype, NULL) ELSE 'text' END);
		EXECUTE format(head, f.parameters, CASE f.proparallel WHEN 's' THEN 'SAFE' ELSE 'UNSAFE' END, 'SELECT ' || format(call, f.arguments));
		IF f.pronargs > 0 THEN
			EXECUTE format(head, '', 'UNSAFE', 'SELECT ' || format(call, f.columns) || ' FROM smith.argument a, nextval(''smith.turn'') turn WHERE '
				|| CASE f.prokind WHEN 'a' THEN 'n % 4 = turn % 4 AND n < 16 + turn % 3 * 6' ELSE 'n = turn % 30' END);
		END IF;
	END LOOP;
END $$;

-- The catalog that sqlsmith finds through its search_path: these functions, once with their own
-- argument types and once with the domains of the same names, and some functions of PostgreSQL that
-- return text or bytea. The views are in information_schema because sqlsmith leaves out the tables
-- of that schema.
CREATE VIEW information_schema.pg_proc AS
SELECT oid::text, pronamespace, proname, prorettype, prokind, proretset, proargtypes::oid[]
FROM pg_catalog.pg_proc
WHERE pronamespace = 'smith'::regnamespace
	OR pronamespace = 'pg_catalog'::regnamespace AND proargtypes::oid[] <@ '{smallint,integer,bigint,float8,boolean,text,bytea}'::regtype[]::oid[]
	AND (prokind = 'a' OR prokind = 'f' AND provolatile = 'i' AND proisstrict AND prorettype IN ('text'::regtype, 'bytea'::regtype))
UNION ALL
SELECT oid || ' by name', pronamespace, proname, prorettype, prokind, proretset, ARRAY(
	SELECT coalesce(d.oid, type)
	FROM unnest(proargtypes) WITH ORDINALITY a (type, i)
	LEFT JOIN pg_type d ON d.typnamespace = 'smith'::regnamespace AND d.typtype = 'd' AND d.typname = proargnames[i] AND d.typbasetype = type
	ORDER BY i)
FROM pg_catalog.pg_proc
WHERE pronamespace = 'smith'::regnamespace AND proargtypes <> '';
-- The polymorphic types of ranges, enums and elements are shown as one concrete type each.
-- Otherwise sqlsmith would compare NULL with NULL, which is an error in every second query.
CREATE VIEW information_schema.pg_type AS
SELECT oid, typnamespace, typdelim, typrelid, typelem, typarray, coalesce(one, typname) AS typname, CASE WHEN one IS NULL THEN typtype ELSE 'b' END AS typtype
FROM pg_catalog.pg_type LEFT JOIN (
	VALUES ('anyrange', 'int8range'), ('anymultirange', 'int8multirange'), ('anyelement', 'int8'), ('anyenum', 'bool')
) a (typname, one) USING (typname);
GRANT SELECT ON information_schema.pg_proc, information_schema.pg_type TO smith;
ALTER ROLE smith SET search_path = information_schema, pg_catalog;
ALTER ROLE smith SET jit = off;
ANALYZE;
