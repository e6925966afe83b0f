-- The tables of one size, in the current schema: synthetic tissue in tiles of
-- at most 5,000,000 cells, which lie side by side. Rows are in the order of
-- the ids. The driver puts in the number of :cells.
CREATE TABLE cells (cell_id bigint, x integer, y integer, phenotypes bigint);

DO $$
DECLARE
	tile_cells CONSTANT bigint := least(:cells, 5000000);
	side CONSTANT integer := ceil(12 * sqrt(tile_cells));
BEGIN
	FOR tile IN 0 .. (:cells - 1) / tile_cells LOOP
		INSERT INTO cells
		SELECT tile * tile_cells + cell_id, tile * side + x, y, phenotypes
		FROM tissue.cells(least(tile_cells, :cells - tile * tile_cells), tile + 1);
	END LOOP;
END
$$;
