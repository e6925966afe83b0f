-- count(*) of SMProfiler's long table
--
-- sizes: smprofiler
SELECT count(*) FROM expression_quantification;
