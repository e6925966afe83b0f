-- Create the demo's tables cells and features from the table csv. The centroid of
-- a cell is x, y, or the centre of the box XMin, XMax, YMin, YMax. Each column
-- "NAME Positive" (or NAME_Positive) is a feature with the values 0 or 1 (or false
-- or true). The cell_id is the number of the row, from 0.

CREATE TABLE features AS
SELECT (row_number() OVER (ORDER BY ordinal_position) - 1)::integer AS bit,
	regexp_replace(column_name, '[ _]Positive$', '', 'i') AS feature,
	column_name::text AS csv_column
FROM information_schema.columns
WHERE table_name = 'csv' AND column_name ~* '[ _]Positive$';

DO $$
DECLARE
	columns text[] := (SELECT array_agg(column_name::text ORDER BY ordinal_position)
		FROM information_schema.columns WHERE table_name = 'csv' AND column_name <> 'csv_row');
	x text;
	y text;
	positivity text;
BEGIN
	IF columns @> '{XMin,XMax,YMin,YMax}' THEN
		x := '("XMin"::double precision + "XMax"::double precision) / 2';
		y := '("YMin"::double precision + "YMax"::double precision) / 2';
	ELSIF columns @> '{x,y}' THEN
		x := 'x::double precision';
		y := 'y::double precision';
	ELSE
		RAISE EXCEPTION 'the CSV file must have the columns XMin, XMax, YMin, YMax, or x, y'
			USING DETAIL = 'Its columns are ' || array_to_string(columns, ', ') || '.';
	END IF;
	SELECT string_agg(format('%I::boolean', csv_column), ', ' ORDER BY bit) INTO positivity FROM features;

	IF positivity IS NULL THEN
		RAISE WARNING 'no column is named "NAME Positive": the cells have no features'
			USING DETAIL = 'The columns are ' || array_to_string(columns, ', ') || '.';
	END IF;

	EXECUTE format('CREATE TABLE cells AS
		SELECT row_number() OVER (ORDER BY csv_row) - 1 AS cell_id, %s AS x, %s AS y,
			cell_phenotypes(VARIADIC ARRAY[%s]::boolean[]) AS phenotypes
		FROM csv', x, y, positivity);
END
$$;
