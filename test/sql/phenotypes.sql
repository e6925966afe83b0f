-- cell_phenotypes: the first argument is bit 0
SELECT cell_phenotypes(true), cell_phenotypes(false, true), cell_phenotypes(true, false, true);

-- 0, 1, 2, 63 and 64 features, all positive and only the last one
SELECT n AS features,
	cell_phenotypes(VARIADIC array_fill(true, ARRAY[n])) AS all_positive,
	cell_phenotypes(VARIADIC array_fill(false, ARRAY[n - 1]) || ARRAY[true]) AS last_positive
FROM unnest(ARRAY[1, 2, 63, 64]) n;
SELECT cell_phenotypes(VARIADIC '{}'::boolean[]), cell_phenotypes(VARIADIC NULL::boolean[]);

-- every bit alone
SELECT count(*) AS bits
FROM generate_series(0, 63) bit
WHERE cell_phenotypes(VARIADIC array_fill(false, ARRAY[bit]) || ARRAY[true] || array_fill(false, ARRAY[63 - bit]))
	= 1::bigint << bit;

-- the lower bound of the array has no effect
SELECT cell_phenotypes(VARIADIC '[5:6]={f,t}'::boolean[]);

-- cell_phenotypes_agg: one row for each feature
SELECT cell_phenotypes_agg(feature, positive)
FROM (VALUES (0, true), (1, false), (5, true), (63, true)) f (feature, positive);
SELECT cell, cell_phenotypes_agg(feature, positive)
FROM (VALUES (1, 0, true), (2, 0, false), (1, 62, true), (2, 1, false)) f (cell, feature, positive)
GROUP BY cell ORDER BY cell;
-- a feature with several rows is positive if any of the rows is
SELECT cell_phenotypes_agg(feature, positive) FROM (VALUES (3, false), (3, true), (3, false)) f (feature, positive);
-- no rows: NULL
SELECT cell_phenotypes_agg(feature, positive) FROM (VALUES (3, true)) f (feature, positive) WHERE false;
-- as a window function
SELECT feature, cell_phenotypes_agg(feature, true) OVER (ORDER BY feature) FROM generate_series(0, 3) feature;
-- rows and columns give the same phenotypes
SELECT cell_phenotypes_agg(bit, bit % 3 = 0) = cell_phenotypes(VARIADIC array_agg(bit % 3 = 0 ORDER BY bit)) AS same
FROM generate_series(0, 63) bit;
