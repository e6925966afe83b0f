-- cell_data over the view of SMProfiler's tables, layout spt
--
-- From the long table and the outlines through all joins to the payload. The
-- default work_mem makes the hash joins spill to disk.
-- sizes: smprofiler
-- scan: on and off
BEGIN;
SET LOCAL work_mem = '4MB';
SELECT octet_length(cell_data('smprofiler', 'S1', 'spt'));
COMMIT;
