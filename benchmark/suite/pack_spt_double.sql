-- cell_pack(cell_id, x, y, phenotypes, 'spt') from double precision
SELECT octet_length(cell_pack(cell_id, x, y, phenotypes, 'spt')) FROM cells_double;
