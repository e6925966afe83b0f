\echo Use "ALTER EXTENSION cell_binary UPDATE TO '0.2.0'" to load this file. \quit

-- The layouts of cell_pack, as a type without a collation. postgres_fdw sends an aggregate to
-- another server only if its arguments have no collation, or that of a foreign table's column.
CREATE TYPE cell_layout AS ENUM ('compact', 'spt', 'dense', 'arrow', 'intensity');
COMMENT ON TYPE cell_layout IS
'layout of a payload, as an argument of cell_pack that postgres_fdw can send to another server';

CREATE FUNCTION cell_pack_transfn(
	state pg_catalog.internal, cell_id bigint, x integer, y integer, phenotypes bigint,
	layout @extschema@.cell_layout)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME', 'cell_pack_layout_transfn_integer'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;

CREATE FUNCTION cell_pack_transfn(
	state pg_catalog.internal, cell_id bigint, x double precision, y double precision,
	phenotypes bigint, layout @extschema@.cell_layout)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME', 'cell_pack_layout_transfn_double'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;

CREATE AGGREGATE cell_pack(
	cell_id bigint, x integer, y integer, phenotypes bigint, layout @extschema@.cell_layout) (
	SFUNC = @extschema@.cell_pack_transfn, STYPE = pg_catalog.internal, SSPACE = 2000000,
	FINALFUNC = @extschema@.cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_pack_combinefn,
	SERIALFUNC = @extschema@.cell_pack_serialfn, DESERIALFUNC = @extschema@.cell_pack_deserialfn,
	PARALLEL = SAFE
);

CREATE AGGREGATE cell_pack(
	cell_id bigint, x double precision, y double precision, phenotypes bigint,
	layout @extschema@.cell_layout) (
	SFUNC = @extschema@.cell_pack_transfn, STYPE = pg_catalog.internal, SSPACE = 2000000,
	FINALFUNC = @extschema@.cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_pack_combinefn,
	SERIALFUNC = @extschema@.cell_pack_serialfn, DESERIALFUNC = @extschema@.cell_pack_deserialfn,
	PARALLEL = SAFE
);

COMMENT ON FUNCTION cell_pack_transfn(
	pg_catalog.internal, bigint, integer, integer, bigint, @extschema@.cell_layout) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(
	pg_catalog.internal, bigint, double precision, double precision, bigint,
	@extschema@.cell_layout) IS
'support function of the aggregate cell_pack';
COMMENT ON AGGREGATE cell_pack(bigint, integer, integer, bigint, @extschema@.cell_layout) IS
'packs cells into a payload of the given layout, sorted by cell_id';
COMMENT ON AGGREGATE cell_pack(
	bigint, double precision, double precision, bigint, @extschema@.cell_layout) IS
'packs cells into a payload of the given layout, sorted by cell_id; truncates coordinates';

ALTER TABLE @extschema@.cell_study ADD payloads pg_catalog.regclass,
	ADD CONSTRAINT cell_study_payloads CHECK (payloads IS NULL OR NOT store);

CREATE OR REPLACE VIEW @extschema@.cell_studies WITH (security_barrier) AS
SELECT study, source, store, features, intensities_column IS NOT NULL AS intensities, listed,
	subsample_cells, subsample_seed, sample_column, cell_id_column, x_column, y_column,
	phenotypes_column, feature_columns, intensities_column, payloads
FROM @extschema@.cell_study
WHERE pg_catalog.has_table_privilege(source, 'SELECT')
	OR pg_catalog.has_any_column_privilege(source, 'SELECT');

CREATE FUNCTION cell_set_payloads(study pg_catalog.text, payloads pg_catalog.regclass)
RETURNS pg_catalog.void AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_set_payloads(pg_catalog.text, pg_catalog.regclass) IS
'lets a study take the payloads of its samples from another relation, or from none';

-- The view that cell_create_payload_view creates calls these functions, which are cell_data and
-- cell_data_head under other names. They are not volatile, so that a query of the view computes
-- only the columns that it reads. A payload can be stored by a call, which no query can notice.
-- In READ COMMITTED, two calls can return different payloads, as two calls of cell_data can. The
-- columns about one payload come from one call.
CREATE FUNCTION cell_view_payload(
	study pg_catalog.text, sample pg_catalog.text, layout pg_catalog.text, coding pg_catalog.text)
RETURNS pg_catalog.bytea AS 'MODULE_PATHNAME', 'cell_data'
LANGUAGE C STABLE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION cell_view_payload(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) IS
'support function of the views that cell_create_payload_view creates';

CREATE FUNCTION cell_view_head(
	study pg_catalog.text, sample pg_catalog.text, layout pg_catalog.text, coding pg_catalog.text,
	OUT cells bigint, OUT bytes bigint, OUT etag pg_catalog.text)
RETURNS pg_catalog.record AS 'MODULE_PATHNAME', 'cell_data_head'
LANGUAGE C STABLE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION cell_view_head(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) IS
'support function of the views that cell_create_payload_view creates';

CREATE FUNCTION cell_create_payload_view(study pg_catalog.text, view pg_catalog.text)
RETURNS pg_catalog.regclass
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
AS $$
-- The function has no search_path of its own, because the caller's decides where a view without a
-- schema is created. Every other name, and every operator, is schema-qualified.
DECLARE
	has_intensities pg_catalog.bool;
	parts pg_catalog.text[];
	name pg_catalog.text;
BEGIN
	-- An error if the study does not exist, or the caller cannot read it.
	PERFORM FROM @extschema@.cell_feature_names(study);
	SELECT s.intensities INTO has_intensities FROM @extschema@.cell_studies s
	WHERE s.study OPERATOR(pg_catalog.=) cell_create_payload_view.study;
	-- With its schema, the name cannot lead to another relation afterwards.
	parts := pg_catalog.parse_ident(view);
	IF pg_catalog.cardinality(parts) OPERATOR(pg_catalog.=) 1
		AND pg_catalog.current_schema() IS NOT NULL THEN
		parts := pg_catalog.array_prepend(pg_catalog.current_schema()::pg_catalog.text, parts);
	END IF;
	SELECT pg_catalog.string_agg(pg_catalog.quote_ident(part), '.' ORDER BY place) INTO name
	FROM pg_catalog.unnest(parts) WITH ORDINALITY p (part, place);
	EXECUTE pg_catalog.format($view$
		CREATE VIEW %1$s AS
		SELECT s.sample, l.layout::pg_catalog.text, c.coding,
			(h.head).cells, (h.head).bytes, (h.head).etag,
			%5$s.cell_view_payload(%2$L, s.sample, l.layout::pg_catalog.text, c.coding)
				AS payload
		FROM %5$s.cell_samples(%2$L) s (sample)
		CROSS JOIN pg_catalog.unnest(%3$L::%5$s.cell_layout[]) l (layout)
		CROSS JOIN pg_catalog.unnest(%4$L::pg_catalog.text[]) c (coding)
		CROSS JOIN LATERAL (
			SELECT %5$s.cell_view_head(
				%2$L, s.sample, l.layout::pg_catalog.text, c.coding) OFFSET 0) h (head)$view$,
		name, study, ARRAY(
			SELECT layout
			FROM pg_catalog.unnest(pg_catalog.enum_range(NULL::@extschema@.cell_layout)) layout
			WHERE has_intensities
				OR layout::pg_catalog.text OPERATOR(pg_catalog.<>) 'intensity'::pg_catalog.text),
		'{identity,gzip,zstd,br}', '@extschema@');
	RETURN name::pg_catalog.regclass;
END
$$;
COMMENT ON FUNCTION cell_create_payload_view(pg_catalog.text, pg_catalog.text) IS
'creates a view of the payloads of a study, from which another server can take them';
