-- Load a CSV into the table csv: each column as text, and the row's number.
-- The CSV follows this script on standard input, its first line is also in
-- the variable header:
--
--	cat demo/csv_load.sql FILE | psql -v header="$(head -n 1 FILE)"
SELECT string_agg(format('%I', btrim(name, '"')), ', ' ORDER BY ordinal) AS columns,
	string_agg(format('%I text', btrim(name, '"')), ', ' ORDER BY ordinal) AS definitions
FROM string_to_table(:'header', ',') WITH ORDINALITY AS header (name, ordinal) \gset
CREATE TABLE csv (:definitions, csv_row bigint GENERATED ALWAYS AS IDENTITY);
COPY csv (:columns) FROM STDIN (FORMAT csv, HEADER);
