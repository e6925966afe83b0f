-- smprofiler.sql: create views over the tables of one study that SMProfiler
-- (formerly SPT) has imported. See smprofiler.md.
--
--   psql -v schema=SCHEMA [-v measurement=STUDY] -f ingest/smprofiler.sql
--
-- schema is the schema of the study, from SMProfiler's table study_lookup.
-- measurement names the measurement study, if the schema has several. Run the
-- script as the owner of SMProfiler's tables or as a superuser, and run it again
-- whenever the channels of the study change.

\set ON_ERROR_STOP on
\if :{?schema}
\else
	\set schema ''
\endif
\if :{?measurement}
\else
	\set measurement ''
\endif

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT set_config('smprofiler.schema', :'schema', true),
	set_config('smprofiler.measurement', :'measurement', true) \gset smprofiler_

-- Find the measurement study and its targets. Bits follow the order of the
-- targets' identifiers as text.
DO $$
DECLARE
	schema CONSTANT text := current_setting('smprofiler.schema');
	measurement text := current_setting('smprofiler.measurement');
	extension CONSTANT text := (SELECT nspname FROM pg_extension e
		JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'cell_binary');
	owner CONSTANT text := (SELECT pg_get_userbyid(relowner) FROM pg_class c
		JOIN pg_namespace n ON n.oid = relnamespace
		WHERE nspname = schema AND relname = 'expression_quantification');
	found text[];
	view_targets text[];
	registered text[];
BEGIN
	IF schema = '' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the variable schema is not set',
			HINT = 'Run psql -v schema=SCHEMA -f smprofiler.sql.';
	ELSIF extension IS NULL THEN
		RAISE undefined_object USING MESSAGE = 'extension "cell_binary" is not installed in this database',
			HINT = 'Run CREATE EXTENSION cell_binary.';
	ELSIF owner IS NULL THEN
		RAISE undefined_table USING MESSAGE = format('schema "%s" has no SMProfiler tables', schema),
			HINT = 'The table default_study_lookup.study_lookup lists the schemas.';
	END IF;

	-- Continue with the privileges of the tables' owner, because another role may
	-- have placed objects in the schema, and these must not run with more.
	IF NOT pg_has_role(owner, 'MEMBER') THEN
		RAISE insufficient_privilege USING MESSAGE = format(
			'must be a member of role "%s", which owns the SMProfiler tables in schema "%s"', owner, schema);
	END IF;
	PERFORM set_config('role', owner, true);
	IF NOT has_schema_privilege(extension, 'USAGE') THEN
		RAISE insufficient_privilege USING MESSAGE = format(
				'role "%s" has no USAGE privilege on schema "%s" of the extension', owner, extension),
			HINT = format('Run GRANT USAGE ON SCHEMA %I TO %I.', extension, owner);
	END IF;

	IF measurement = '' THEN
		EXECUTE format('SELECT ARRAY(SELECT name FROM %1$I.specimen_measurement_study
			WHERE name IN (SELECT component_study FROM %1$I.study_component) ORDER BY name)', schema) INTO found;
		IF cardinality(found) <> 1 THEN
			RAISE cardinality_violation USING MESSAGE = format(
					'schema "%s" has %s measurement studies instead of one', schema, cardinality(found)),
				DETAIL = format('The measurement studies are %s.', found),
				HINT = 'To choose one, run psql -v schema=SCHEMA -v measurement=STUDY -f smprofiler.sql.';
		END IF;
		measurement := found[1];
	END IF;
	EXECUTE format('SELECT ARRAY(SELECT name FROM %I.specimen_measurement_study ORDER BY name)', schema)
	INTO found;
	IF NOT measurement = ANY (found) THEN
		RAISE no_data_found USING
			MESSAGE = format('schema "%s" has no measurement study "%s"', schema, measurement),
			DETAIL = format('Its measurement studies are %s.', found);
	END IF;
	EXECUTE format('SELECT ARRAY(SELECT primary_study FROM %I.study_component
		WHERE component_study = $1 ORDER BY 1)', schema) INTO found USING measurement;
	IF cardinality(found) <> 1 THEN
		RAISE cardinality_violation USING MESSAGE = format(
				'measurement study "%s" is a component of %s studies in schema "%s" instead of one',
				measurement, cardinality(found), schema),
			DETAIL = format('The studies are %s.', found);
	END IF;
	PERFORM set_config('smprofiler.study', found[1], true);

	-- A target without any row is left out, because SMProfiler does not count it.
	EXECUTE format('SELECT ARRAY(SELECT target
		FROM (SELECT DISTINCT target FROM %1$I.biological_marking_system WHERE study = $1) marked
		WHERE (SELECT true FROM %1$I.expression_quantification e WHERE e.target = marked.target LIMIT 1)
		ORDER BY target COLLATE "C")', schema) INTO found USING measurement;
	IF cardinality(found) = 0 THEN
		RAISE no_data_found USING MESSAGE = format('no target of measurement study "%s" has rows', measurement);
	ELSIF cardinality(found) > 64 THEN
		RAISE too_many_arguments USING MESSAGE = 'cannot have more than 64 features',
			DETAIL = format('Measurement study "%s" has %s targets.', measurement, cardinality(found));
	END IF;
	-- A registered study would keep its feature names while the bits change.
	IF to_regclass(format('%I.cell_binary_cells', schema)) IS NOT NULL
		AND to_regclass(format('%I.cell_binary_features', schema)) IS NOT NULL
	THEN
		EXECUTE format('SELECT ARRAY(SELECT target::text FROM %I.cell_binary_features ORDER BY bit)', schema)
		INTO view_targets;
		EXECUTE format('SELECT ARRAY(SELECT study FROM %I.cell_studies WHERE source = $1)', extension)
		INTO registered USING to_regclass(format('%I.cell_binary_cells', schema));
		IF view_targets <> found AND cardinality(registered) > 0 THEN
			RAISE object_in_use USING
				MESSAGE = format('study "%s" is registered with other targets', registered[1]),
				DETAIL = format('The view has the targets %s; the tables have %s.', view_targets, found),
				HINT = format('Run SELECT %I.cell_drop_study(%L), run smprofiler.sql again, and register the study again.',
					extension, registered[1]);
		END IF;
	END IF;
	PERFORM set_config('smprofiler.extension', extension, true),
		set_config('smprofiler.registered', coalesce(registered, '{}')::text, true),
		set_config('smprofiler.measurement', measurement, true),
		set_config('smprofiler.targets', found::text, true),
		set_config('smprofiler.changed', (view_targets IS DISTINCT FROM found)::text, true);
END
$$;
SELECT current_setting('smprofiler.extension') AS extension,
	current_setting('smprofiler.study') AS study,
	current_setting('smprofiler.measurement') AS measurement,
	current_setting('smprofiler.targets') AS targets \gset

CREATE OR REPLACE VIEW :"schema".cell_binary_features AS
SELECT f.ordinality::integer - 1 AS bit, f.target, s.symbol, coalesce(s.name, '') AS full_name
FROM unnest(:'targets'::text[]) WITH ORDINALITY f (target, ordinality)
LEFT JOIN :"schema".chemical_species s ON s.identifier = f.target;
COMMENT ON VIEW :"schema".cell_binary_features IS
'features of the cells in cell_binary_cells, and their bits; created by smprofiler.sql of cell_binary';

-- The virtual sample, whose cells ingest/embed places by their intensities. SMProfiler
-- keeps its own one in blobs. With the CHECK, the planner leaves out the table in a
-- query for another sample; if it does not know the sample, the key finds no rows.
SET LOCAL client_min_messages = warning;
CREATE TABLE IF NOT EXISTS :"schema".cell_binary_embedding (
	sample varchar(512) NOT NULL CHECK (sample = 'UMAP virtual sample'),
	cell_id bigint NOT NULL,
	x double precision NOT NULL,
	y double precision NOT NULL,
	phenotypes bigint NOT NULL,
	intensities double precision[] NOT NULL,
	PRIMARY KEY (sample, cell_id)
);
DO $$
DECLARE
	schema CONSTANT text := current_setting('smprofiler.schema');
	embedding CONSTANT regclass := format('%I.cell_binary_embedding', schema)::regclass;
	cells bigint;
BEGIN
	-- The triggers of another role's table would run with the privileges of the owner.
	IF NOT EXISTS (SELECT FROM pg_class
		WHERE oid = embedding AND pg_get_userbyid(relowner) = current_user AND relkind = 'r')
	THEN
		RAISE object_not_in_prerequisite_state USING
			MESSAGE = format('"%s.cell_binary_embedding" is not a table of role "%s"', schema, current_user),
			HINT = 'Drop or rename it, and run smprofiler.sql again.';
	END IF;
	IF current_setting('smprofiler.changed')::boolean THEN
		EXECUTE format('DELETE FROM %s', embedding);
		GET DIAGNOSTICS cells = ROW_COUNT;
		IF cells > 0 THEN
			RAISE WARNING 'the % cells of the virtual sample are deleted, because the targets have changed', cells
				USING HINT = 'Register the study, and run ingest/embed again.';
		END IF;
	END IF;
END
$$;
COMMENT ON TABLE :"schema".cell_binary_embedding IS
'cells of the virtual sample in cell_binary_cells; created by smprofiler.sql of cell_binary';

-- A sample's rows of expression_quantification are the rows in its range, as in
-- SMProfiler. A query that needs phenotypes or intensities collects these rows
-- once for each sample; grouping them by cell would take several times as long.
-- OFFSET 0 enforces this: without it, the planner would move the subqueries to a
-- place where each cell collects the rows again. It also makes the executor decode
-- each outline only once for both x and y.
CREATE OR REPLACE VIEW :"schema".cell_binary_cells WITH (security_barrier) AS
SELECT m.specimen AS sample, c.cell_id, c.centroid[0] AS x, c.centroid[1] AS y, c.phenotypes, c.intensities
FROM :"schema".specimen_data_measurement_process m
LEFT JOIN :"schema".range_definitions r
	ON r.scope_identifier = m.specimen AND r.tablename = 'expression_quantification'
CROSS JOIN LATERAL (
	SELECT i.histological_structure::bigint AS cell_id,
		-- The subquery raises the error of an invalid outline.
		coalesce(s.centroid, (
			SELECT :"extension".cell_shape_centroid(o.base64_contents::text, false)
			FROM :"schema".shape_file o WHERE o.identifier = i.shape_file)) AS centroid,
		:"extension".cell_collected_phenotypes((
			SELECT :"extension".cell_collect_phenotypes(e.histological_structure, e.target,
				(e.discrete_value = 'positive') IS TRUE, :'targets'::text[])
			FROM :"schema".expression_quantification e
			WHERE e.range_identifier_integer BETWEEN r.lowest_value AND r.highest_value
		), i.histological_structure::bigint) AS phenotypes,
		-- SMProfiler scales a quantity by 0.1 before it encodes it.
		:"extension".cell_collected_intensities((
			SELECT :"extension".cell_collect_intensities(e.histological_structure, e.target,
				e.quantity::double precision * 0.1, :'targets'::text[])
			FROM :"schema".expression_quantification e
			WHERE e.range_identifier_integer BETWEEN r.lowest_value AND r.highest_value
		), i.histological_structure::bigint) AS intensities
	FROM :"schema".data_file f
	JOIN :"schema".histological_structure_identification i ON i.data_source = f.sha256_hash
	-- CASE makes the planner decode an outline where it reads it, and not after the
	-- join, so that the join has 16 bytes of each cell instead of its outline. The
	-- join may read the outlines of other samples, which must not raise an error.
	LEFT JOIN (
		SELECT identifier, CASE WHEN base64_contents IS NOT NULL THEN
			:"extension".cell_shape_centroid(base64_contents::text, true) END AS centroid
		FROM :"schema".shape_file
	) s ON s.identifier = i.shape_file
	WHERE f.source_generation_process = m.identifier
	-- Nearly all structures are cells, so it is cheaper to look for the others.
	AND NOT EXISTS (
		SELECT FROM :"schema".histological_structure h
		WHERE h.identifier = i.histological_structure AND h.anatomical_entity IS DISTINCT FROM 'cell')
	OFFSET 0
) c
WHERE m.study = :'measurement'
UNION ALL
SELECT e.sample, e.cell_id, e.x, e.y, e.phenotypes, e.intensities
FROM :"schema".cell_binary_embedding e;
COMMENT ON VIEW :"schema".cell_binary_cells IS
'cells of the study, for cell_register_study; created by smprofiler.sql of cell_binary';

-- Writes to the view change the virtual sample. As with a view that PostgreSQL can
-- update by itself, a role needs privileges on the view, and the owner of the view
-- those on the table.
SELECT format($body$
DECLARE
	sample CONSTANT text := CASE WHEN TG_OP = 'INSERT' THEN NEW.sample ELSE OLD.sample END;
BEGIN
	IF TG_OP = 'UPDATE' OR sample IS DISTINCT FROM 'UMAP virtual sample' THEN
		RAISE feature_not_supported USING
			MESSAGE = format('cannot %%s sample "%%s" of view "%%s"',
				CASE TG_OP WHEN 'INSERT' THEN 'insert into' WHEN 'DELETE' THEN 'delete from' ELSE 'update' END,
				sample, TG_TABLE_NAME),
			DETAIL = 'Rows of sample "UMAP virtual sample" can be inserted and deleted. All other samples are in SMProfiler''s tables.';
	ELSIF TG_OP = 'INSERT' THEN
		INSERT INTO %1$I.cell_binary_embedding (sample, cell_id, x, y, phenotypes, intensities)
		VALUES (NEW.sample, NEW.cell_id, NEW.x, NEW.y, NEW.phenotypes, NEW.intensities);
		RETURN NEW;
	END IF;
	DELETE FROM %1$I.cell_binary_embedding e WHERE e.sample = OLD.sample AND e.cell_id = OLD.cell_id;
	RETURN OLD;
END
$body$, :'schema') AS body \gset
CREATE OR REPLACE FUNCTION :"schema".cell_binary_write_embedding() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS :'body';
COMMENT ON FUNCTION :"schema".cell_binary_write_embedding() IS
'trigger function of the view cell_binary_cells; created by smprofiler.sql of cell_binary';
-- With a trigger of this function on a table of its own, a role could write to the table.
REVOKE ALL ON FUNCTION :"schema".cell_binary_write_embedding() FROM PUBLIC;
CREATE OR REPLACE TRIGGER cell_binary_write_embedding
INSTEAD OF INSERT OR UPDATE OR DELETE ON :"schema".cell_binary_cells
FOR EACH ROW EXECUTE FUNCTION :"schema".cell_binary_write_embedding();

-- Create the indexes that find the rows of a sample quickly, unless such indexes
-- exist, and drop the invalid ones that an interrupted run left. This happens
-- after the transaction, because CREATE INDEX CONCURRENTLY, which does not block
-- writers, cannot run inside one.
SELECT coalesce(string_agg(command, E'\n' ORDER BY command DESC), '') AS index_commands FROM (
	SELECT format('DROP INDEX CONCURRENTLY %s;', x.indexrelid::regclass) AS command
	FROM pg_index x
	JOIN pg_class c ON c.oid = x.indexrelid
	JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = :'schema'
		AND c.relname IN ('cell_binary_range_identifier_integer', 'cell_binary_data_source')
		AND NOT x.indisvalid
	UNION ALL
	SELECT format('CREATE INDEX CONCURRENTLY %I ON %s %s;',
		'cell_binary_' || a.attname, a.attrelid::regclass, wanted.definition)
	FROM (VALUES
		('expression_quantification', 'range_identifier_integer',
			'USING brin (range_identifier_integer) WITH (autosummarize = on)'),
		('histological_structure_identification', 'data_source', '(data_source)')
	) wanted (relation, attname, definition)
	JOIN pg_attribute a ON a.attrelid = format('%I.%I', :'schema', wanted.relation)::regclass
		AND a.attname = wanted.attname
	WHERE NOT EXISTS (
		SELECT FROM pg_index x
		JOIN pg_class c ON c.oid = x.indexrelid
		JOIN pg_am m ON m.oid = c.relam
		WHERE x.indrelid = a.attrelid AND x.indkey[0] = a.attnum AND x.indisvalid AND x.indpred IS NULL
			AND m.amname IN ('btree', 'brin'))
) commands \gset
SELECT CASE WHEN current_setting('smprofiler.registered') = '{}' THEN
	E'To register the study, run as the owner of the views:\n' || format('SELECT %1$I.cell_register_study(%2$L, %3$L, '
		'phenotypes => %4$L, intensities => %5$L, features => ARRAY(SELECT symbol FROM %6$s ORDER BY bit), '
		'full_names => ARRAY(SELECT full_name FROM %6$s ORDER BY bit), store => true);',
		:'extension', :'study', format('%I.cell_binary_cells', :'schema'), 'phenotypes', 'intensities',
		format('%I.cell_binary_features', :'schema'))
	ELSE (SELECT string_agg(format(E'The view is registered as study "%s". If it stores payloads, run:\n'
			'SELECT %I.cell_invalidate(%L);', study, :'extension', study), E'\n')
		FROM unnest(current_setting('smprofiler.registered')::text[]) study) END AS registration \gset
COMMIT;

:index_commands
\echo The views are ready.
\echo :registration
