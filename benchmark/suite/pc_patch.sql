-- pgpointcloud PC_Patch: points with the mask in two halves
--
-- One patch of all cells, 16 bytes a point, not compressed (the format is in
-- pointcloud.sql). Points are made from arrays of double precision, which do
-- not hold a mask of 64 bits; hence the halves. Each point is a value of its
-- own until the patch is made: the smallest table is enough.
-- sizes: smallest
SELECT pg_column_size(PC_Patch(PC_MakePoint(1, ARRAY[x, y, phenotypes & 4294967295, phenotypes >> 32 & 4294967295])))
FROM cells;
