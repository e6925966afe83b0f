-- Give each cell of the demo an intensity for each feature, which is mostly higher if the cell is
-- positive, and register the study with them.
ALTER TABLE cell ADD intensities real[];
UPDATE cell SET intensities = (
	SELECT array_agg(exp(CASE phenotypes >> bit & 1 WHEN 1 THEN -1 ELSE -3 END
		+ 0.5 * sqrt(-2 * ln(1 - tissue.draw(hashtext(sample), cell_id, 100 + bit)))
			* cos(2 * pi() * tissue.draw(hashtext(sample), cell_id, 200 + bit)))::real ORDER BY bit)
	FROM features);
VACUUM FULL ANALYZE cell;

SELECT cell_drop_study('demo');
SELECT cell_register_study('demo', 'cell', phenotypes => 'phenotypes', intensities => 'intensities',
	features => array_agg(feature ORDER BY bit)) FROM features;
