-- pgpointcloud PC_Patch: points with the phenotypes in two halves
--
-- One patch of all cells, 16 bytes per point, uncompressed (pointcloud.sql has the
-- format). PC_MakePoint takes an array of double precision, which cannot hold 64
-- bits exactly; hence the two halves. Each point is a separate value until the
-- patch is built, so this workload runs at the smallest size only.
-- sizes: smallest
SELECT pg_column_size(PC_Patch(PC_MakePoint(1, ARRAY[x, y, phenotypes & 4294967295, phenotypes >> 32 & 4294967295])))
FROM cells;
