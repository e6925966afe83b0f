-- A synthetic tissue with any number of cells. The same number of cells and the
-- same seed give the same cells.
--
-- The cells have eleven types. Four cells in five lie in clusters (tumour nests,
-- lymphoid aggregates, vessels and so on); one in five lies anywhere on the slide.
-- The type of a cell determines the probability that the cell is positive for
-- each of the 30 features, roughly as in multiplex immunofluorescence of a
-- carcinoma.
--
-- Each random number is a hash of the seed, the number of the cell and the
-- purpose of the number. Cells therefore do not depend on the order in which they
-- are generated, as they would with random().

CREATE SCHEMA tissue;
SET search_path = tissue, public;

-- Return a pseudorandom number in [0, 1).
CREATE FUNCTION draw(seed bigint, cell bigint, purpose integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(cell, seed * 1000 + purpose) >> 11 & (1::bigint << 52) - 1)::double precision
	/ (1::bigint << 52);

CREATE TABLE feature (bit integer PRIMARY KEY, feature text NOT NULL UNIQUE);
INSERT INTO feature
SELECT ordinal - 1, name
FROM unnest(string_to_array(
	'DAPI PanCK CD45 CD3 CD4 CD8 CD20 CD56 CD68 CD163 CD14 CD11c CD31 SMA VIM '
	'FOXP3 PD1 PDL1 LAG3 TIM3 ICOS GZMB KI67 MHCI MHCII B7H3 IDO1 CD45RO SOX10 CASP3', ' '))
	WITH ORDINALITY AS f (name, ordinal);

-- The cell types: their share of the cells, the spread of their clusters, and for
-- features the percentage of positive cells.
CREATE TABLE cell_type (
	type integer PRIMARY KEY, name text, share double precision, spread double precision, positive jsonb);
INSERT INTO cell_type VALUES
	( 0, 'tumour',             0.40, 1.0, '{"PanCK":96,"KI67":28,"PDL1":17,"B7H3":62,"IDO1":6,"CASP3":3,"VIM":12}'),
	( 1, 'fibroblast',         0.16, 1.6, '{"VIM":94,"SMA":46,"B7H3":22,"PDL1":3}'),
	( 2, 'endothelial',        0.06, 0.5, '{"CD31":96,"VIM":81,"PDL1":6}'),
	( 3, 'CD4 T helper',       0.09, 0.7, '{"CD45":97,"CD3":96,"CD4":95,"CD45RO":64,"PD1":21,"ICOS":17,"KI67":7,"LAG3":3}'),
	( 4, 'CD8 T cytotoxic',    0.08, 0.7, '{"CD45":97,"CD3":96,"CD8":95,"CD45RO":58,"PD1":33,"GZMB":36,"LAG3":12,"TIM3":15,"KI67":9}'),
	( 5, 'T regulatory',       0.02, 0.7, '{"CD45":97,"CD3":95,"CD4":94,"FOXP3":96,"ICOS":44,"PD1":25,"CD45RO":71,"KI67":12}'),
	( 6, 'B',                  0.05, 0.3, '{"CD45":97,"CD20":96,"MHCII":92,"KI67":11}'),
	( 7, 'macrophage',         0.08, 0.9, '{"CD45":92,"CD68":94,"CD163":57,"CD14":61,"MHCII":66,"PDL1":19,"IDO1":8,"CD4":21,"TIM3":18}'),
	( 8, 'dendritic',          0.02, 0.6, '{"CD45":95,"CD11c":95,"MHCII":94,"PDL1":18,"IDO1":13}'),
	( 9, 'natural killer',     0.01, 0.8, '{"CD45":96,"CD56":95,"GZMB":61,"TIM3":14}'),
	(10, 'neural crest',       0.03, 0.9, '{"SOX10":95,"VIM":72,"B7H3":30,"KI67":15}');

-- Percentages for features that the cell type does not list. DAPI and MHCI are
-- positive in most cells; 0.7 percent is staining noise.
CREATE FUNCTION percent_positive(positive jsonb, feature text) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce((positive ->> feature)::double precision,
	CASE feature WHEN 'DAPI' THEN 99.5 WHEN 'MHCI' THEN 83 ELSE 0.7 END);

-- Generate the cells of a tissue. The slide is a square with an area of 144 square
-- pixels for each cell.
CREATE FUNCTION cells(cells bigint, seed bigint DEFAULT 1)
RETURNS TABLE (cell_id bigint, x integer, y integer, phenotypes bigint)
LANGUAGE plpgsql STABLE SET search_path = tissue, public, pg_temp AS $$
DECLARE
	variants CONSTANT integer := 512;   -- masks generated for each type; a cell takes one of them
	side CONSTANT double precision := 12 * sqrt(cells);
	clusters CONSTANT integer := 8 + cells / 1500;
	masks bigint[];                     -- index: type * variants + variant + 1
	cluster_type integer[];
	cluster_x double precision[];
	cluster_y double precision[];
	cluster_spread double precision[];
BEGIN
	SELECT array_agg(mask ORDER BY type, variant) INTO masks
	FROM (
		SELECT t.type, variant, public.cell_phenotypes_agg(f.bit,
			draw(seed, (t.type * variants + variant) * 64 + f.bit, 1) * 100
				< percent_positive(t.positive, f.feature)) AS mask
		FROM cell_type t, generate_series(0, variants - 1) variant, feature f
		GROUP BY t.type, variant
	) drawn;

	-- Assign clusters to types in proportion to the shares.
	WITH bounds AS (
		SELECT type, spread, sum(share) OVER (ORDER BY type) AS upper FROM cell_type
	)
	SELECT array_agg(b.type ORDER BY k),
		array_agg(b.spread * least(150, side / 12) * (0.5 + draw(seed, k, 3)) ORDER BY k),
		array_agg(draw(seed, k, 4) * side ORDER BY k), array_agg(draw(seed, k, 5) * side ORDER BY k)
	INTO cluster_type, cluster_spread, cluster_x, cluster_y
	FROM generate_series(1, clusters) k
	CROSS JOIN LATERAL (
		SELECT type, spread FROM bounds
		WHERE upper > (k - 0.5) / clusters - 1e-9 ORDER BY upper LIMIT 1) b;

	-- One cell in five lies anywhere on the slide. The others follow a normal
	-- distribution (Box-Muller) around the centre of their cluster, reflected at
	-- the edges of the slide.
	RETURN QUERY
	SELECT i,
		least(side - abs(side - abs(CASE WHEN scattered THEN u * side
			ELSE cluster_x[k] + cluster_spread[k] * sqrt(-2 * ln(1 - u)) * cos(2 * pi() * v) END)), side - 1)::integer,
		least(side - abs(side - abs(CASE WHEN scattered THEN v * side
			ELSE cluster_y[k] + cluster_spread[k] * sqrt(-2 * ln(1 - u)) * sin(2 * pi() * v) END)), side - 1)::integer,
		masks[cluster_type[k] * variants + 1 + (hash >> 44 & variants - 1)]
	FROM (
		SELECT i, h AS hash, h & 1023 < 205 AS scattered,
			1 + ((h >> 10 & (1::bigint << 31) - 1) % clusters)::integer AS k,
			draw(seed, i, 7) AS u, draw(seed, i, 8) AS v
		FROM generate_series(0::bigint, cells - 1) i,
			LATERAL (SELECT hashint8extended(i, seed * 1000 + 6) AS h OFFSET 0) hashed
	) drawn;
END
$$;

RESET search_path;
