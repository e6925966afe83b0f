-- The map of the benchmark: six features with thresholds.

CREATE TABLE cells (
	ImageNumber BIGINT,
	ObjectNumber BIGINT,
	Location_Center_X DOUBLE,
	Location_Center_Y DOUBLE,
	Intensity_MeanIntensity_CD3 DOUBLE,
	Intensity_MeanIntensity_CD8 DOUBLE,
	Intensity_MeanIntensity_CD20 DOUBLE,
	Intensity_MeanIntensity_CD68 DOUBLE,
	Intensity_MeanIntensity_PanCK DOUBLE,
	Intensity_MeanIntensity_DNA DOUBLE,
	PRIMARY KEY (ImageNumber, ObjectNumber)
);

SELECT
	concat_ws('_', getvariable('source'), ImageNumber) AS sample,
	ObjectNumber AS cell_id,
	Location_Center_X AS x,
	Location_Center_Y AS y,
	Intensity_MeanIntensity_CD3 > 0.2 AS "CD3",
	Intensity_MeanIntensity_CD8 > 0.2 AS "CD8",
	Intensity_MeanIntensity_CD20 > 0.2 AS "CD20",
	Intensity_MeanIntensity_CD68 > 0.2 AS "CD68",
	Intensity_MeanIntensity_PanCK > 0.2 AS "PanCK",
	Intensity_MeanIntensity_DNA > 0.2 AS "DNA"
FROM cells;
