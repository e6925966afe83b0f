-- The rows of SPT's long table counted
--
-- sizes: spt
SELECT count(*) FROM expression_quantification;
