-- Sources of every shape, each registered as a study of the same name. The table shape describes
-- them for the tests. The psql variable samples is the number of samples in each source.
--
-- One sequence makes all cell ids, so that the id of a cell is free in every sample.
CREATE SEQUENCE cell_ids;
CREATE TABLE cell (sample text, cell_id bigint DEFAULT nextval('cell_ids'), x integer, y integer, phenotypes bigint);

CREATE TABLE shape (
	study text PRIMARY KEY,			-- also the name of the source
	sample_type regtype DEFAULT 'text',
	key text DEFAULT 'sample',		-- the column that statements write: sample, or the column that
									-- sample is generated from
	places boolean DEFAULT false,	-- whether the key determines the partition of a cell
	feature text DEFAULT 'phenotypes',
	feature_type regtype DEFAULT 'bigint',
	mask text DEFAULT 'phenotypes',
	slides text						-- a table that the samples reference
);

CREATE FUNCTION sample_name(type regtype, number bigint) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE type WHEN 'integer'::regtype THEN number::text
	WHEN 'uuid'::regtype THEN '00000000-0000-0000-0000-' || lpad(number::text, 12, '0') ELSE 'S' || number END;

-- The columns of a partition or child in another order than the parent's, with one that is dropped
-- later
\set shuffled 'phenotypes bigint, dropped text, y integer, cell_id bigint DEFAULT nextval(\'cell_ids\'), x integer'

CREATE TABLE plain (LIKE cell INCLUDING DEFAULTS, UNIQUE (sample, cell_id));
INSERT INTO shape (study) VALUES ('plain');

CREATE TABLE listed (LIKE cell INCLUDING DEFAULTS, UNIQUE (sample, cell_id)) PARTITION BY LIST (sample);
CREATE TABLE listed_1 PARTITION OF listed FOR VALUES IN ('S1', 'S2');
CREATE TABLE listed_2 (:shuffled, sample text);
ALTER TABLE listed_2 DROP dropped;
ALTER TABLE listed ATTACH PARTITION listed_2 FOR VALUES IN ('S3');
CREATE TABLE listed_rest PARTITION OF listed DEFAULT;
INSERT INTO shape (study, places) VALUES ('listed', true);

CREATE TABLE hashed (sample integer, cell_id bigint DEFAULT nextval('cell_ids'), x integer, y integer, phenotypes bigint, UNIQUE (sample, cell_id))
	PARTITION BY HASH (sample);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 (:shuffled, sample integer);
ALTER TABLE hashed_1 DROP dropped;
ALTER TABLE hashed ATTACH PARTITION hashed_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO shape (study, sample_type, places) VALUES ('hashed', 'integer', true);

CREATE TABLE two_levels (LIKE cell INCLUDING DEFAULTS, UNIQUE (sample, cell_id)) PARTITION BY LIST (sample);
CREATE TABLE two_levels_1 PARTITION OF two_levels FOR VALUES IN ('S1', 'S2') PARTITION BY HASH (cell_id);
CREATE TABLE two_levels_1_0 PARTITION OF two_levels_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE two_levels_1_1 (:shuffled, sample text);
ALTER TABLE two_levels_1_1 DROP dropped;
ALTER TABLE two_levels_1 ATTACH PARTITION two_levels_1_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE two_levels_rest (sample text, :shuffled) PARTITION BY HASH (sample);
ALTER TABLE two_levels_rest DROP dropped;
ALTER TABLE two_levels ATTACH PARTITION two_levels_rest DEFAULT;
CREATE TABLE two_levels_rest_0 PARTITION OF two_levels_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE two_levels_rest_1 PARTITION OF two_levels_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO shape (study, places) VALUES ('two_levels', true);

-- each sample is spread over all partitions
CREATE TABLE tiled (sample uuid, cell_id bigint DEFAULT nextval('cell_ids'), x integer, y integer, phenotypes bigint, UNIQUE (sample, cell_id))
	PARTITION BY HASH (cell_id);
CREATE TABLE tiled_0 PARTITION OF tiled FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE tiled_1 (:shuffled, sample uuid);
ALTER TABLE tiled_1 DROP dropped;
ALTER TABLE tiled ATTACH PARTITION tiled_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO shape (study, sample_type) VALUES ('tiled', 'uuid');

-- the sample is the first part of a label, "S1/S2"
CREATE TABLE generated (
	label text, cell_id bigint DEFAULT nextval('cell_ids'), x integer, y integer, phenotypes bigint,
	sample text GENERATED ALWAYS AS (split_part(label, '/', 1)) STORED, UNIQUE (label, cell_id)
) PARTITION BY HASH (label);
CREATE TABLE generated_0 PARTITION OF generated FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE generated_1 (sample text GENERATED ALWAYS AS (split_part(label, '/', 1)) STORED, :shuffled, label text);
ALTER TABLE generated_1 DROP dropped;
ALTER TABLE generated ATTACH PARTITION generated_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO shape (study, key, places) VALUES ('generated', 'label', true);

CREATE TABLE generated_tiled (
	sample text GENERATED ALWAYS AS (split_part(label, '/', 1)) STORED,
	label text, cell_id bigint DEFAULT nextval('cell_ids'), x integer, y integer, phenotypes bigint, UNIQUE (label, cell_id)
) PARTITION BY HASH (cell_id);
CREATE TABLE generated_tiled_0 PARTITION OF generated_tiled FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE generated_tiled_1 (:shuffled, label text, sample text GENERATED ALWAYS AS (split_part(label, '/', 1)) STORED);
ALTER TABLE generated_tiled_1 DROP dropped;
ALTER TABLE generated_tiled ATTACH PARTITION generated_tiled_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO shape (study, key) VALUES ('generated_tiled', 'label');

CREATE TABLE family (LIKE cell INCLUDING DEFAULTS, UNIQUE (sample, cell_id));
CREATE TABLE family_child (:shuffled, sample text, UNIQUE (sample, cell_id));
ALTER TABLE family_child DROP dropped;
ALTER TABLE family_child INHERIT family;
CREATE TABLE family_grandchild (UNIQUE (sample, cell_id)) INHERITS (family_child);
INSERT INTO shape (study) VALUES ('family');

-- features in columns of their own
CREATE TABLE flags (b boolean DEFAULT false, a boolean, sample integer, cell_id bigint DEFAULT nextval('cell_ids'), x integer, y integer,
	UNIQUE (sample, cell_id));
INSERT INTO shape (study, sample_type, feature, feature_type, mask) VALUES ('flags', 'integer', 'a', 'boolean', 'cell_phenotypes(a, b)');

-- rows that foreign keys change
CREATE TABLE cascaded_slide (sample text PRIMARY KEY);
CREATE TABLE cascaded (LIKE cell INCLUDING DEFAULTS, UNIQUE (sample, cell_id),
	FOREIGN KEY (sample) REFERENCES cascaded_slide ON UPDATE CASCADE ON DELETE CASCADE
) PARTITION BY LIST (sample);
CREATE TABLE cascaded_1 PARTITION OF cascaded FOR VALUES IN ('S1', 'S2');
CREATE TABLE cascaded_2 (:shuffled, sample text);
ALTER TABLE cascaded_2 DROP dropped;
ALTER TABLE cascaded ATTACH PARTITION cascaded_2 FOR VALUES IN ('S3');
CREATE TABLE cascaded_rest PARTITION OF cascaded DEFAULT;
INSERT INTO shape (study, places, slides) VALUES ('cascaded', true, 'cascaded_slide');

CREATE TABLE loosened_slide (sample integer PRIMARY KEY);
CREATE TABLE loosened (
	sample integer REFERENCES loosened_slide ON UPDATE CASCADE ON DELETE SET NULL,
	cell_id bigint DEFAULT nextval('cell_ids'), x integer, y integer, phenotypes bigint, UNIQUE (sample, cell_id));
INSERT INTO shape (study, sample_type, slides) VALUES ('loosened', 'integer', 'loosened_slide');

-- a table that is written through views and rules
CREATE TABLE viewed (LIKE cell INCLUDING DEFAULTS, UNIQUE (sample, cell_id)) PARTITION BY LIST (sample);
CREATE TABLE viewed_1 PARTITION OF viewed FOR VALUES IN ('S1', 'S2');
CREATE TABLE viewed_2 (:shuffled, sample text);
ALTER TABLE viewed_2 DROP dropped;
ALTER TABLE viewed ATTACH PARTITION viewed_2 FOR VALUES IN ('S3');
CREATE TABLE viewed_rest PARTITION OF viewed DEFAULT;
INSERT INTO shape (study, places) VALUES ('viewed', true);

CREATE VIEW viewed_updatable AS SELECT phenotypes, y, x, cell_id, sample FROM viewed;

CREATE VIEW viewed_instead AS SELECT * FROM viewed;
CREATE FUNCTION write_instead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP <> 'INSERT' THEN
		DELETE FROM viewed WHERE sample = OLD.sample AND cell_id = OLD.cell_id;
	END IF;
	IF TG_OP <> 'DELETE' THEN
		INSERT INTO viewed VALUES (NEW.sample, coalesce(NEW.cell_id, nextval('cell_ids')), NEW.x, NEW.y, NEW.phenotypes);
	END IF;
	RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER write INSTEAD OF INSERT OR UPDATE OR DELETE ON viewed_instead FOR EACH ROW EXECUTE FUNCTION write_instead();

CREATE TABLE viewed_ruled (LIKE cell INCLUDING DEFAULTS);
CREATE RULE also_insert AS ON INSERT TO viewed_ruled DO ALSO INSERT INTO viewed (sample, x, y, phenotypes) VALUES (new.sample, new.x, new.y, new.phenotypes);
CREATE RULE instead_update AS ON UPDATE TO viewed_ruled DO INSTEAD UPDATE viewed SET sample = new.sample, x = new.x WHERE viewed.sample = old.sample;
CREATE RULE also_delete AS ON DELETE TO viewed_ruled DO ALSO DELETE FROM viewed WHERE viewed.sample = old.sample;

-- A table with triggers that write: other rows, another sample, and at the end of the transaction.
-- One more trigger reads payloads.
CREATE TABLE triggered (LIKE cell INCLUDING DEFAULTS, UNIQUE (sample, cell_id)) PARTITION BY HASH (cell_id);
CREATE TABLE triggered_0 PARTITION OF triggered FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE triggered_1 (:shuffled, sample text);
ALTER TABLE triggered_1 DROP dropped;
ALTER TABLE triggered ATTACH PARTITION triggered_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO shape (study) VALUES ('triggered');

CREATE FUNCTION change_sample() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.sample := 'S' || 1 + NEW.x % 4;
	RETURN NEW;
END $$;
CREATE TRIGGER change_sample BEFORE INSERT OR UPDATE ON triggered FOR EACH ROW WHEN (NEW.x % 7 = 0) EXECUTE FUNCTION change_sample();

CREATE FUNCTION change_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF pg_trigger_depth() = 1 THEN
		UPDATE triggered SET y = y + 1 WHERE sample = 'S' || 1 + OLD.x % 4 AND cell_id % 3 = 0;
		DELETE FROM triggered WHERE sample = 'S' || 1 + OLD.y % 4 AND cell_id % 10 = 0;
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER change_others AFTER UPDATE OR DELETE ON triggered FOR EACH ROW WHEN (OLD.x % 5 = 0) EXECUTE FUNCTION change_others();

CREATE FUNCTION read_payload() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cell_data('triggered', NEW.sample);
	RETURN NULL;
EXCEPTION WHEN no_data_found THEN
	RETURN NULL;
END $$;
CREATE TRIGGER a_reader AFTER INSERT OR UPDATE ON triggered FOR EACH ROW
	WHEN (NEW.x % 6 = 0 AND NEW.sample IS NOT NULL) EXECUTE FUNCTION read_payload();

CREATE TABLE triggered_event (sample text);
CREATE FUNCTION change_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE triggered SET x = x + 1 WHERE sample = NEW.sample;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER change_at_commit AFTER INSERT ON triggered_event DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION change_at_commit();

-- a virtual generated column
SELECT current_setting('server_version_num')::integer >= 180000 AS has_virtual_columns \gset
\if :has_virtual_columns
CREATE TABLE virtual (LIKE cell INCLUDING DEFAULTS, shifted integer GENERATED ALWAYS AS (x + 1) VIRTUAL, UNIQUE (sample, cell_id));
INSERT INTO shape (study) VALUES ('virtual');
\endif

-- parents that statements give to sources that are not partitioned, and take away again
CREATE TABLE parent_without_columns ();
CREATE TABLE parent_of_positions (x integer, y integer);

ALTER TABLE shape ADD samples text[];
UPDATE shape SET samples = ARRAY(SELECT sample_name(sample_type, number) FROM generate_series(1, :samples) number);
DO $$
DECLARE
	s shape;
BEGIN
	FOR s IN TABLE shape LOOP
		IF s.slides IS NOT NULL THEN
			EXECUTE format('INSERT INTO %I SELECT unnest($1)::%s', s.slides, s.sample_type) USING s.samples;
		END IF;
		PERFORM cell_register_study(s.study, s.study::regclass,
			phenotypes => CASE WHEN s.feature = s.mask THEN s.feature END::name,
			feature_columns => CASE WHEN s.feature <> s.mask THEN '{a,b}' END::name[],
			features => CASE WHEN s.feature = s.mask THEN '{a,b}' END::text[]);
	END LOOP;
END $$;

CREATE FUNCTION is_partitioned(source text) RETURNS boolean LANGUAGE sql AS
'SELECT relkind = ''p'' FROM pg_class WHERE oid = source::regclass';
-- All partitions or children of a source, at every level
CREATE FUNCTION parts_of(source text) RETURNS TABLE (part text, parent text, bound text) LANGUAGE sql AS $$
	WITH RECURSIVE below AS (
		SELECT inhrelid, inhparent FROM pg_inherits WHERE inhparent = source::regclass
		UNION ALL SELECT i.inhrelid, i.inhparent FROM pg_inherits i JOIN below ON i.inhparent = below.inhrelid
	)
	SELECT inhrelid::regclass::text, inhparent::regclass::text, pg_get_expr(relpartbound, oid) FROM below JOIN pg_class ON oid = inhrelid ORDER BY 1
$$;

-- Insert cells for each sample of a source. The source "family" also gets cells in its child.
CREATE FUNCTION fill(study text, cells integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	s shape := (SELECT shape FROM shape WHERE shape.study = fill.study);
BEGIN
	FOR i IN 0 .. (study = 'family')::integer LOOP
		EXECUTE format('INSERT INTO %I (%I, x, y, %I) SELECT (sample || $3)::%s, i, 100 * number + i, (i %% 2)::%s FROM unnest($1) WITH ORDINALITY s (sample, number), generate_series(1, $2) i',
			study || (ARRAY['', '_child'])[1 + i], s.key, s.feature, s.sample_type, s.feature_type)
			USING s.samples, cells, CASE s.key WHEN 'label' THEN '/' || s.samples[1] ELSE '' END;
	END LOOP;
END $$;

-- The payload that cell_data serves, and the payload that cell_pack makes from the rows: NULL if
-- the sample has no rows, empty if two rows have the same id
CREATE FUNCTION served(study text, sample text, layout text, coding text) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
	RETURN cell_decode(cell_data(study, sample, layout, coding), coding);
EXCEPTION
	WHEN no_data_found THEN RETURN NULL;
	WHEN cardinality_violation THEN RETURN '';
END $$;

CREATE FUNCTION packed(study text, sample text, layout text) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	s shape := (SELECT shape FROM shape WHERE shape.study = packed.study);
	payload bytea;
BEGIN
	EXECUTE format('SELECT cell_pack(cell_id, x, y, %s, $2) FROM %I WHERE sample = $1::%s', s.mask, study, s.sample_type)
		INTO payload USING sample, layout;
	RETURN payload;
EXCEPTION
	WHEN cardinality_violation THEN RETURN '';
END $$;

-- Compare the served payloads of samples with the rows. The two are comparable if both were read
-- with the same snapshot. That is so if the transaction has only one snapshot, or if no other
-- transaction ended between the two reads.
CREATE FUNCTION compared(study text, samples text[], layout text DEFAULT 'compact', coding text DEFAULT 'identity', served_first boolean DEFAULT true,
	OUT sample text, OUT comparable boolean, OUT same boolean, OUT served_cells bigint, OUT right_cells bigint)
RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	before text;
	ours bytea;
	theirs bytea;
BEGIN
	FOREACH sample IN ARRAY samples LOOP
		before := pg_current_snapshot()::text;
		IF served_first THEN
			ours := served(study, sample, layout, coding);
			theirs := packed(study, sample, layout);
		ELSE
			theirs := packed(study, sample, layout);
			ours := served(study, sample, layout, coding);
		END IF;
		comparable := before = pg_current_snapshot()::text;
		same := ours IS NOT DISTINCT FROM theirs;
		served_cells := CASE WHEN ours <> '' THEN cell_count(ours, layout => layout) END;
		right_cells := CASE WHEN theirs <> '' THEN cell_count(theirs, layout => layout) END;
		RETURN NEXT;
	END LOOP;
END $$;
