-- spt.sql: views of the cells of a study that the Spatial Profiling Toolbox
-- (SPT) has imported. See spt.md.
--
--   psql -v schema=SCHEMA [-v measurement=STUDY] -f ingest/spt.sql
--
-- schema is that of the study, as in SPT's table study_lookup; measurement is
-- the measurement study, if the schema has several. To be run by the owner of
-- SPT's tables or a superuser, and again whenever the study's channels change.

\set ON_ERROR_STOP on
\if :{?schema}
\else
	\set schema ''
\endif
\if :{?measurement}
\else
	\set measurement ''
\endif

SELECT pg_catalog.current_setting('search_path') AS callers_search_path \gset
BEGIN;
SELECT pg_catalog.set_config('spt.schema', :'schema', true), pg_catalog.set_config('spt.measurement', :'measurement', true) \gset spt_

-- What the views are made for: the measurement study, and its targets in the
-- order of the bits, which is that of their identifiers as text.
DO $$
DECLARE
	schema CONSTANT text := current_setting('spt.schema');
	extension CONSTANT text := (SELECT nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = extnamespace WHERE extname = 'cell_binary');
	studies text[];
	targets text[];
BEGIN
	IF schema = '' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the schema of a study is missing',
			HINT = 'psql -v schema=SCHEMA -f spt.sql';
	ELSIF extension IS NULL THEN
		RAISE undefined_object USING MESSAGE = 'extension "cell_binary" does not exist in this database',
			HINT = 'CREATE EXTENSION cell_binary;';
	ELSIF to_regclass(format('%I.expression_quantification', schema)) IS NULL THEN
		RAISE undefined_table USING MESSAGE = format('schema "%s" has no tables of SPT', schema),
			HINT = 'The schemas are in the table default_study_lookup.study_lookup.';
	END IF;
	PERFORM set_config('search_path', format('%I, %I', schema, extension), false);

	studies := ARRAY(
		SELECT name FROM specimen_measurement_study
		WHERE CASE current_setting('spt.measurement')
			WHEN '' THEN name IN (SELECT component_study FROM study_component)
			ELSE name = current_setting('spt.measurement') END
		ORDER BY name);
	IF cardinality(studies) <> 1 THEN
		RAISE cardinality_violation USING MESSAGE = format('schema "%s" has %s such measurement studies, and must have one', schema, cardinality(studies)),
			DETAIL = format('They are %s.', studies),
			HINT = 'psql -v schema=SCHEMA -v measurement=STUDY -f spt.sql';
	END IF;

	-- Without those that no cell has a row of, which SPT does not count either.
	targets := ARRAY(
		SELECT target FROM (SELECT DISTINCT target FROM biological_marking_system WHERE study = studies[1]) marked
		WHERE (SELECT true FROM expression_quantification e WHERE e.target = marked.target LIMIT 1)
		ORDER BY target COLLATE "C");
	IF cardinality(targets) = 0 THEN
		RAISE no_data_found USING MESSAGE = format('measurement study "%s" has no targets with cells', studies[1]);
	ELSIF cardinality(targets) > 64 THEN
		RAISE too_many_arguments USING MESSAGE = 'cannot have more than 64 features',
			DETAIL = format('Measurement study "%s" has %s targets.', studies[1], cardinality(targets));
	END IF;
	PERFORM set_config('spt.measurement', studies[1], true);
	PERFORM set_config('spt.targets', targets::text, true);
END
$$;
SELECT current_setting('spt.measurement') AS measurement, current_setting('spt.targets') AS targets,
	(SELECT relowner::regrole FROM pg_class WHERE oid = 'expression_quantification'::regclass) AS owner \gset

CREATE OR REPLACE VIEW cell_binary_features AS
SELECT f.ordinality::integer - 1 AS bit, f.target, s.symbol
FROM unnest(:'targets'::text[]) WITH ORDINALITY f (target, ordinality)
LEFT JOIN chemical_species s ON s.identifier = f.target;
COMMENT ON VIEW cell_binary_features IS
'features of the cells in cell_binary_cells, and their bits; made by spt.sql of cell_binary';

-- A sample's rows of expression_quantification are those of its range, as SPT
-- reads them. They are collected once for a sample, if they are asked for, and
-- not grouped by cell, which would take several times as long. OFFSET keeps it
-- so: without it PostgreSQL would move them to where each cell collects them anew.
CREATE OR REPLACE VIEW cell_binary_cells AS
SELECT m.specimen AS sample, c.cell_id, c.x, c.y, c.phenotypes, c.intensities
FROM specimen_data_measurement_process m
LEFT JOIN range_definitions r ON r.scope_identifier = m.specimen AND r.tablename = 'expression_quantification'
CROSS JOIN LATERAL (
	SELECT i.histological_structure::bigint AS cell_id, s.x, s.y,
		cell_mask((
			SELECT cell_masks_agg(e.histological_structure, e.target, (e.discrete_value = 'positive') IS TRUE, :'targets'::text[])
			FROM expression_quantification e
			WHERE e.range_identifier_integer BETWEEN r.lowest_value AND r.highest_value
		), i.histological_structure::bigint) AS phenotypes,
		-- Scaled as SPT does before it encodes them.
		cell_intensities((
			SELECT cell_intensities_agg(e.histological_structure, e.target, e.quantity::double precision * 0.1, :'targets'::text[])
			FROM expression_quantification e
			WHERE e.range_identifier_integer BETWEEN r.lowest_value AND r.highest_value
		), i.histological_structure::bigint) AS intensities
	FROM data_file f
	JOIN histological_structure_identification i ON i.data_source = f.sha256_hash
	LEFT JOIN (
		-- The CASEs have no other purpose than that the centroids pass through the join, and not the contents.
		SELECT identifier,
			CASE WHEN base64_contents IS NOT NULL THEN (cell_shape_centroid(base64_contents)).x END AS x,
			CASE WHEN base64_contents IS NOT NULL THEN (cell_shape_centroid(base64_contents)).y END AS y
		FROM shape_file
	) s ON s.identifier = i.shape_file
	WHERE f.source_generation_process = m.identifier
	-- Nearly all structures are cells: the others are fewer to look for.
	AND NOT EXISTS (
		SELECT FROM histological_structure h
		WHERE h.identifier = i.histological_structure AND h.anatomical_entity IS DISTINCT FROM 'cell')
	OFFSET 0
) c
WHERE m.study = :'measurement';
COMMENT ON VIEW cell_binary_cells IS
'cells of the study, for cell_register_study; made by spt.sql of cell_binary';

ALTER VIEW cell_binary_features OWNER TO :"owner";
ALTER VIEW cell_binary_cells OWNER TO :"owner";
COMMIT;

-- Indexes that make a sample's rows quick to find, unless there are such.
-- PostgreSQL is not kept from writing meanwhile.
SELECT format('CREATE INDEX CONCURRENTLY %I ON %s %s', 'cell_binary_' || a.attname, a.attrelid::regclass, wanted.definition)
FROM (VALUES
	('expression_quantification', 'range_identifier_integer', 'USING brin (range_identifier_integer) WITH (autosummarize = on)'),
	('histological_structure_identification', 'data_source', '(data_source)')
) wanted (relation, attname, definition)
JOIN pg_attribute a ON a.attrelid = wanted.relation::regclass AND a.attname = wanted.attname
WHERE NOT EXISTS (SELECT FROM pg_index x WHERE x.indrelid = a.attrelid AND x.indkey[0] = a.attnum AND x.indisvalid AND x.indpred IS NULL) \gexec

SELECT format('SELECT %I.cell_register_study(%L, %L, phenotypes => %L, intensities => %L, features => ARRAY(SELECT symbol FROM %s ORDER BY bit));',
	(SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'cell_binary'),
	(SELECT primary_study FROM study_component WHERE component_study = :'measurement'),
	format('%I.cell_binary_cells', :'schema'), 'phenotypes', 'intensities', format('%I.cell_binary_features', :'schema')) AS registration \gset
SELECT pg_catalog.set_config('search_path', :'callers_search_path', false) \gset spt_
\echo The views are ready. To register the study, for example:
\echo :registration
