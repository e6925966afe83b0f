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
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_serialfn(internal) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_deserialfn(bytea, internal) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_finalfn(internal) IS
'support function of the aggregate cell_pack';

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
