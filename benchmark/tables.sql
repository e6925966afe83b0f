-- Create the table cells in the current schema with :cells cells of synthetic
-- tissue, in the order of the ids. The tissue consists of tiles side by side, with
-- at most 5,000,000 cells each. The caller replaces :cells by a number.
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
