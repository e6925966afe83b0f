-- cell_pack_intensities over the view of SMProfiler's tables
--
-- With PostgreSQL's default work_mem.
-- sizes: smprofiler
-- scan: on and off
BEGIN;
SET LOCAL work_mem = '4MB';
SELECT octet_length(cell_pack_intensities(cell_id, intensities)) FROM cell_binary_cells WHERE sample = 'S1';
COMMIT;
