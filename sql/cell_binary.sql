\echo Use "CREATE EXTENSION cell_binary" to load this file. \quit

-- ---------------------------------------------------------------------------
-- cell_pack: an aggregate that packs rows of cells into a payload
--
-- The transition functions are not strict, because a NULL in a row must raise an
-- error; a strict function would leave the cell out. The state is a set of cells
-- in memory (src/pack/cell_set.h). All forms of the aggregate share the functions
-- that follow the transition.
--
-- SSPACE is the size that the planner assumes for a state. It is that of a small
-- slide: 100,000 cells of 20 bytes. With a smaller value, GROUP BY would hash more
-- samples at the same time than fit into work_mem.
-- ---------------------------------------------------------------------------

-- The planner calls this function, which loads the library, and with it the hook
-- that adds scans to its plans, before it plans a query with one of the aggregates.
CREATE FUNCTION cell_scan_support(request pg_catalog.internal)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_scan_support(pg_catalog.internal) IS
'support function of the aggregates that a scan can compute, for the planner';

-- The layouts of cell_pack, as a type without a collation. postgres_fdw sends an aggregate to
-- another server only if its arguments have no collation, or that of a foreign table's column.
CREATE TYPE cell_layout AS ENUM ('compact', 'spt', 'dense', 'arrow', 'intensity');
COMMENT ON TYPE cell_layout IS
'layout of a payload, as an argument of cell_pack that postgres_fdw can send to another server';

CREATE FUNCTION cell_pack_transfn(
	state pg_catalog.internal, x integer, y integer, phenotypes bigint)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_integer'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;

CREATE FUNCTION cell_pack_transfn(
	state pg_catalog.internal, x double precision, y double precision, phenotypes bigint)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_double'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;

CREATE FUNCTION cell_pack_transfn(
	state pg_catalog.internal, cell_id bigint, x integer, y integer, phenotypes bigint)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_integer'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;

CREATE FUNCTION cell_pack_transfn(
	state pg_catalog.internal, cell_id bigint, x double precision, y double precision,
	phenotypes bigint)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_double'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;

CREATE FUNCTION cell_pack_transfn(
	state pg_catalog.internal, cell_id bigint, x integer, y integer, phenotypes bigint,
	layout pg_catalog.text)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_integer'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;

CREATE FUNCTION cell_pack_transfn(
	state pg_catalog.internal, cell_id bigint, x double precision, y double precision,
	phenotypes bigint, layout pg_catalog.text)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_double'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;

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

CREATE FUNCTION cell_pack_combinefn(state pg_catalog.internal, other pg_catalog.internal)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE FUNCTION cell_pack_serialfn(state pg_catalog.internal)
RETURNS pg_catalog.bytea AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION cell_pack_deserialfn(serialized pg_catalog.bytea, state pg_catalog.internal)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION cell_pack_finalfn(state pg_catalog.internal)
RETURNS pg_catalog.bytea AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE AGGREGATE cell_pack(x integer, y integer, phenotypes bigint) (
	SFUNC = @extschema@.cell_pack_transfn, STYPE = pg_catalog.internal, SSPACE = 2000000,
	FINALFUNC = @extschema@.cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_pack_combinefn,
	SERIALFUNC = @extschema@.cell_pack_serialfn, DESERIALFUNC = @extschema@.cell_pack_deserialfn,
	PARALLEL = SAFE
);

CREATE AGGREGATE cell_pack(x double precision, y double precision, phenotypes bigint) (
	SFUNC = @extschema@.cell_pack_transfn, STYPE = pg_catalog.internal, SSPACE = 2000000,
	FINALFUNC = @extschema@.cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_pack_combinefn,
	SERIALFUNC = @extschema@.cell_pack_serialfn, DESERIALFUNC = @extschema@.cell_pack_deserialfn,
	PARALLEL = SAFE
);

CREATE AGGREGATE cell_pack(cell_id bigint, x integer, y integer, phenotypes bigint) (
	SFUNC = @extschema@.cell_pack_transfn, STYPE = pg_catalog.internal, SSPACE = 2000000,
	FINALFUNC = @extschema@.cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_pack_combinefn,
	SERIALFUNC = @extschema@.cell_pack_serialfn, DESERIALFUNC = @extschema@.cell_pack_deserialfn,
	PARALLEL = SAFE
);

CREATE AGGREGATE cell_pack(
	cell_id bigint, x double precision, y double precision, phenotypes bigint) (
	SFUNC = @extschema@.cell_pack_transfn, STYPE = pg_catalog.internal, SSPACE = 2000000,
	FINALFUNC = @extschema@.cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_pack_combinefn,
	SERIALFUNC = @extschema@.cell_pack_serialfn, DESERIALFUNC = @extschema@.cell_pack_deserialfn,
	PARALLEL = SAFE
);

CREATE AGGREGATE cell_pack(
	cell_id bigint, x integer, y integer, phenotypes bigint, layout pg_catalog.text) (
	SFUNC = @extschema@.cell_pack_transfn, STYPE = pg_catalog.internal, SSPACE = 2000000,
	FINALFUNC = @extschema@.cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_pack_combinefn,
	SERIALFUNC = @extschema@.cell_pack_serialfn, DESERIALFUNC = @extschema@.cell_pack_deserialfn,
	PARALLEL = SAFE
);

CREATE AGGREGATE cell_pack(
	cell_id bigint, x double precision, y double precision, phenotypes bigint,
	layout pg_catalog.text) (
	SFUNC = @extschema@.cell_pack_transfn, STYPE = pg_catalog.internal, SSPACE = 2000000,
	FINALFUNC = @extschema@.cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_pack_combinefn,
	SERIALFUNC = @extschema@.cell_pack_serialfn, DESERIALFUNC = @extschema@.cell_pack_deserialfn,
	PARALLEL = SAFE
);

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

COMMENT ON FUNCTION cell_pack_transfn(pg_catalog.internal, integer, integer, bigint) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(
	pg_catalog.internal, double precision, double precision, bigint) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(pg_catalog.internal, bigint, integer, integer, bigint) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(
	pg_catalog.internal, bigint, double precision, double precision, bigint) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(
	pg_catalog.internal, bigint, integer, integer, bigint, pg_catalog.text) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(
	pg_catalog.internal, bigint, double precision, double precision, bigint, pg_catalog.text) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(
	pg_catalog.internal, bigint, integer, integer, bigint, @extschema@.cell_layout) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_transfn(
	pg_catalog.internal, bigint, double precision, double precision, bigint,
	@extschema@.cell_layout) IS
'support function of the aggregate cell_pack';
COMMENT ON FUNCTION cell_pack_combinefn(pg_catalog.internal, pg_catalog.internal) IS
'support function of the aggregates cell_pack and cell_pack_intensities';
COMMENT ON FUNCTION cell_pack_serialfn(pg_catalog.internal) IS
'support function of the aggregates cell_pack and cell_pack_intensities';
COMMENT ON FUNCTION cell_pack_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS
'support function of the aggregates cell_pack and cell_pack_intensities';
COMMENT ON FUNCTION cell_pack_finalfn(pg_catalog.internal) IS
'support function of the aggregates cell_pack and cell_pack_intensities';

COMMENT ON AGGREGATE cell_pack(integer, integer, bigint) IS
'packs cells into a payload of layout compact, in the order of the rows';
COMMENT ON AGGREGATE cell_pack(double precision, double precision, bigint) IS
'packs cells into a payload of layout compact, in the order of the rows; truncates coordinates';
COMMENT ON AGGREGATE cell_pack(bigint, integer, integer, bigint) IS
'packs cells into a payload of layout compact, sorted by cell_id';
COMMENT ON AGGREGATE cell_pack(bigint, double precision, double precision, bigint) IS
'packs cells into a payload of layout compact, sorted by cell_id; truncates coordinates';
COMMENT ON AGGREGATE cell_pack(bigint, integer, integer, bigint, pg_catalog.text) IS
'packs cells into a payload of the given layout, sorted by cell_id';
COMMENT ON AGGREGATE cell_pack(
	bigint, double precision, double precision, bigint, pg_catalog.text) IS
'packs cells into a payload of the given layout, sorted by cell_id; truncates coordinates';
COMMENT ON AGGREGATE cell_pack(bigint, integer, integer, bigint, @extschema@.cell_layout) IS
'packs cells into a payload of the given layout, sorted by cell_id';
COMMENT ON AGGREGATE cell_pack(
	bigint, double precision, double precision, bigint, @extschema@.cell_layout) IS
'packs cells into a payload of the given layout, sorted by cell_id; truncates coordinates';

CREATE FUNCTION cell_empty(layout pg_catalog.text DEFAULT 'compact')
RETURNS pg_catalog.bytea AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_empty(pg_catalog.text) IS
'payload of a slide without cells, for coalesce(cell_pack(...), cell_empty(...))';

-- ---------------------------------------------------------------------------
-- Reading a payload: its cells, its extent, counts by phenotypes
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_unpack(
	payload pg_catalog.bytea, layout pg_catalog.text DEFAULT 'compact',
	OUT cell_id bigint, OUT x bigint, OUT y bigint, OUT phenotypes bigint)
RETURNS SETOF pg_catalog.record AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000 ROWS 100000;
COMMENT ON FUNCTION cell_unpack(pg_catalog.bytea, pg_catalog.text) IS
'cells of a payload as rows, in the payload''s order; cell_id is null if the layout has no ids';

CREATE FUNCTION cell_unpack_intensities(
	payload pg_catalog.bytea, channels integer,
	OUT cell_id bigint, OUT intensities double precision[])
RETURNS SETOF pg_catalog.record AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000 ROWS 100000;
COMMENT ON FUNCTION cell_unpack_intensities(pg_catalog.bytea, integer) IS
'cells of a payload of layout intensity as rows, in the payload''s order';

CREATE FUNCTION cell_info(
	payload pg_catalog.bytea, layout pg_catalog.text DEFAULT 'compact',
	channels integer DEFAULT 0,
	OUT cells bigint, OUT bytes bigint,
	OUT min_x bigint, OUT max_x bigint, OUT min_y bigint, OUT max_y bigint)
RETURNS pg_catalog.record AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION cell_info(pg_catalog.bytea, pg_catalog.text, integer) IS
'validates a payload and returns its number of cells, its size and its extent';

CREATE FUNCTION cell_count(
	payload pg_catalog.bytea, all_of bigint DEFAULT 0, none_of bigint DEFAULT 0,
	layout pg_catalog.text DEFAULT 'compact', channels integer DEFAULT 0)
RETURNS bigint AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION cell_count(pg_catalog.bytea, bigint, bigint, pg_catalog.text, integer) IS
'number of cells that are positive for every feature in all_of and for no feature in none_of';

-- ---------------------------------------------------------------------------
-- Codings: payloads in an HTTP content coding, for transport
--
-- COST tells the planner that a coding takes much longer than reading a payload,
-- and that encoding takes longer than decoding. cell_encode is not strict because
-- the level can be null.
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_encode(
	payload pg_catalog.bytea, coding pg_catalog.text, level integer DEFAULT NULL)
RETURNS pg_catalog.bytea AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION cell_encode(pg_catalog.bytea, pg_catalog.text, integer) IS
'encodes a payload in an HTTP content coding: identity, gzip, zstd or br';

CREATE FUNCTION cell_decode(encoded pg_catalog.bytea, coding pg_catalog.text)
RETURNS pg_catalog.bytea AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30000;
COMMENT ON FUNCTION cell_decode(pg_catalog.bytea, pg_catalog.text) IS
'decodes a payload from an HTTP content coding: identity, gzip, zstd or br';

-- ---------------------------------------------------------------------------
-- Phenotypes: making the 64-bit mask of a cell from its features
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_phenotypes(VARIADIC "any")
RETURNS bigint AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_phenotypes("any") IS
'phenotypes of a cell from booleans; the first argument is bit 0';

-- The queries on a study call this function. A role that can create functions in the
-- schema of the extension can make one that matches a call of cell_phenotypes better,
-- but none that matches 64 booleans better.
CREATE FUNCTION cell_phenotypes_of(
	boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean,
	boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean,
	boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean,
	boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean,
	boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean,
	boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean,
	boolean, boolean, boolean, boolean)
RETURNS bigint AS 'MODULE_PATHNAME', 'cell_phenotypes'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_phenotypes_of(
	boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean,
	boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean,
	boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean,
	boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean,
	boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean,
	boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean, boolean,
	boolean, boolean, boolean, boolean) IS
'support function of the queries on a study: cell_phenotypes of 64 features';

CREATE FUNCTION cell_phenotypes_transfn(phenotypes bigint, feature integer, positive boolean)
RETURNS bigint AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_phenotypes_transfn(bigint, integer, boolean) IS
'support function of the aggregate cell_phenotypes_agg';

CREATE AGGREGATE cell_phenotypes_agg(feature integer, positive boolean) (
	SFUNC = @extschema@.cell_phenotypes_transfn, STYPE = bigint,
	COMBINEFUNC = pg_catalog.int8or,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cell_phenotypes_agg(integer, boolean) IS
'phenotypes of a cell from rows of features; a bit is set if any row of its feature is positive';

-- ---------------------------------------------------------------------------
-- Long tables: sources that have one row for each cell and feature
--
-- The aggregates collect all cells of a sample in one value. The functions look up
-- a cell in that value. The argument features lists the names in the order of the
-- bits; a constant list is read once, any other list for each row.
--
-- SSPACE is the size of a state of 100,000 cells; for cell_collect_intensities, with 30
-- intensities each.
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_collect_phenotypes_transfn(
	state pg_catalog.internal, cell pg_catalog.text, feature pg_catalog.text, positive boolean,
	features pg_catalog.text[])
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;
COMMENT ON FUNCTION cell_collect_phenotypes_transfn(
	pg_catalog.internal, pg_catalog.text, pg_catalog.text, boolean, pg_catalog.text[]) IS
'support function of the aggregate cell_collect_phenotypes';

CREATE FUNCTION cell_collect_intensities_transfn(
	state pg_catalog.internal, cell pg_catalog.text, feature pg_catalog.text,
	intensity double precision, features pg_catalog.text[])
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;
COMMENT ON FUNCTION cell_collect_intensities_transfn(
	pg_catalog.internal, pg_catalog.text, pg_catalog.text, double precision, pg_catalog.text[]) IS
'support function of the aggregate cell_collect_intensities';

CREATE FUNCTION cell_collect_combinefn(state pg_catalog.internal, other pg_catalog.internal)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_collect_combinefn(pg_catalog.internal, pg_catalog.internal) IS
'support function of the aggregates cell_collect_phenotypes and cell_collect_intensities';

CREATE FUNCTION cell_collect_serialfn(state pg_catalog.internal)
RETURNS pg_catalog.bytea AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_collect_serialfn(pg_catalog.internal) IS
'support function of the aggregates cell_collect_phenotypes and cell_collect_intensities';

CREATE FUNCTION cell_collect_deserialfn(serialized pg_catalog.bytea, state pg_catalog.internal)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_collect_deserialfn(pg_catalog.bytea, pg_catalog.internal) IS
'support function of the aggregates cell_collect_phenotypes and cell_collect_intensities';

CREATE FUNCTION cell_collect_finalfn(state pg_catalog.internal)
RETURNS pg_catalog.bytea AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_collect_finalfn(pg_catalog.internal) IS
'support function of the aggregates cell_collect_phenotypes and cell_collect_intensities';

CREATE AGGREGATE cell_collect_phenotypes(
	cell pg_catalog.text, feature pg_catalog.text, positive boolean, features pg_catalog.text[]) (
	SFUNC = @extschema@.cell_collect_phenotypes_transfn,
	STYPE = pg_catalog.internal, SSPACE = 2000000,
	FINALFUNC = @extschema@.cell_collect_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_collect_combinefn,
	SERIALFUNC = @extschema@.cell_collect_serialfn,
	DESERIALFUNC = @extschema@.cell_collect_deserialfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cell_collect_phenotypes(
	pg_catalog.text, pg_catalog.text, boolean, pg_catalog.text[]) IS
'collects the phenotypes of a long table, for lookups with cell_collected_phenotypes';

CREATE AGGREGATE cell_collect_intensities(
	cell pg_catalog.text, feature pg_catalog.text, intensity double precision,
	features pg_catalog.text[]) (
	SFUNC = @extschema@.cell_collect_intensities_transfn,
	STYPE = pg_catalog.internal, SSPACE = 26000000,
	FINALFUNC = @extschema@.cell_collect_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_collect_combinefn,
	SERIALFUNC = @extschema@.cell_collect_serialfn,
	DESERIALFUNC = @extschema@.cell_collect_deserialfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cell_collect_intensities(
	pg_catalog.text, pg_catalog.text, double precision, pg_catalog.text[]) IS
'collects the intensities of a long table, for lookups with cell_collected_intensities';

CREATE FUNCTION cell_collected_phenotypes(collected pg_catalog.bytea, cell_id bigint)
RETURNS bigint AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_collected_phenotypes(pg_catalog.bytea, bigint) IS
'phenotypes of a cell, looked up in the result of cell_collect_phenotypes';

CREATE FUNCTION cell_collected_intensities(collected pg_catalog.bytea, cell_id bigint)
RETURNS double precision[] AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION cell_collected_intensities(pg_catalog.bytea, bigint) IS
'intensities of a cell, looked up in the result of cell_collect_intensities';

-- ---------------------------------------------------------------------------
-- Intensities: numbers from 0 to 1 in one byte each, in the format of SMProfiler (formerly SPT)
--
-- The state of the aggregate is a set of cells, like that of cell_pack, and uses
-- the same functions after the transition. SSPACE is the size of a state of 100,000
-- cells with 30 intensities each.
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_pack_intensities_transfn(
	state pg_catalog.internal, cell_id bigint, intensities real[])
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;
COMMENT ON FUNCTION cell_pack_intensities_transfn(pg_catalog.internal, bigint, real[]) IS
'support function of the aggregate cell_pack_intensities';

CREATE FUNCTION cell_pack_intensities_transfn(
	state pg_catalog.internal, cell_id bigint, intensities double precision[])
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;
COMMENT ON FUNCTION cell_pack_intensities_transfn(
	pg_catalog.internal, bigint, double precision[]) IS
'support function of the aggregate cell_pack_intensities';

CREATE FUNCTION cell_pack_intensities_transfn(
	state pg_catalog.internal, cell_id bigint, intensities real[], channels integer)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;
COMMENT ON FUNCTION cell_pack_intensities_transfn(pg_catalog.internal, bigint, real[], integer) IS
'support function of the aggregate cell_pack_intensities';

CREATE FUNCTION cell_pack_intensities_transfn(
	state pg_catalog.internal, cell_id bigint, intensities double precision[], channels integer)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;
COMMENT ON FUNCTION cell_pack_intensities_transfn(
	pg_catalog.internal, bigint, double precision[], integer) IS
'support function of the aggregate cell_pack_intensities';

CREATE AGGREGATE cell_pack_intensities(cell_id bigint, intensities real[]) (
	SFUNC = @extschema@.cell_pack_intensities_transfn,
	STYPE = pg_catalog.internal, SSPACE = 3400000,
	FINALFUNC = @extschema@.cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_pack_combinefn,
	SERIALFUNC = @extschema@.cell_pack_serialfn, DESERIALFUNC = @extschema@.cell_pack_deserialfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cell_pack_intensities(bigint, real[]) IS
'packs intensities of cells into a payload of layout intensity, sorted by cell_id';

CREATE AGGREGATE cell_pack_intensities(cell_id bigint, intensities double precision[]) (
	SFUNC = @extschema@.cell_pack_intensities_transfn,
	STYPE = pg_catalog.internal, SSPACE = 3400000,
	FINALFUNC = @extschema@.cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_pack_combinefn,
	SERIALFUNC = @extschema@.cell_pack_serialfn, DESERIALFUNC = @extschema@.cell_pack_deserialfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cell_pack_intensities(bigint, double precision[]) IS
'packs intensities of cells into a payload of layout intensity, sorted by cell_id';

CREATE AGGREGATE cell_pack_intensities(cell_id bigint, intensities real[], channels integer) (
	SFUNC = @extschema@.cell_pack_intensities_transfn,
	STYPE = pg_catalog.internal, SSPACE = 3400000,
	FINALFUNC = @extschema@.cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_pack_combinefn,
	SERIALFUNC = @extschema@.cell_pack_serialfn, DESERIALFUNC = @extschema@.cell_pack_deserialfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cell_pack_intensities(bigint, real[], integer) IS
'packs intensities of cells into a payload of layout intensity, sorted by cell_id; checks their number';

CREATE AGGREGATE cell_pack_intensities(
	cell_id bigint, intensities double precision[], channels integer) (
	SFUNC = @extschema@.cell_pack_intensities_transfn,
	STYPE = pg_catalog.internal, SSPACE = 3400000,
	FINALFUNC = @extschema@.cell_pack_finalfn, FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.cell_pack_combinefn,
	SERIALFUNC = @extschema@.cell_pack_serialfn, DESERIALFUNC = @extschema@.cell_pack_deserialfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cell_pack_intensities(bigint, double precision[], integer) IS
'packs intensities of cells into a payload of layout intensity, sorted by cell_id; checks their number';

CREATE FUNCTION cell_minifloat_encode(value double precision)
RETURNS smallint AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_minifloat_encode(double precision) IS
'encodes a number from 0 to 1 in the 8-bit floating-point format of SMProfiler (0 to 255)';

CREATE FUNCTION cell_minifloat_decode(code smallint)
RETURNS double precision AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_minifloat_decode(smallint) IS
'decodes a number from 0 to 1 from the 8-bit floating-point format of SMProfiler (0 to 255)';

-- ---------------------------------------------------------------------------
-- Shapes: the position of a cell from its outline
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_shape_centroid(
	contents pg_catalog.text, null_if_invalid boolean DEFAULT false)
RETURNS pg_catalog.point AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION cell_shape_centroid(pg_catalog.text, boolean) IS
'mean of the vertices of a cell''s outline, which SMProfiler stores as an ESRI shapefile in base64';

-- ---------------------------------------------------------------------------
-- Chunks: a payload in pieces of a fixed size
--
-- cell_chunks is a plain query so that the planner can inline it. The executor
-- then makes each row when it is needed, and a row reads only its own bytes of a
-- payload that is stored uncompressed (STORAGE EXTERNAL).
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_chunk_count(bytes bigint, chunk_bytes integer)
RETURNS integer AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cell_chunk_count(bigint, integer) IS
'support function of cell_chunks and cell_data_chunks';

CREATE FUNCTION cell_chunks(
	payload pg_catalog.bytea, chunk_bytes integer DEFAULT 1048576,
	OUT chunk integer, OUT byte_offset bigint, OUT body pg_catalog.bytea)
RETURNS SETOF pg_catalog.record
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
	SELECT n.chunk, n.chunk::bigint OPERATOR(pg_catalog.*) chunk_bytes,
		pg_catalog.substring(p.bytes,
			n.chunk OPERATOR(pg_catalog.*) chunk_bytes OPERATOR(pg_catalog.+) 1, chunk_bytes)
	FROM (
		-- Decompress a compressed value once instead of once for each chunk.
		SELECT CASE WHEN pg_catalog.pg_column_compression(payload) IS NULL THEN payload
			ELSE payload OPERATOR(pg_catalog.||) '\x'::pg_catalog.bytea END OFFSET 0
	) p (bytes),
	LATERAL pg_catalog.generate_series(0,
		@extschema@.cell_chunk_count(pg_catalog.octet_length(p.bytes)::bigint, chunk_bytes)
			OPERATOR(pg_catalog.-) 1) n (chunk);
END;
COMMENT ON FUNCTION cell_chunks(pg_catalog.bytea, integer) IS
'splits a payload into chunks of chunk_bytes bytes; the last chunk may be smaller';

-- ---------------------------------------------------------------------------
-- Studies: the registry of the relations and columns that hold cells
--
-- pg_dump dumps the registry with the database. The role that installed the
-- extension can read and fill it, as pg_dump and pg_restore do. Other roles use the
-- functions.
-- ---------------------------------------------------------------------------

CREATE SEQUENCE cell_study_id AS integer;
COMMENT ON SEQUENCE cell_study_id IS
'ids of registered studies';

-- Indexes that the C code opens are named explicitly. A name that PostgreSQL chooses
-- depends on which names are already taken.
CREATE TABLE cell_study (
	id integer CONSTRAINT cell_study_pkey PRIMARY KEY,
	study pg_catalog.text COLLATE pg_catalog."C" NOT NULL CONSTRAINT cell_study_name UNIQUE,
	source pg_catalog.regclass NOT NULL,
	store boolean NOT NULL,
	registered_by pg_catalog.regrole NOT NULL,
	sample_column pg_catalog.name NOT NULL,
	cell_id_column pg_catalog.name NOT NULL,
	x_column pg_catalog.name NOT NULL,
	y_column pg_catalog.name NOT NULL,
	phenotypes_column pg_catalog.name,
	feature_columns pg_catalog.name[],
	features pg_catalog.text[] NOT NULL,
	intensities_column pg_catalog.name,
	subsample_cells bigint NOT NULL DEFAULT 1000000,
	subsample_seed bigint NOT NULL DEFAULT 10001,
	listed boolean NOT NULL DEFAULT true,
	full_names pg_catalog.text[],
	payloads pg_catalog.regclass,
	CONSTRAINT cell_study_feature_columns CHECK (
		pg_catalog.cardinality(feature_columns) OPERATOR(pg_catalog.<=) 64
		AND pg_catalog.array_position(feature_columns, NULL::pg_catalog.name) IS NULL),
	CONSTRAINT cell_study_features CHECK (
		pg_catalog.cardinality(features) OPERATOR(pg_catalog.<=) 64
		AND pg_catalog.array_position(features, NULL::pg_catalog.text) IS NULL),
	-- either one phenotypes column or one column for each feature
	CONSTRAINT cell_study_positives CHECK (
		CASE WHEN phenotypes_column IS NULL
		THEN feature_columns IS NOT NULL
			AND pg_catalog.cardinality(feature_columns) OPERATOR(pg_catalog.>) 0
			AND pg_catalog.cardinality(feature_columns)
				OPERATOR(pg_catalog.=) pg_catalog.cardinality(features)
		ELSE feature_columns IS NULL END),
	CONSTRAINT cell_study_intensities CHECK (
		intensities_column IS NULL OR pg_catalog.cardinality(features) OPERATOR(pg_catalog.>) 0),
	CONSTRAINT cell_study_subsample CHECK (subsample_cells OPERATOR(pg_catalog.>) 0),
	CONSTRAINT cell_study_full_names CHECK (
		pg_catalog.cardinality(full_names)
			OPERATOR(pg_catalog.=) pg_catalog.cardinality(features)
		AND pg_catalog.array_position(full_names, NULL::pg_catalog.text) IS NULL),
	-- payloads are stored where they are packed
	CONSTRAINT cell_study_payloads CHECK (payloads IS NULL OR NOT store)
) USING heap;
COMMENT ON TABLE cell_study IS
'registered studies, with the relation and the columns that hold their cells';
COMMENT ON COLUMN cell_study.registered_by IS
'role that registered the study; a renamed role appears under its new name';

SELECT pg_catalog.pg_extension_config_dump('cell_study', '');
SELECT pg_catalog.pg_extension_config_dump('cell_study_id', '');
REVOKE ALL ON cell_study, cell_study_id FROM PUBLIC;
GRANT SELECT, INSERT ON cell_study TO @extowner@;
GRANT SELECT, UPDATE ON cell_study_id TO @extowner@;

CREATE VIEW cell_studies WITH (security_barrier) AS
SELECT study, source, store, features, intensities_column IS NOT NULL AS intensities, listed,
	subsample_cells, subsample_seed, sample_column, cell_id_column, x_column, y_column,
	phenotypes_column, feature_columns, intensities_column, payloads
FROM @extschema@.cell_study
WHERE pg_catalog.has_table_privilege(source, 'SELECT')
	OR pg_catalog.has_any_column_privilege(source, 'SELECT');
COMMENT ON VIEW cell_studies IS
'registered studies whose source the current role can read';
GRANT SELECT ON cell_studies TO PUBLIC;

CREATE FUNCTION cell_register_study(
	study pg_catalog.text, source pg_catalog.regclass,
	sample pg_catalog.name DEFAULT 'sample', cell_id pg_catalog.name DEFAULT 'cell_id',
	x pg_catalog.name DEFAULT 'x', y pg_catalog.name DEFAULT 'y',
	phenotypes pg_catalog.name DEFAULT NULL, feature_columns pg_catalog.name[] DEFAULT NULL,
	features pg_catalog.text[] DEFAULT NULL, store boolean DEFAULT NULL,
	intensities pg_catalog.name DEFAULT NULL,
	subsample_cells bigint DEFAULT 1000000, subsample_seed bigint DEFAULT 10001,
	listed boolean DEFAULT true, full_names pg_catalog.text[] DEFAULT NULL)
RETURNS pg_catalog.void AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_register_study(
	pg_catalog.text, pg_catalog.regclass, pg_catalog.name, pg_catalog.name, pg_catalog.name,
	pg_catalog.name, pg_catalog.name, pg_catalog.name[], pg_catalog.text[], boolean,
	pg_catalog.name, bigint, bigint, boolean, pg_catalog.text[]) IS
'registers the relation and columns of a study, and creates triggers that record changes';

CREATE FUNCTION cell_set_payloads(study pg_catalog.text, payloads pg_catalog.regclass)
RETURNS pg_catalog.void AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_set_payloads(pg_catalog.text, pg_catalog.regclass) IS
'lets a study take the payloads of its samples from another relation, or from none';

CREATE FUNCTION cell_drop_study(study pg_catalog.text)
RETURNS pg_catalog.void AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_drop_study(pg_catalog.text) IS
'drops a study, its stored payloads and its triggers, but not its cells';

CREATE FUNCTION cell_track_study(study pg_catalog.text)
RETURNS pg_catalog.void AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_track_study(pg_catalog.text) IS
'creates the triggers that a study''s source lacks, for example on new partitions and children';

CREATE FUNCTION cell_feature_names(
	study pg_catalog.text, OUT "bit" integer, OUT feature pg_catalog.text,
	OUT full_name pg_catalog.text)
RETURNS SETOF pg_catalog.record AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 64;
COMMENT ON FUNCTION cell_feature_names(pg_catalog.text) IS
'features of a study, each with its bit in the phenotypes';

CREATE FUNCTION cell_feature_names_json(study pg_catalog.text)
RETURNS pg_catalog.json
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE
RETURN (
	SELECT pg_catalog.json_build_object('names',
		coalesce(pg_catalog.json_agg(
			pg_catalog.json_build_object('symbol', feature, 'full_name', '') ORDER BY "bit"),
			'[]'::pg_catalog.json))
	FROM @extschema@.cell_feature_names(study)
);
COMMENT ON FUNCTION cell_feature_names_json(pg_catalog.text) IS
'features of a study, in the order of their bits, in the JSON that SMProfiler serves';

CREATE FUNCTION cell_samples(study pg_catalog.text)
RETURNS SETOF pg_catalog.text AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 200 COST 100000;
COMMENT ON FUNCTION cell_samples(pg_catalog.text) IS
'samples of a study, in ascending order';

CREATE FUNCTION cell_positive(value bigint)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cell_positive(bigint) IS
'true for 1 and false for 0 in an integer column of a feature; any other value is an error';

-- ---------------------------------------------------------------------------
-- The store of ready payloads (src/serve/store.h, src/changes/change_log.h)
--
-- cell_payload holds the ready payloads. They can be packed again from the cells, so
-- the table is unlogged: it is not replicated, and a crash empties it.
--
-- cell_change is the record of changes, which decides whether a payload is still
-- right. It is logged, because the recorded change of a prepared transaction must
-- still be there when the transaction commits after a crash.
--
-- Only C functions write these tables, and check the caller's privileges. Apart from them, only
-- the view cell_store_stats reads the tables.
-- ---------------------------------------------------------------------------

CREATE UNLOGGED TABLE cell_payload (
	study integer NOT NULL,
	sample_hash bigint NOT NULL,
	packed_by pg_catalog.xid8 NOT NULL,
	source_state bigint NOT NULL,
	cells bigint NOT NULL,
	bytes bigint NOT NULL,
	used_at pg_catalog.timestamptz NOT NULL,
	sample pg_catalog.text COLLATE pg_catalog."C",
	layout pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	coding pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	etag pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
	as_of pg_catalog.pg_snapshot NOT NULL,
	payload pg_catalog.bytea NOT NULL
) USING heap WITH (
	fillfactor = 90,
	autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_scale_factor = 0.05
);
-- StoreFind reads rows of transactions in progress. Everything that it compares is
-- kept inline, because TOAST values of an aborted transaction can be vacuumed away.
ALTER TABLE cell_payload ALTER payload SET STORAGE EXTERNAL,
	ALTER sample SET STORAGE MAIN, ALTER as_of SET STORAGE MAIN;
CREATE INDEX cell_payload_sample ON cell_payload (study, sample_hash);
COMMENT ON TABLE cell_payload IS
'ready payloads, each with the snapshot with which it was packed';

CREATE TABLE cell_change (
	study integer NOT NULL,
	sample_hash bigint NOT NULL,
	changed_by pg_catalog.xid8 NOT NULL
) USING heap WITH (fillfactor = 50);
CREATE INDEX cell_change_sample ON cell_change (study, sample_hash);
-- A publication FOR ALL TABLES would make updates of a table without an identity fail.
ALTER TABLE cell_change REPLICA IDENTITY FULL;
COMMENT ON TABLE cell_change IS
'last transactions that changed the cells of a sample; sample_hash 0 stands for every sample';

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
'statistics of the store; rows are updated in place, like the row of a sequence';

REVOKE ALL ON cell_payload, cell_change, cell_store_count FROM PUBLIC;

CREATE VIEW cell_store_stats AS
SELECT s.study,
	coalesce(c.hits, 0) AS hits, coalesce(c.misses, 0) AS misses,
	coalesce(c.waits, 0) AS waits, coalesce(c.direct, 0) AS direct,
	coalesce(c.packings, 0) AS packings,
	pg_catalog.make_interval(secs => coalesce(c.packing_us, 0)::double precision
		OPERATOR(pg_catalog./) 1e6::double precision) AS packing_time,
	coalesce(c.served_bytes, 0) AS served_bytes,
	coalesce(c.evictions, 0) AS evictions,
	coalesce(p.payloads, 0) AS stored_payloads, coalesce(p.bytes, 0) AS stored_bytes
FROM @extschema@.cell_study s
LEFT JOIN (
	SELECT study, pg_catalog.sum(hits)::bigint AS hits, pg_catalog.sum(misses)::bigint AS misses,
		pg_catalog.sum(waits)::bigint AS waits, pg_catalog.sum(direct)::bigint AS direct,
		pg_catalog.sum(packings)::bigint AS packings,
		pg_catalog.sum(packing_us)::bigint AS packing_us,
		pg_catalog.sum(served_bytes)::bigint AS served_bytes,
		pg_catalog.sum(evictions)::bigint AS evictions
	FROM @extschema@.cell_store_count GROUP BY study
) c ON c.study OPERATOR(pg_catalog.=) s.id
LEFT JOIN (
	SELECT study, pg_catalog.count(*) AS payloads, pg_catalog.sum(bytes)::bigint AS bytes
	FROM @extschema@.cell_payload GROUP BY study
) p ON p.study OPERATOR(pg_catalog.=) s.id;
COMMENT ON VIEW cell_store_stats IS
'statistics of the store for each study, since its registration or the last crash';
REVOKE ALL ON cell_store_stats FROM PUBLIC;
GRANT SELECT ON cell_store_stats TO pg_monitor;
GRANT SELECT ON cell_store_stats TO @extowner@;

CREATE FUNCTION cell_source_changed()
RETURNS pg_catalog.trigger AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_source_changed() IS
'trigger function that records which samples change; cell_register_study creates the triggers';

CREATE FUNCTION cell_keep_local()
RETURNS pg_catalog.trigger AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_keep_local() IS
'trigger function that skips rows that logical replication brings from another cluster';

-- A publication FOR ALL TABLES can bring rows of another cluster. The OIDs and
-- transaction ids in them mean nothing in this cluster.
CREATE TRIGGER cell_study_local BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.cell_study
FOR EACH ROW EXECUTE FUNCTION @extschema@.cell_keep_local();
ALTER TABLE @extschema@.cell_study ENABLE ALWAYS TRIGGER cell_study_local;
CREATE FUNCTION cell_check_store()
RETURNS pg_catalog.trigger AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_check_store() IS
'trigger function that turns off storing if a role inserts a study whose source it does not own';
CREATE TRIGGER cell_study_store BEFORE INSERT ON @extschema@.cell_study
FOR EACH ROW EXECUTE FUNCTION @extschema@.cell_check_store();

CREATE TRIGGER cell_change_local BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.cell_change
FOR EACH ROW EXECUTE FUNCTION @extschema@.cell_keep_local();
ALTER TABLE @extschema@.cell_change ENABLE ALWAYS TRIGGER cell_change_local;

-- The condition of the triggers (src/changes/notice.c). There is a pair of functions for
-- each type that a sample can have, so that a call always finds an exact match and no
-- other function can take precedence.
CREATE FUNCTION cell_first_touch(sample pg_catalog.text)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION cell_first_touch(old_sample pg_catalog.text, new_sample pg_catalog.text)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION cell_first_touch(sample smallint)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION cell_first_touch(old_sample smallint, new_sample smallint)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION cell_first_touch(sample integer)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION cell_first_touch(old_sample integer, new_sample integer)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION cell_first_touch(sample bigint)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION cell_first_touch(old_sample bigint, new_sample bigint)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION cell_first_touch(sample pg_catalog.uuid)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION cell_first_touch(old_sample pg_catalog.uuid, new_sample pg_catalog.uuid)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_first_touch(pg_catalog.text) IS
'condition of triggers: true for the first row of each sample that a statement inserts or deletes';
COMMENT ON FUNCTION cell_first_touch(pg_catalog.text, pg_catalog.text) IS
'condition of triggers: true for the first row of each sample that a statement updates';
COMMENT ON FUNCTION cell_first_touch(smallint) IS
'condition of triggers: true for the first row of each sample that a statement inserts or deletes';
COMMENT ON FUNCTION cell_first_touch(smallint, smallint) IS
'condition of triggers: true for the first row of each sample that a statement updates';
COMMENT ON FUNCTION cell_first_touch(integer) IS
'condition of triggers: true for the first row of each sample that a statement inserts or deletes';
COMMENT ON FUNCTION cell_first_touch(integer, integer) IS
'condition of triggers: true for the first row of each sample that a statement updates';
COMMENT ON FUNCTION cell_first_touch(bigint) IS
'condition of triggers: true for the first row of each sample that a statement inserts or deletes';
COMMENT ON FUNCTION cell_first_touch(bigint, bigint) IS
'condition of triggers: true for the first row of each sample that a statement updates';
COMMENT ON FUNCTION cell_first_touch(pg_catalog.uuid) IS
'condition of triggers: true for the first row of each sample that a statement inserts or deletes';
COMMENT ON FUNCTION cell_first_touch(pg_catalog.uuid, pg_catalog.uuid) IS
'condition of triggers: true for the first row of each sample that a statement updates';

CREATE FUNCTION cell_invalidate(study pg_catalog.text, sample pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.void AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_invalidate(pg_catalog.text, pg_catalog.text) IS
'makes the stored payloads of a sample, or of all samples of a study, unusable';

-- ---------------------------------------------------------------------------
-- Serving payloads of samples, and subsamples of studies (src/serve, src/smprofiler)
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_data(
	study pg_catalog.text, sample pg_catalog.text, layout pg_catalog.text DEFAULT 'compact',
	coding pg_catalog.text DEFAULT 'identity')
RETURNS pg_catalog.bytea AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION cell_data(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) IS
'payload of a sample or, without one, of a study, in a layout and a content coding; packed if it is not ready';

CREATE FUNCTION cell_data_head(
	study pg_catalog.text, sample pg_catalog.text, layout pg_catalog.text DEFAULT 'compact',
	coding pg_catalog.text DEFAULT 'identity',
	OUT cells bigint, OUT bytes bigint, OUT etag pg_catalog.text)
RETURNS pg_catalog.record AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION cell_data_head(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) IS
'number of cells, length and strong ETag of the payload that cell_data returns';

CREATE FUNCTION cell_data_chunks(
	study pg_catalog.text, sample pg_catalog.text, layout pg_catalog.text DEFAULT 'compact',
	coding pg_catalog.text DEFAULT 'identity',
	chunk_bytes integer DEFAULT 1048576,
	OUT chunk integer, OUT byte_offset bigint, OUT body pg_catalog.bytea)
RETURNS SETOF pg_catalog.record
LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 100
BEGIN ATOMIC
	SELECT c.chunk, c.byte_offset, c.body
	FROM (SELECT @extschema@.cell_data(study, sample, layout, coding) OFFSET 0) p (bytes),
	LATERAL @extschema@.cell_chunks(p.bytes, chunk_bytes) c;
END;
COMMENT ON FUNCTION cell_data_chunks(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, integer) IS
'payload that cell_data returns, in chunks of chunk_bytes bytes; the last chunk may be smaller';

CREATE FUNCTION cell_data_samples(
	study pg_catalog.text, layout pg_catalog.text DEFAULT 'compact',
	coding pg_catalog.text DEFAULT 'identity',
	OUT sample pg_catalog.text, OUT cells bigint, OUT payload pg_catalog.bytea)
RETURNS SETOF pg_catalog.record AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000 ROWS 100;
COMMENT ON FUNCTION cell_data_samples(pg_catalog.text, pg_catalog.text, pg_catalog.text) IS
'payloads of all samples of a study, packed in one pass over its source';

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

CREATE FUNCTION cell_scans(
	study pg_catalog.text, sample pg_catalog.text DEFAULT NULL,
	OUT call pg_catalog.text, OUT aggregate pg_catalog.text, OUT scan boolean,
	OUT detail pg_catalog.text)
RETURNS SETOF pg_catalog.record AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000 ROWS 2;
COMMENT ON FUNCTION cell_scans(pg_catalog.text, pg_catalog.text) IS
'whether cell_data_samples, cell_data and cell_subsample read a study''s source with a scan';

CREATE FUNCTION cell_subsample(study pg_catalog.text, cells bigint, seed bigint DEFAULT 0)
RETURNS pg_catalog.bytea AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION cell_subsample(pg_catalog.text, bigint, bigint) IS
'intensities of a subsample of a study; each sample contributes in proportion to its cells';

CREATE FUNCTION cell_subsample_metadata(study pg_catalog.text, cells bigint)
RETURNS pg_catalog.json AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION cell_subsample_metadata(pg_catalog.text, bigint) IS
'number of cells and thresholds of each sample in a subsample, and the order of the features';

CREATE FUNCTION cell_subsample_rows(
	study pg_catalog.text, cells bigint, seed bigint DEFAULT 0,
	OUT sample pg_catalog.text, OUT cell_id bigint, OUT phenotypes bigint,
	OUT intensities double precision[])
RETURNS SETOF pg_catalog.record AS 'MODULE_PATHNAME'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000000 ROWS 100000;
COMMENT ON FUNCTION cell_subsample_rows(pg_catalog.text, bigint, bigint) IS
'cells of the subsample that cell_subsample returns, with their ids and phenotypes';

-- The query of the functions on the cells. Only a scan can compute this aggregate, and only
-- for a call of one of these functions. Without a scan, the functions run another query.
CREATE FUNCTION cell_subsample_cells_transfn(
	state pg_catalog.internal, sample pg_catalog.text, cell_id bigint, intensities real[],
	phenotypes bigint)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE SUPPORT @extschema@.cell_scan_support;
COMMENT ON FUNCTION cell_subsample_cells_transfn(
	pg_catalog.internal, pg_catalog.text, bigint, real[], bigint) IS
'support function of cell_subsample and cell_subsample_metadata';

CREATE FUNCTION cell_subsample_cells_transfn(
	state pg_catalog.internal, sample pg_catalog.text, cell_id bigint,
	intensities double precision[], phenotypes bigint)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE SUPPORT @extschema@.cell_scan_support;
COMMENT ON FUNCTION cell_subsample_cells_transfn(
	pg_catalog.internal, pg_catalog.text, bigint, double precision[], bigint) IS
'support function of cell_subsample and cell_subsample_metadata';

CREATE FUNCTION cell_subsample_finalfn(state pg_catalog.internal)
RETURNS boolean AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cell_subsample_finalfn(pg_catalog.internal) IS
'support function of cell_subsample and cell_subsample_metadata';

CREATE AGGREGATE cell_subsample_cells(
	sample pg_catalog.text, cell_id bigint, intensities real[], phenotypes bigint) (
	SFUNC = @extschema@.cell_subsample_cells_transfn, STYPE = pg_catalog.internal,
	FINALFUNC = @extschema@.cell_subsample_finalfn, PARALLEL = UNSAFE
);
COMMENT ON AGGREGATE cell_subsample_cells(pg_catalog.text, bigint, real[], bigint) IS
'support function of cell_subsample and cell_subsample_metadata';

CREATE AGGREGATE cell_subsample_cells(
	sample pg_catalog.text, cell_id bigint, intensities double precision[], phenotypes bigint) (
	SFUNC = @extschema@.cell_subsample_cells_transfn, STYPE = pg_catalog.internal,
	FINALFUNC = @extschema@.cell_subsample_finalfn, PARALLEL = UNSAFE
);
COMMENT ON AGGREGATE cell_subsample_cells(pg_catalog.text, bigint, double precision[], bigint) IS
'support function of cell_subsample and cell_subsample_metadata';

CREATE FUNCTION cell_make_ready(
	study pg_catalog.text, sample pg_catalog.text, layout pg_catalog.text, coding pg_catalog.text,
	number integer DEFAULT 1, samples integer DEFAULT 1,
	OUT outcome pg_catalog.text, OUT cells bigint, OUT bytes bigint)
RETURNS pg_catalog.record AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION cell_make_ready(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, integer, integer) IS
'support function of cell_prepare: packs a payload unless it is ready, and returns the outcome';

CREATE FUNCTION cell_prepare_samples(
	study pg_catalog.text, sample pg_catalog.text, layout pg_catalog.text, coding pg_catalog.text)
RETURNS SETOF pg_catalog.text AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 200 COST 100000;
COMMENT ON FUNCTION cell_prepare_samples(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) IS
'support function of cell_prepare: samples to make ready, or a null for a study';

CREATE PROCEDURE cell_prepare(
	study pg_catalog.text, sample pg_catalog.text DEFAULT NULL,
	layout pg_catalog.text DEFAULT 'compact', coding pg_catalog.text DEFAULT 'identity')
LANGUAGE plpgsql
AS $$
-- A procedure that commits cannot set its own search_path, so every name and every
-- operator below is schema-qualified.
DECLARE
	samples pg_catalog.text[];
	all_samples pg_catalog.bool;
	subject pg_catalog.text;
	done record;
	failed pg_catalog.int4[];
	reason pg_catalog.text;
	remedy pg_catalog.text;
BEGIN
	IF study IS NULL OR layout IS NULL OR coding IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = 'study, layout and coding must not be null';
	END IF;
	-- Inside a transaction block, COMMIT fails. Fail here, before anything is packed.
	COMMIT;
	samples := ARRAY(SELECT @extschema@.cell_prepare_samples(study, sample, layout, coding));
	all_samples := sample IS NULL AND samples[1] IS NOT NULL;
	FOR i IN 1 .. pg_catalog.cardinality(samples) LOOP
		subject := CASE WHEN samples[i] IS NULL THEN pg_catalog.format('study "%s"', study)
			ELSE pg_catalog.format('sample "%s" (%s of %s)',
				samples[i], i, pg_catalog.cardinality(samples)) END;
		BEGIN
			SELECT * INTO done FROM @extschema@.cell_make_ready(
				study, samples[i], layout, coding, i, pg_catalog.cardinality(samples));
			RAISE NOTICE '%: %, % cells, % bytes', subject, done.outcome, done.cells, done.bytes;
		EXCEPTION
			WHEN no_data_found THEN
				-- The cells of a listed sample may have been deleted by now.
				IF NOT all_samples THEN
					RAISE;
				END IF;
			WHEN OTHERS THEN
				-- Go on with the other samples after an error in one of them.
				IF NOT all_samples THEN
					RAISE;
				END IF;
				GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_DETAIL, remedy = PG_EXCEPTION_HINT;
				reason := pg_catalog.btrim(pg_catalog.concat_ws(' ', reason, remedy));
				IF pg_catalog.length(reason) OPERATOR(pg_catalog.=) 0 THEN
					reason := 'SQLSTATE ' OPERATOR(pg_catalog.||) SQLSTATE;
				END IF;
				RAISE WARNING '%: %', subject, SQLERRM USING ERRCODE = SQLSTATE, DETAIL = reason;
				failed := pg_catalog.array_append(failed, i);
		END;
		COMMIT;
	END LOOP;
	IF failed IS NOT NULL THEN
		RAISE data_exception USING MESSAGE = pg_catalog.format(
			'%s of %s samples of study "%s" could not be made ready',
			pg_catalog.cardinality(failed), pg_catalog.cardinality(samples), study),
			DETAIL = 'The warnings give the reasons.  The notices say what became of the other samples.';
	END IF;
END
$$;
COMMENT ON PROCEDURE cell_prepare(
	pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) IS
'packs the samples or the subsample of a study that are not ready, and commits after each';

-- ---------------------------------------------------------------------------
-- What the sessions do that make payloads (src/serve/progress.h)
-- ---------------------------------------------------------------------------

CREATE FUNCTION cell_progress_entries(
	OUT pid integer, OUT study integer, OUT sample pg_catalog.text, OUT layout pg_catalog.text,
	OUT coding pg_catalog.text, OUT phase pg_catalog.text, OUT since pg_catalog.timestamptz,
	OUT number integer, OUT samples integer)
RETURNS SETOF pg_catalog.record AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION cell_progress_entries() IS
'support function of the view cell_progress';

CREATE VIEW cell_progress WITH (security_barrier) AS
SELECT e.pid, s.study, e.sample, e.layout, e.coding, e.phase, e.since, e.number, e.samples
FROM @extschema@.cell_progress_entries() e
LEFT JOIN @extschema@.cell_study s ON s.id OPERATOR(pg_catalog.=) e.study;
COMMENT ON VIEW cell_progress IS
'sessions that make a payload: which one, in which phase and since when';
GRANT SELECT ON cell_progress TO PUBLIC;
