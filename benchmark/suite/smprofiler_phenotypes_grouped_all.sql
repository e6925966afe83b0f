-- Masks out of SMProfiler's long table by GROUP BY, cell_phenotypes_agg
--
-- As the one before, of all rows, so that a cell without positive ones is one, too.
-- sizes: smprofiler
SELECT count(*), bit_xor(phenotypes) FROM (
	SELECT histological_structure, cell_phenotypes_agg(b.bit, e.discrete_value = 'positive') AS phenotypes
	FROM expression_quantification e JOIN cell_binary_features b ON b.target = e.target
	GROUP BY histological_structure
) masks;
