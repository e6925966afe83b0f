-- cell_pack(cell_id, x, y, phenotypes, 'spt')
SELECT octet_length(cell_pack(cell_id, x, y, phenotypes, 'spt')) FROM cells;
