-- Load a CSV into the table csv: each column as text, and the row's number.
-- The server reads the file, so that nothing in it can be taken for a command;
-- its path and its first line are in the variables path and header.
SELECT string_agg(format('%I', btrim(name, '"')), ', ' ORDER BY ordinal) AS columns,
	string_agg(format('%I text', btrim(name, '"')), ', ' ORDER BY ordinal) AS definitions
FROM string_to_table(:'header', ',') WITH ORDINALITY AS header (name, ordinal) \gset
CREATE TABLE csv (:definitions, csv_row bigint GENERATED ALWAYS AS IDENTITY);
COPY csv (:columns) FROM :'path' (FORMAT csv, HEADER);
