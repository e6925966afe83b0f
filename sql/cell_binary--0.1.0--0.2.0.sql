\echo Use "ALTER EXTENSION cell_binary UPDATE TO '0.2.0'" to load this file. \quit

-- The layouts of cell_pack, as a type without a collation. postgres_fdw sends an aggregate to
-- another server only if its arguments have no collation, or that of a foreign table's column.
CREATE TYPE cell_layout AS ENUM ('compact', 'spt', 'dense', 'arrow', 'intensity');
COMMENT ON TYPE cell_layout IS
'layout of a payload, as an argument of cell_pack that postgres_fdw can send to another server';

CREATE FUNCTION cell_pack_transfn(
	state pg_catalog.internal, cell_id bigint, x integer, y integer, phenotypes bigint,
	layout @extschema@.cell_layout)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_integer'
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT @extschema@.cell_scan_support;

CREATE FUNCTION cell_pack_transfn(
	state pg_catalog.internal, cell_id bigint, x double precision, y double precision,
	phenotypes bigint, layout @extschema@.cell_layout)
RETURNS pg_catalog.internal AS 'MODULE_PATHNAME', 'cell_pack_transfn_double'
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
