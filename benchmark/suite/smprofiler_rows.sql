-- The rows of SMProfiler's long table counted
--
-- sizes: smprofiler
SELECT count(*) FROM expression_quantification;
