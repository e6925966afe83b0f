-- cell_pack(x, y, phenotypes), parallel plan with 2 workers
--
-- The settings make the planner choose this plan for small tables as well.
BEGIN;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SELECT octet_length(cell_pack(x, y, phenotypes)) FROM cells;
COMMIT;
