-- The rows of cells in random order, and with centroids in double precision.
CREATE TABLE cells_random AS SELECT * FROM cells ORDER BY hashint8(cell_id), cell_id;
CREATE TABLE cells_double AS
SELECT cell_id, x + 0.5::double precision AS x, y + 0.5::double precision AS y, phenotypes FROM cells;
