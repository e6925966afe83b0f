-- PostGIS ST_AsMVT: points with the mask as attribute
--
-- A Mapbox vector tile of all cells: what map viewers read. The positions go
-- in as they are (pixels are the tile's units), without ST_AsMVTGeom, which
-- would scale, clip and cost more; and without the ids, as cell_pack(x, y,
-- phenotypes).
SELECT octet_length(ST_AsMVT(cell, 'cells', 4096, 'position'))
FROM (SELECT ST_MakePoint(x, y) AS position, phenotypes FROM cells) cell;
