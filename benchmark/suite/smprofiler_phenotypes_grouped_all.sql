-- Phenotypes from SMProfiler's long table by GROUP BY, cell_phenotypes_agg
--
-- As smprofiler_phenotypes_grouped.sql, but over all rows, so that the result
-- includes cells that are positive for no feature.
-- sizes: smprofiler
SELECT count(*), bit_xor(phenotypes) FROM (
	SELECT histological_structure, cell_phenotypes_agg(b.bit, e.discrete_value = 'positive') AS phenotypes
	FROM expression_quantification e JOIN cell_binary_features b ON b.target = e.target
	GROUP BY histological_structure
) grouped;
