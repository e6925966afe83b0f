\echo Use "CREATE EXTENSION cell_binary" to load this file. \quit

-- ---------------------------------------------------------------------------
-- cell_pack: rows of cells into a payload
--
-- Not strict: a NULL in a row is an error, not a cell that goes missing.
-- The state is a set of cells in memory (src/cell_set.h); all forms of the
-- aggregate share what comes after the transition. SSPACE, what the planner
-- takes for its size, is that of a small slide, 100,000 cells of 20 bytes: with
-- less, GROUP BY would hash more samples at once than work_mem can hold.
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_pack_transfn(state internal, x integer, y integer, phenotypes bigint)
RETURNS internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_integer'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE FUNCTION cell_pack_transfn(state internal, x double precision, y double precision, phenotypes bigint)
RETURNS internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_double'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE FUNCTION cell_pack_transfn(state internal, cell_id bigint, x integer, y integer, phenotypes bigint)
RETURNS internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_integer'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE FUNCTION cell_pack_transfn(state internal, cell_id bigint, x double precision, y double precision, phenotypes bigint)
RETURNS internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_double'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE FUNCTION cell_pack_transfn(state internal, cell_id bigint, x integer, y integer, phenotypes bigint, layout text)
RETURNS internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_integer'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE FUNCTION cell_pack_transfn(state internal, cell_id bigint, x double precision, y double precision, phenotypes bigint, layout text)
RETURNS internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_double'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE FUNCTION cell_pack_combinefn(state internal, other internal)
RETURNS internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE FUNCTION cell_pack_serialfn(state internal)
RETURNS bytea AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION cell_pack_deserialfn(serialized bytea, state internal)
RETURNS internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION cell_pack_finalfn(state internal)
RETURNS bytea AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE AGGREGATE cell_pack(x integer, y integer, phenotypes bigint) (
	SFUNC = cell_pack_transfn, STYPE = internal, SSPACE = 2000000,
	FINALFUNC = cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = cell_pack_combinefn,
	SERIALFUNC = cell_pack_serialfn, DESERIALFUNC = cell_pack_deserialfn,
	PARALLEL = SAFE
);

CREATE AGGREGATE cell_pack(x double precision, y double precision, phenotypes bigint) (
	SFUNC = cell_pack_transfn, STYPE = internal, SSPACE = 2000000,
	FINALFUNC = cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = cell_pack_combinefn,
	SERIALFUNC = cell_pack_serialfn, DESERIALFUNC = cell_pack_deserialfn,
	PARALLEL = SAFE
);

CREATE AGGREGATE cell_pack(cell_id bigint, x integer, y integer, phenotypes bigint) (
	SFUNC = cell_pack_transfn, STYPE = internal, SSPACE = 2000000,
	FINALFUNC = cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = cell_pack_combinefn,
	SERIALFUNC = cell_pack_serialfn, DESERIALFUNC = cell_pack_deserialfn,
	PARALLEL = SAFE
);

CREATE AGGREGATE cell_pack(cell_id bigint, x double precision, y double precision, phenotypes bigint) (
	SFUNC = cell_pack_transfn, STYPE = internal, SSPACE = 2000000,
	FINALFUNC = cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = cell_pack_combinefn,
	SERIALFUNC = cell_pack_serialfn, DESERIALFUNC = cell_pack_deserialfn,
	PARALLEL = SAFE
);

CREATE AGGREGATE cell_pack(cell_id bigint, x integer, y integer, phenotypes bigint, layout text) (
	SFUNC = cell_pack_transfn, STYPE = internal, SSPACE = 2000000,
	FINALFUNC = cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = cell_pack_combinefn,
	SERIALFUNC = cell_pack_serialfn, DESERIALFUNC = cell_pack_deserialfn,
	PARALLEL = SAFE
);

CREATE AGGREGATE cell_pack(cell_id bigint, x double precision, y double precision, phenotypes bigint, layout text) (
	SFUNC = cell_pack_transfn, STYPE = internal, SSPACE = 2000000,
	FINALFUNC = cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = cell_pack_combinefn,
	SERIALFUNC = cell_pack_serialfn, DESERIALFUNC = cell_pack_deserialfn,
	PARALLEL = SAFE
);

COMMENT ON FUNCTION cell_pack_transfn(internal, integer, integer, bigint) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(internal, double precision, double precision, bigint) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(internal, bigint, integer, integer, bigint) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(internal, bigint, double precision, double precision, bigint) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(internal, bigint, integer, integer, bigint, text) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(internal, bigint, double precision, double precision, bigint, text) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_combinefn(internal, internal) IS
'support function of the aggregates cell_pack and cell_pack_intensities';
COMMENT ON FUNCTION cell_pack_serialfn(internal) IS
'support function of the aggregates cell_pack and cell_pack_intensities';
COMMENT ON FUNCTION cell_pack_deserialfn(bytea, internal) IS
'support function of the aggregates cell_pack and cell_pack_intensities';
COMMENT ON FUNCTION cell_pack_finalfn(internal) IS
'support function of the aggregates cell_pack and cell_pack_intensities';

COMMENT ON AGGREGATE cell_pack(integer, integer, bigint) IS
'packs cells into a compact payload, in the order the rows come';
COMMENT ON AGGREGATE cell_pack(double precision, double precision, bigint) IS
'packs cells into a compact payload, in the order the rows come; coordinates are truncated';
COMMENT ON AGGREGATE cell_pack(bigint, integer, integer, bigint) IS
'packs cells into a compact payload, ascending by cell_id';
COMMENT ON AGGREGATE cell_pack(bigint, double precision, double precision, bigint) IS
'packs cells into a compact payload, ascending by cell_id; coordinates are truncated';
COMMENT ON AGGREGATE cell_pack(bigint, integer, integer, bigint, text) IS
'packs cells into a payload of the given layout, ascending by cell_id';
COMMENT ON AGGREGATE cell_pack(bigint, double precision, double precision, bigint, text) IS
'packs cells into a payload of the given layout, ascending by cell_id; coordinates are truncated';

CREATE FUNCTION cell_empty(layout text DEFAULT 'compact')
RETURNS bytea AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_empty(text) IS
'payload of a slide without cells, for coalesce(cell_pack(...), cell_empty(...))';

-- ---------------------------------------------------------------------------
-- Reading a payload
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_unpack(
	payload bytea, layout text DEFAULT 'compact',
	OUT cell_id bigint, OUT x bigint, OUT y bigint, OUT phenotypes bigint)
RETURNS SETOF record AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000 ROWS 100000;
COMMENT ON FUNCTION cell_unpack(bytea, text) IS
'cells of a payload as rows, in the payload''s order; cell_id is null where the layout has none';

CREATE FUNCTION cell_info(
	payload bytea, layout text DEFAULT 'compact',
	OUT cells bigint, OUT bytes bigint,
	OUT min_x bigint, OUT max_x bigint, OUT min_y bigint, OUT max_y bigint)
RETURNS record AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION cell_info(bytea, text) IS
'number of cells, size and extent of a payload, which is validated';

CREATE FUNCTION cell_count(
	payload bytea, all_of bigint DEFAULT 0, none_of bigint DEFAULT 0,
	layout text DEFAULT 'compact')
RETURNS bigint AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION cell_count(bytea, bigint, bigint, text) IS
'number of cells that are positive for every feature in all_of and for none in none_of';

-- ---------------------------------------------------------------------------
-- Codings: a payload for transport
--
-- COST says that it is far more than to read a payload, and to encode more
-- than to decode. cell_encode is not strict, as the level may be null.
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_encode(payload bytea, coding text, level integer DEFAULT NULL)
RETURNS bytea AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION cell_encode(bytea, text, integer) IS
'payload in an HTTP content coding: identity, gzip, zstd or br';

CREATE FUNCTION cell_decode(encoded bytea, coding text)
RETURNS bytea AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30000;
COMMENT ON FUNCTION cell_decode(bytea, text) IS
'payload from an HTTP content coding: identity, gzip, zstd or br';

-- ---------------------------------------------------------------------------
-- Phenotype masks
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_phenotypes(VARIADIC positive boolean[])
RETURNS bigint AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_phenotypes(boolean[]) IS
'phenotype mask of a cell, the first argument being bit 0';

CREATE FUNCTION cell_phenotypes_transfn(mask bigint, feature integer, positive boolean)
RETURNS bigint AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_phenotypes_transfn(bigint, integer, boolean) IS
'support function of the aggregate cell_phenotypes_agg';

CREATE AGGREGATE cell_phenotypes_agg(feature integer, positive boolean) (
	SFUNC = cell_phenotypes_transfn, STYPE = bigint,
	COMBINEFUNC = pg_catalog.int8or,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cell_phenotypes_agg(integer, boolean) IS
'phenotype mask of a cell from one row for each feature; a feature''s bit is set if any of its rows is positive';

-- ---------------------------------------------------------------------------
-- Long tables: a row for each cell and feature
--
-- The aggregates collect all cells of a sample in one value, in which the
-- functions find a cell. The features argument has the names in the order of the bits; if
-- it is a constant it is looked at once, otherwise for each row. SSPACE is that
-- of 100,000 cells, with 30 intensities.
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_masks_transfn(state internal, cell text, feature text, positive boolean, features text[])
RETURNS internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_masks_transfn(internal, text, text, boolean, text[]) IS
'support function of the aggregate cell_masks_agg';

CREATE FUNCTION cell_intensities_transfn(state internal, cell text, feature text, intensity double precision, features text[])
RETURNS internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_intensities_transfn(internal, text, text, double precision, text[]) IS
'support function of the aggregate cell_intensities_agg';

CREATE FUNCTION cell_features_combinefn(state internal, other internal)
RETURNS internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_features_combinefn(internal, internal) IS
'support function of the aggregates cell_masks_agg and cell_intensities_agg';

CREATE FUNCTION cell_features_serialfn(state internal)
RETURNS bytea AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_features_serialfn(internal) IS
'support function of the aggregates cell_masks_agg and cell_intensities_agg';

CREATE FUNCTION cell_features_deserialfn(serialized bytea, state internal)
RETURNS internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_features_deserialfn(bytea, internal) IS
'support function of the aggregates cell_masks_agg and cell_intensities_agg';

CREATE FUNCTION cell_features_finalfn(state internal)
RETURNS bytea AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_features_finalfn(internal) IS
'support function of the aggregates cell_masks_agg and cell_intensities_agg';

CREATE AGGREGATE cell_masks_agg(cell text, feature text, positive boolean, features text[]) (
	SFUNC = cell_masks_transfn, STYPE = internal, SSPACE = 2000000,
	FINALFUNC = cell_features_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = cell_features_combinefn,
	SERIALFUNC = cell_features_serialfn, DESERIALFUNC = cell_features_deserialfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cell_masks_agg(text, text, boolean, text[]) IS
'phenotype masks of many cells from one row for each cell and feature, for the function cell_mask';

CREATE AGGREGATE cell_intensities_agg(cell text, feature text, intensity double precision, features text[]) (
	SFUNC = cell_intensities_transfn, STYPE = internal, SSPACE = 26000000,
	FINALFUNC = cell_features_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = cell_features_combinefn,
	SERIALFUNC = cell_features_serialfn, DESERIALFUNC = cell_features_deserialfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cell_intensities_agg(text, text, double precision, text[]) IS
'intensities of many cells from one row for each cell and feature, for the function cell_intensities';

CREATE FUNCTION cell_mask(collected bytea, cell_id bigint)
RETURNS bigint AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_mask(bytea, bigint) IS
'phenotype mask of a cell, from what cell_masks_agg collected';

CREATE FUNCTION cell_intensities(collected bytea, cell_id bigint)
RETURNS double precision[] AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION cell_intensities(bytea, bigint) IS
'intensities of a cell, from what cell_intensities_agg collected';

-- ---------------------------------------------------------------------------
-- Intensities: numbers in one byte
--
-- The state of the aggregate is a set of cells like that of cell_pack, whose
-- functions it shares. SSPACE is that of 100,000 cells with 30 intensities.
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_pack_intensities_transfn(state internal, cell_id bigint, intensities real[])
RETURNS internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_pack_intensities_transfn(internal, bigint, real[]) IS
'support function of the aggregate cell_pack_intensities';

CREATE FUNCTION cell_pack_intensities_transfn(state internal, cell_id bigint, intensities double precision[])
RETURNS internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_pack_intensities_transfn(internal, bigint, double precision[]) IS
'support function of the aggregate cell_pack_intensities';

CREATE AGGREGATE cell_pack_intensities(cell_id bigint, intensities real[]) (
	SFUNC = cell_pack_intensities_transfn, STYPE = internal, SSPACE = 3400000,
	FINALFUNC = cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = cell_pack_combinefn,
	SERIALFUNC = cell_pack_serialfn, DESERIALFUNC = cell_pack_deserialfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cell_pack_intensities(bigint, real[]) IS
'packs the intensities of cells into a payload, one byte each, ascending by cell_id';

CREATE AGGREGATE cell_pack_intensities(cell_id bigint, intensities double precision[]) (
	SFUNC = cell_pack_intensities_transfn, STYPE = internal, SSPACE = 3400000,
	FINALFUNC = cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = cell_pack_combinefn,
	SERIALFUNC = cell_pack_serialfn, DESERIALFUNC = cell_pack_deserialfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cell_pack_intensities(bigint, double precision[]) IS
'packs the intensities of cells into a payload, one byte each, ascending by cell_id';

CREATE FUNCTION cell_float8_encode(value double precision)
RETURNS smallint AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_float8_encode(double precision) IS
'code from 0 to 255 of a number from 0 to 1, in the 8-bit floating-point format of SPT';

CREATE FUNCTION cell_float8_decode(code smallint)
RETURNS double precision AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_float8_decode(smallint) IS
'number from 0 to 1 that a code from 0 to 255 stands for, in the 8-bit floating-point format of SPT';

-- ---------------------------------------------------------------------------
-- Shapes: where a cell is, by its outline
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_shape_centroid(contents text, OUT x double precision, OUT y double precision)
RETURNS record AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION cell_shape_centroid(text) IS
'mean of the vertices of the polygon in an ESRI shapefile in base64, as SPT stores the outline of a cell';

-- ---------------------------------------------------------------------------
-- Chunks: a payload in pieces
--
-- A plain query, which the planner puts in the place of the call: rows are made
-- as they are asked for, and of a payload that is stored as it is (STORAGE
-- EXTERNAL) each reads its own bytes only.
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_chunk_count(bytes bigint, chunk_bytes integer)
RETURNS integer AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_chunk_count(bigint, integer) IS
'support function of cell_chunks and cell_data_chunks';

CREATE FUNCTION cell_chunks(
	payload bytea, chunk_bytes integer DEFAULT 1048576,
	OUT chunk integer, OUT byte_offset bigint, OUT body bytea)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
	SELECT n.chunk, n.chunk::bigint * chunk_bytes, substring(p.bytes, n.chunk * chunk_bytes + 1, chunk_bytes)
	FROM (
		-- A compressed value is decompressed once, and not for each chunk.
		SELECT CASE WHEN pg_column_compression(payload) IS NULL THEN payload ELSE payload || '\x'::bytea END OFFSET 0
	) p (bytes),
	LATERAL generate_series(0, cell_chunk_count(octet_length(p.bytes), chunk_bytes) - 1) n (chunk);
END;
COMMENT ON FUNCTION cell_chunks(bytea, integer) IS
'bytes of a payload in rows of a fixed size, the last one being smaller';

-- ---------------------------------------------------------------------------
-- Studies: where cells are
--
-- The registry is dumped with the database. Who installed the extension may
-- read and fill it, as pg_dump and pg_restore do; others use the functions.
-- ---------------------------------------------------------------------------

CREATE SEQUENCE cell_study_id AS integer;
COMMENT ON SEQUENCE cell_study_id IS
'ids of registered studies; none is used twice';

CREATE TABLE cell_study (
	id integer PRIMARY KEY,
	study text COLLATE "C" NOT NULL CONSTRAINT cell_study_name UNIQUE,
	source regclass NOT NULL,
	store boolean NOT NULL,
	registered_by name NOT NULL,
	sample_column name NOT NULL,
	cell_id_column name NOT NULL,
	x_column name NOT NULL,
	y_column name NOT NULL,
	phenotypes_column name,
	feature_columns name[],
	features text[] NOT NULL,
	intensities_column name
) USING heap;
COMMENT ON TABLE cell_study IS
'registered studies: the relation and the columns that their cells are in';

SELECT pg_catalog.pg_extension_config_dump('cell_study', '');
SELECT pg_catalog.pg_extension_config_dump('cell_study_id', '');
REVOKE ALL ON cell_study, cell_study_id FROM PUBLIC;
GRANT SELECT, INSERT ON cell_study TO @extowner@;
GRANT SELECT, UPDATE ON cell_study_id TO @extowner@;

CREATE VIEW cell_studies WITH (security_barrier) AS
SELECT study, source, store, features, intensities_column IS NOT NULL AS intensities
FROM cell_study
WHERE pg_catalog.has_table_privilege(source, 'SELECT') OR pg_catalog.has_any_column_privilege(source, 'SELECT');
COMMENT ON VIEW cell_studies IS
'registered studies whose source the current role may read';
GRANT SELECT ON cell_studies TO PUBLIC;

CREATE FUNCTION cell_register_study(
	study text, source regclass,
	sample name DEFAULT 'sample', cell_id name DEFAULT 'cell_id',
	x name DEFAULT 'x', y name DEFAULT 'y',
	phenotypes name DEFAULT NULL, feature_columns name[] DEFAULT NULL,
	features text[] DEFAULT NULL, store boolean DEFAULT NULL,
	intensities name DEFAULT NULL)
RETURNS void AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_register_study(text, regclass, name, name, name, name, name, name[], text[], boolean, name) IS
'says where the cells and features of a study are, and has changes of them noticed';

CREATE FUNCTION cell_drop_study(study text)
RETURNS void AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_drop_study(text) IS
'forgets a study, its stored payloads and its triggers; the cells are not touched';

CREATE FUNCTION cell_track_study(study text)
RETURNS void AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_track_study(text) IS
'makes the triggers that tables of a study''s source lack, as new partitions do';

CREATE FUNCTION cell_feature_names(study text, OUT "bit" integer, OUT feature text)
RETURNS SETOF record AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 64;
COMMENT ON FUNCTION cell_feature_names(text) IS
'features of a study and the bits of the phenotype mask that they are';

CREATE FUNCTION cell_feature_names_json(study text)
RETURNS json
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE
RETURN (
	SELECT json_build_object('names', coalesce(json_agg(json_build_object('symbol', feature, 'full_name', '') ORDER BY "bit"), '[]'))
	FROM cell_feature_names(study)
);
COMMENT ON FUNCTION cell_feature_names_json(text) IS
'features of a study, in the order of their bits, as SPT serves them';

CREATE FUNCTION cell_samples(study text)
RETURNS SETOF text AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 200 COST 100000;
COMMENT ON FUNCTION cell_samples(text) IS
'samples of a study, in order';

CREATE FUNCTION cell_positive(value bigint)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_positive(bigint) IS
'true for 1 and false for 0, as integer columns of features have them; others are an error';

-- ---------------------------------------------------------------------------
-- The store of ready payloads (src/store.h, src/change.h)
--
-- Payloads are made of the cells and can be made again: they are unlogged, take
-- no part in replication, and are gone after a crash. The record of changes, by
-- which payloads are known to be right, is logged: a prepared transaction's
-- change must be there when it commits after the crash. The tables are read and
-- written by C functions only, which check what their caller may do.
-- ---------------------------------------------------------------------------

CREATE UNLOGGED TABLE cell_payload (
	study integer NOT NULL,
	sample_hash bigint NOT NULL,
	packed_by xid8 NOT NULL,
	source_state bigint NOT NULL,
	cells bigint NOT NULL,
	bytes bigint NOT NULL,
	used_at timestamptz NOT NULL,
	sample text COLLATE "C" NOT NULL,
	layout text COLLATE "C" NOT NULL,
	coding text COLLATE "C" NOT NULL,
	etag text COLLATE "C" NOT NULL,
	as_of pg_snapshot NOT NULL,
	payload bytea NOT NULL
) USING heap WITH (
	fillfactor = 90,
	autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_scale_factor = 0.05
);
-- What is read before it is known that the row stays is in the row itself.
ALTER TABLE cell_payload ALTER payload SET STORAGE EXTERNAL,
	ALTER sample SET STORAGE MAIN, ALTER as_of SET STORAGE MAIN;
CREATE INDEX cell_payload_sample ON cell_payload (study, sample_hash);
COMMENT ON TABLE cell_payload IS
'ready payloads, each with the snapshot that it was packed from';

CREATE TABLE cell_change (
	study integer NOT NULL,
	sample_hash bigint NOT NULL,
	changed_by xid8 NOT NULL
) USING heap WITH (fillfactor = 50);
CREATE INDEX cell_change_sample ON cell_change (study, sample_hash);
-- Rows are overwritten, which a publication of all tables would trip over.
ALTER TABLE cell_change REPLICA IDENTITY FULL;
COMMENT ON TABLE cell_change IS
'the last transactions that changed the cells of a sample; sample_hash 0 stands for every sample';

CREATE UNLOGGED TABLE cell_store_count (
	study integer NOT NULL,
	hits bigint NOT NULL,
	misses bigint NOT NULL,
	waits bigint NOT NULL,
	direct bigint NOT NULL,
	packings bigint NOT NULL,
	packing_us bigint NOT NULL,
	served_bytes bigint NOT NULL,
	evictions bigint NOT NULL
) USING heap;
CREATE INDEX cell_store_count_study ON cell_store_count (study);
COMMENT ON TABLE cell_store_count IS
'counters of the use of the store; rows are changed in place, like those of a sequence';

REVOKE ALL ON cell_payload, cell_change, cell_store_count FROM PUBLIC;

CREATE VIEW cell_store_stats AS
SELECT s.study,
	coalesce(c.hits, 0) AS hits, coalesce(c.misses, 0) AS misses,
	coalesce(c.waits, 0) AS waits, coalesce(c.direct, 0) AS direct,
	coalesce(c.packings, 0) AS packings,
	pg_catalog.make_interval(secs => coalesce(c.packing_us, 0) / 1e6) AS packing_time,
	coalesce(c.served_bytes, 0) AS served_bytes,
	coalesce(c.evictions, 0) AS evictions,
	coalesce(p.payloads, 0) AS stored_payloads, coalesce(p.bytes, 0) AS stored_bytes
FROM cell_study s
LEFT JOIN (
	SELECT study, sum(hits)::bigint AS hits, sum(misses)::bigint AS misses, sum(waits)::bigint AS waits,
		sum(direct)::bigint AS direct, sum(packings)::bigint AS packings, sum(packing_us)::bigint AS packing_us,
		sum(served_bytes)::bigint AS served_bytes, sum(evictions)::bigint AS evictions
	FROM cell_store_count GROUP BY study
) c ON c.study = s.id
LEFT JOIN (
	SELECT study, count(*) AS payloads, sum(bytes)::bigint AS bytes FROM cell_payload GROUP BY study
) p ON p.study = s.id;
COMMENT ON VIEW cell_store_stats IS
'use of the store, by study: since it was registered, or since the last crash';
REVOKE ALL ON cell_store_stats FROM PUBLIC;
GRANT SELECT ON cell_store_stats TO pg_monitor;
GRANT SELECT ON cell_store_stats TO @extowner@;

CREATE FUNCTION cell_source_changed()
RETURNS trigger AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_source_changed() IS
'trigger that makes payloads of changed samples unusable; cell_register_study makes it';

CREATE FUNCTION cell_invalidate(study text, sample text DEFAULT NULL)
RETURNS void AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_invalidate(text, text) IS
'makes the stored payloads of a sample, or of all samples of a study, unusable';

-- ---------------------------------------------------------------------------
-- Serving
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_data(
	study text, sample text, layout text DEFAULT 'compact', coding text DEFAULT 'identity')
RETURNS bytea AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION cell_data(text, text, text, text) IS
'payload of a sample, in a layout and a content coding; packed if it is not ready';

CREATE FUNCTION cell_data_head(
	study text, sample text, layout text DEFAULT 'compact', coding text DEFAULT 'identity',
	OUT cells bigint, OUT bytes bigint, OUT etag text)
RETURNS record AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION cell_data_head(text, text, text, text) IS
'number of cells, length and strong ETag of what cell_data gives';

CREATE FUNCTION cell_data_chunks(
	study text, sample text, layout text DEFAULT 'compact', coding text DEFAULT 'identity',
	chunk_bytes integer DEFAULT 1048576,
	OUT chunk integer, OUT byte_offset bigint, OUT body bytea)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 100
BEGIN ATOMIC
	SELECT c.chunk, c.byte_offset, c.body
	FROM (SELECT cell_data(study, sample, layout, coding) OFFSET 0) p (bytes), LATERAL cell_chunks(p.bytes, chunk_bytes) c;
END;
COMMENT ON FUNCTION cell_data_chunks(text, text, text, text, integer) IS
'what cell_data gives, in rows of a fixed size, the last one being smaller';

CREATE FUNCTION cell_data_samples(
	study text, layout text DEFAULT 'compact', coding text DEFAULT 'identity',
	OUT sample text, OUT cells bigint, OUT payload bytea)
RETURNS SETOF record AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000 ROWS 100;
COMMENT ON FUNCTION cell_data_samples(text, text, text) IS
'every sample of a study, packed in one pass over its source';

CREATE FUNCTION cell_subsample(study text, cells bigint, seed bigint DEFAULT 0)
RETURNS bytea AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION cell_subsample(text, bigint, bigint) IS
'intensities of a number of a study''s cells, of each sample in proportion to its size';

CREATE FUNCTION cell_subsample_metadata(study text, cells bigint)
RETURNS json AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION cell_subsample_metadata(text, bigint) IS
'what cell_subsample has of each sample, the thresholds of its channels, and their order';

CREATE FUNCTION cell_make_ready(
	study text, sample text, layout text, coding text,
	OUT outcome text, OUT cells bigint, OUT bytes bigint)
RETURNS record AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION cell_make_ready(text, text, text, text) IS
'support function of cell_prepare: packs what is missing, and says what was done';

CREATE PROCEDURE cell_prepare(
	study text, sample text DEFAULT NULL, layout text DEFAULT 'compact', coding text DEFAULT 'identity')
LANGUAGE plpgsql
AS $$
-- A procedure that commits cannot set its search_path: nothing here is looked up
-- in it, no operator either.
DECLARE
	samples pg_catalog.text[];
	done record;
	failed pg_catalog.int4[];
BEGIN
	IF study IS NULL OR layout IS NULL OR coding IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = 'study, layout and coding must not be null';
	END IF;
	COMMIT;   -- An error in a transaction block, before anything is packed

	samples := CASE WHEN sample IS NULL THEN ARRAY(SELECT @extschema@.cell_samples(study)) ELSE ARRAY[sample] END;
	FOR i IN 1 .. pg_catalog.cardinality(samples) LOOP
		BEGIN
			SELECT * INTO done FROM @extschema@.cell_make_ready(study, samples[i], layout, coding);
			RAISE NOTICE 'sample "%" (% of %): %, % cells, % bytes',
				samples[i], i, pg_catalog.cardinality(samples), done.outcome, done.cells, done.bytes;
		EXCEPTION
			WHEN no_data_found THEN
				-- Of all samples, one may be gone by now.
				IF sample IS NOT NULL THEN
					RAISE;
				END IF;
			WHEN OTHERS THEN
				-- A sample with bad cells does not keep the others from being packed.
				IF sample IS NOT NULL THEN
					RAISE;
				END IF;
				RAISE WARNING 'sample "%" (% of %): %', samples[i], i, pg_catalog.cardinality(samples), SQLERRM
					USING ERRCODE = SQLSTATE;
				failed := pg_catalog.array_append(failed, i);
		END;
		COMMIT;
	END LOOP;
	IF failed IS NOT NULL THEN
		RAISE data_exception USING MESSAGE = pg_catalog.format('%s of %s samples of study "%s" could not be made ready',
			pg_catalog.cardinality(failed), pg_catalog.cardinality(samples), study),
			DETAIL = 'The warnings say why; the others are ready.';
	END IF;
END
$$;
COMMENT ON PROCEDURE cell_prepare(text, text, text, text) IS
'packs the samples of a study that are not ready, and commits after each';
