-- Create the demo's tables cells and features from the synthetic tissue.
CREATE TABLE cells AS SELECT * FROM tissue.cells(:cells);
CREATE TABLE features AS SELECT bit, feature FROM tissue.feature;
