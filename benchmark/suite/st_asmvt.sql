-- PostGIS ST_AsMVT: points with the phenotypes as attribute
--
-- A Mapbox vector tile of all cells, the format of map viewers. The positions stay
-- as they are (a pixel is a unit of the tile): ST_AsMVTGeom would scale and clip
-- them and cost more. The tile has no ids, as the payload of cell_pack(x, y,
-- phenotypes) has none.
SELECT octet_length(ST_AsMVT(cell, 'cells', 4096, 'position'))
FROM (SELECT ST_MakePoint(x, y) AS position, phenotypes FROM cells) cell;
