-- Load a CSV file into the table csv, with each column as text and a row number.
-- The server reads the file, so that psql cannot execute anything in it. The
-- variables path and header give the path of the file and its first line.
SELECT string_agg(format('%I', btrim(name, '"')), ', ' ORDER BY ordinal) AS columns,
	string_agg(format('%I text', btrim(name, '"')), ', ' ORDER BY ordinal) AS definitions
FROM string_to_table(:'header', ',') WITH ORDINALITY AS header (name, ordinal) \gset
CREATE TABLE csv (:definitions, csv_row bigint GENERATED ALWAYS AS IDENTITY);
COPY csv (:columns) FROM :'path' (FORMAT csv, HEADER);
