-- A table for a CSV whose first line is in the variable header, each column as
-- text.
SELECT format('CREATE TABLE csv (%s)', string_agg(format('%I text', btrim(name, '"')), ', ' ORDER BY ordinal))
FROM string_to_table(:'header', ',') WITH ORDINALITY AS columns (name, ordinal) \gexec
