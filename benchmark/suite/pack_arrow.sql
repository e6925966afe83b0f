-- cell_pack(cell_id, x, y, phenotypes, 'arrow')
SELECT octet_length(cell_pack(cell_id, x, y, phenotypes, 'arrow')) FROM cells;
