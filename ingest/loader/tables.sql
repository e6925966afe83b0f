-- The tables that cbload loads into: the cells of all sources, the sources, and
-- the part of each sample that comes from each source. Placeholders stand only in
-- statements, because a newline in a name would end a comment.

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
	micrometres_per_pixel double precision,
	loaded_by name NOT NULL DEFAULT current_user,
	loaded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE {sources} IS 'files and folders that cbload has loaded';
COMMENT ON COLUMN {sources}.path IS 'the file, folder or address; null for standard input';
COMMENT ON COLUMN {sources}.fingerprint IS 'identifies the content of the source: a hash of its bytes, or for an address its size and modification time';
COMMENT ON COLUMN {sources}.features IS 'names of the bits of phenotypes, beginning with bit 0';
COMMENT ON COLUMN {sources}.skipped IS 'number of cells left out, for each reason';
COMMENT ON COLUMN {sources}.tables IS 'for each table of the source, the number of its rows, of rows that are part of a cell, and of rows left out';
COMMENT ON COLUMN {sources}.map IS 'the SQL that made cells of the tables';
COMMENT ON COLUMN {sources}.micrometres_per_pixel IS 'size of a pixel, the unit of x and y; null if it is not known';

CREATE TABLE IF NOT EXISTS {samples} (
	sample text COLLATE "C" NOT NULL,
	first_id bigint NOT NULL,
	last_id bigint NOT NULL CHECK (last_id <= 4294967295),
	source integer NOT NULL REFERENCES {sources},
	cells bigint NOT NULL,
	PRIMARY KEY (sample, first_id)
);
CREATE INDEX IF NOT EXISTS {samples_source} ON {samples} (source);
COMMENT ON TABLE {samples} IS 'the source of the cells of a sample with ids from first_id to last_id';
COMMENT ON COLUMN {samples}.first_id IS 'the number that cbload added to the ids in the source';

CREATE TABLE IF NOT EXISTS {cells} (
	sample text COLLATE "C" NOT NULL,
	cell_id bigint NOT NULL,
	x double precision NOT NULL,
	y double precision NOT NULL,
	phenotypes bigint NOT NULL,
	source integer NOT NULL
);
COMMENT ON TABLE {cells} IS 'cells that cbload has loaded';
COMMENT ON COLUMN {cells}.phenotypes IS 'bit k is set when the cell is positive for feature k of its source';
COMMENT ON COLUMN {cells}.source IS 'the source of the cell, see the table of sources';
