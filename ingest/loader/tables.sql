-- What cbload loads into: the table of all sources' cells, one of what is loaded,
-- and one of which source gave which cells of a sample. Names are put into
-- statements only: a newline in one would end a comment.

CREATE TABLE IF NOT EXISTS {sources} (
	source integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL,
	path text UNIQUE,
	fingerprint text NOT NULL UNIQUE,
	features text[] NOT NULL,
	cells bigint NOT NULL,
	skipped jsonb NOT NULL,
	tables jsonb NOT NULL,
	map text NOT NULL,
	loaded_by name NOT NULL DEFAULT current_user,
	loaded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE {sources} IS 'files and folders that cbload has loaded';
COMMENT ON COLUMN {sources}.path IS 'the file, folder or address; null for standard input';
COMMENT ON COLUMN {sources}.fingerprint IS 'by which the source is known again, whatever its path: a hash of its bytes; of an address, size and time';
COMMENT ON COLUMN {sources}.features IS 'names of the bits of phenotypes, from bit 0 on';
COMMENT ON COLUMN {sources}.skipped IS 'numbers of cells that were left out, by reason';
COMMENT ON COLUMN {sources}.tables IS 'of each table of the source its rows, those with a part in a cell, and those left out';
COMMENT ON COLUMN {sources}.map IS 'the SQL by which cells were made of the tables';

CREATE TABLE IF NOT EXISTS {samples} (
	sample text COLLATE "C" NOT NULL,
	first_id bigint NOT NULL,
	last_id bigint NOT NULL CHECK (last_id <= 4294967295),
	source integer NOT NULL REFERENCES {sources},
	cells bigint NOT NULL,
	PRIMARY KEY (sample, first_id)
);
CREATE INDEX IF NOT EXISTS {samples_source} ON {samples} (source);
COMMENT ON TABLE {samples} IS 'which cells of a sample come from which source: those from first_id to last_id';
COMMENT ON COLUMN {samples}.first_id IS 'what was added to the ids that the source has';

CREATE TABLE IF NOT EXISTS {cells} (
	sample text COLLATE "C" NOT NULL,
	cell_id bigint NOT NULL,
	x double precision NOT NULL,
	y double precision NOT NULL,
	phenotypes bigint NOT NULL,
	source integer NOT NULL
);
COMMENT ON TABLE {cells} IS 'cells, loaded by cbload';
COMMENT ON COLUMN {cells}.phenotypes IS 'bit k is set when the cell is positive for feature k of its source';
COMMENT ON COLUMN {cells}.source IS 'where the cell comes from, see the table of sources';
