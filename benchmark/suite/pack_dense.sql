-- cell_pack(cell_id, x, y, phenotypes, 'dense')
SELECT octet_length(cell_pack(cell_id, x, y, phenotypes, 'dense')) FROM cells;
