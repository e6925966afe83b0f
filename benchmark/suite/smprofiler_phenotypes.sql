-- Phenotypes from SMProfiler's long table by cell_collect_phenotypes
--
-- sizes: smprofiler
-- scan: on and off
SELECT octet_length(cell_collect_phenotypes(histological_structure, target, discrete_value = 'positive', '{0,1,10,11,12,13,14,15,16,17,18,19,2,20,21,22,23,24,25,26,27,28,29,3,4,5,6,7,8,9}'))
FROM expression_quantification;
