-- cell_data over the view of SMProfiler's tables, layout spt
--
-- From the long table, the outlines and what joins them to the payload; with
-- PostgreSQL's own setting of work_mem, so that hash joins spill to disk.
-- sizes: smprofiler
BEGIN;
SET LOCAL work_mem = '4MB';
SELECT octet_length(cell_data('smprofiler', 'S1', 'spt'));
COMMIT;
