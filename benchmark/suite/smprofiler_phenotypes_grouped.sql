-- Phenotypes from SMProfiler's long table by GROUP BY, plain SQL
--
-- The WHERE clause keeps positive rows, and a join adds the bit of each feature.
-- The hash tables fit in memory.
-- sizes: smprofiler
SELECT count(*), bit_xor(phenotypes) FROM (
	SELECT histological_structure, bit_or(1::bigint << b.bit) AS phenotypes
	FROM expression_quantification e JOIN cell_binary_features b ON b.target = e.target
	WHERE e.discrete_value = 'positive' GROUP BY histological_structure
) grouped;
