-- cell_data over the view of SMProfiler's tables, with 2 workers and JIT allowed
--
-- The default settings of a server: the planner decides.
-- sizes: smprofiler
BEGIN;
SET LOCAL work_mem = '4MB';
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL jit = on;
SELECT octet_length(cell_data('smprofiler', 'S1', 'spt'));
COMMIT;
