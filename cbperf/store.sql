-- The record store of cbperf: measurements over time. "cbperf init" runs this
-- file in one transaction, in a separate database with encoding UTF8.
--
-- A row has the JSON document of its author, without the arrays that have their
-- own tables. Generated columns have the values for queries across time. So no
-- column can disagree with its document, and the store keeps and returns members
-- that this version does not know.
--
-- Times in columns are in seconds, memory in bytes.

CREATE SCHEMA cbperf;
COMMENT ON SCHEMA cbperf IS 'runs and comparisons measured by cbperf';

CREATE FUNCTION cbperf.version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1;
COMMENT ON FUNCTION cbperf.version() IS 'version of this schema; cbperf reads it from this file';

-- ---------------------------------------------------------------------------
-- Functions for generated columns
--
-- They are immutable although they call functions that are not: a time with an
-- offset means the same under all settings, and the encoding of a database is
-- fixed.
-- ---------------------------------------------------------------------------

CREATE FUNCTION cbperf.instant(value text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN value::timestamptz;
COMMENT ON FUNCTION cbperf.instant(text) IS 'time in ISO 8601, with the offset from UTC';

CREATE FUNCTION cbperf.key(process text, arguments jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN encode(sha256(convert_to(to_jsonb(process)::text || arguments::text, 'UTF8')), 'hex');
COMMENT ON FUNCTION cbperf.key(text, jsonb) IS
'key of a process and its arguments (an array of strings) across runs: the SHA-256 of both, in hex';

CREATE FUNCTION cbperf.texts(value jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ARRAY(SELECT jsonb_array_elements_text(value));
COMMENT ON FUNCTION cbperf.texts(jsonb) IS 'array of strings as an SQL array';

-- ---------------------------------------------------------------------------
-- Runs
--
-- "number" is the position in the array of the record, from 1.
-- ---------------------------------------------------------------------------

CREATE TABLE cbperf.host (
	host_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	document jsonb NOT NULL UNIQUE,
	name text NOT NULL GENERATED ALWAYS AS (document->>'name') STORED,
	cpu text NOT NULL GENERATED ALWAYS AS (document->>'cpu') STORED,
	cores integer NOT NULL GENERATED ALWAYS AS ((document->>'cores')::integer) STORED CHECK (cores > 0),
	memory bigint NOT NULL GENERATED ALWAYS AS ((document->>'memory')::bigint) STORED CHECK (memory >= 0),
	kernel text NOT NULL GENERATED ALWAYS AS (document->>'kernel') STORED,
	os text NOT NULL GENERATED ALWAYS AS (document->>'os') STORED
);
COMMENT ON TABLE cbperf.host IS 'a machine in one state; the same machine with another kernel or more memory has another row with the same name';
COMMENT ON COLUMN cbperf.host.memory IS 'bytes';

CREATE TABLE cbperf.run (
	run_id uuid GENERATED ALWAYS AS ((document->>'run_id')::uuid) STORED PRIMARY KEY,
	document jsonb NOT NULL,
	host_id integer NOT NULL REFERENCES cbperf.host,
	author name NOT NULL DEFAULT session_user,
	abandoned boolean NOT NULL DEFAULT false,
	kind text NOT NULL GENERATED ALWAYS AS (document->>'kind') STORED CHECK (kind IN ('sql', 'command', 'pid')),
	state text NOT NULL GENERATED ALWAYS AS (document->>'state') STORED CHECK (state IN ('running', 'complete', 'incomplete')),
	process text NOT NULL GENERATED ALWAYS AS (document->>'process') STORED,
	key text NOT NULL GENERATED ALWAYS AS (cbperf.key(document->>'process', document->'arguments')) STORED,
	started timestamptz NOT NULL GENERATED ALWAYS AS (cbperf.instant(document->>'started')) STORED,
	finished timestamptz GENERATED ALWAYS AS (cbperf.instant(document->>'finished')) STORED,
	tag text GENERATED ALWAYS AS (document->>'tag') STORED,
	CONSTRAINT a_complete_run_is_finished CHECK (state <> 'complete' OR finished IS NOT NULL)
);
COMMENT ON TABLE cbperf.run IS 'a process, measured once or several times';
COMMENT ON COLUMN cbperf.run.document IS 'the record without host, samples, profiles and components';
COMMENT ON COLUMN cbperf.run.author IS 'session user who put the record; only this user can replace it while it is not finished';
COMMENT ON COLUMN cbperf.run.abandoned IS 'cbperf.mark_abandoned changed the state from "running" to "incomplete", because no session measured the run any more';
COMMENT ON COLUMN cbperf.run.key IS 'hash of process and arguments; runs with the same key are compared across time';

CREATE INDEX ON cbperf.run (started);
CREATE INDEX ON cbperf.run (process, started);
CREATE INDEX ON cbperf.run (key, started);
CREATE INDEX ON cbperf.run (tag, started) WHERE tag IS NOT NULL;
CREATE INDEX ON cbperf.run (host_id, started);
CREATE INDEX ON cbperf.run (run_id) WHERE state = 'running';

CREATE TABLE cbperf.sample (
	run_id uuid REFERENCES cbperf.run ON DELETE CASCADE,
	number integer,
	document jsonb NOT NULL,
	repetition integer NOT NULL GENERATED ALWAYS AS ((document->>'repetition')::integer) STORED,
	failed boolean NOT NULL GENERATED ALWAYS AS (document->>'failed' IS NOT NULL) STORED,
	real double precision GENERATED ALWAYS AS ((document->>'real')::double precision) STORED,
	user_cpu double precision GENERATED ALWAYS AS ((document->>'user')::double precision) STORED,
	system_cpu double precision GENERATED ALWAYS AS ((document->>'system')::double precision) STORED,
	waiting double precision GENERATED ALWAYS AS ((document->>'waiting')::double precision) STORED,
	peak_private bigint GENERATED ALWAYS AS ((document->>'peak_private')::bigint) STORED,
	peak_resident bigint GENERATED ALWAYS AS ((document->>'peak_resident')::bigint) STORED,
	minor_faults bigint GENERATED ALWAYS AS ((document->>'minor_faults')::bigint) STORED,
	major_faults bigint GENERATED ALWAYS AS ((document->>'major_faults')::bigint) STORED,
	voluntary_switches bigint GENERATED ALWAYS AS ((document->>'voluntary_switches')::bigint) STORED,
	involuntary_switches bigint GENERATED ALWAYS AS ((document->>'involuntary_switches')::bigint) STORED,
	PRIMARY KEY (run_id, number),
	CHECK (least(real, user_cpu, system_cpu, waiting) >= 0),
	CHECK (least(peak_private, peak_resident, minor_faults, major_faults, voluntary_switches, involuntary_switches) >= 0)
);
COMMENT ON TABLE cbperf.sample IS
'one execution of the process: the figures of the backend or command and all its workers together. A figure that could not be measured is null, '
'and the run''s "unavailable" has the reason';
COMMENT ON COLUMN cbperf.sample.document IS 'the sample without its spans; only here are the figures of each process, the waits and the series of memory';
COMMENT ON COLUMN cbperf.sample.repetition IS 'number of the execution, from 1; several clients count separately';
COMMENT ON COLUMN cbperf.sample.real IS 'seconds from start to end';
COMMENT ON COLUMN cbperf.sample.user_cpu IS 'seconds of CPU in user mode, of all processes';
COMMENT ON COLUMN cbperf.sample.system_cpu IS 'seconds of CPU in the kernel, of all processes';
COMMENT ON COLUMN cbperf.sample.waiting IS 'seconds in which the backend was neither running nor ready to run: real time less CPU time and time in the scheduler''s queue';
COMMENT ON COLUMN cbperf.sample.peak_private IS 'bytes of private memory at the peak; for several processes, the largest sampled sum at one time, or the peak of one process if that is larger';
COMMENT ON COLUMN cbperf.sample.peak_resident IS 'bytes of resident memory, including shared memory, of the largest process';

CREATE TABLE cbperf.span (
	run_id uuid,
	sample integer,
	number integer,
	document jsonb NOT NULL,
	path text[] NOT NULL GENERATED ALWAYS AS (cbperf.texts(document->'path')) STORED,
	real double precision GENERATED ALWAYS AS ((document->>'real')::double precision) STORED,
	cpu double precision GENERATED ALWAYS AS ((document->>'cpu')::double precision) STORED,
	workers_cpu double precision GENERATED ALWAYS AS ((document->>'workers_cpu')::double precision) STORED,
	waiting double precision GENERATED ALWAYS AS ((document->>'waiting')::double precision) STORED,
	minor_faults bigint GENERATED ALWAYS AS ((document->>'minor_faults')::bigint) STORED,
	major_faults bigint GENERATED ALWAYS AS ((document->>'major_faults')::bigint) STORED,
	PRIMARY KEY (run_id, sample, number),
	FOREIGN KEY (run_id, sample) REFERENCES cbperf.sample ON DELETE CASCADE,
	CHECK (least(real, cpu, workers_cpu, waiting) >= 0),
	CHECK (least(minor_faults, major_faults) >= 0)
);
COMMENT ON TABLE cbperf.span IS 'a named part of a sample; its figures include those of the spans inside it';
COMMENT ON COLUMN cbperf.span.sample IS 'number of the sample in the run';
COMMENT ON COLUMN cbperf.span.path IS 'names, outermost first';
COMMENT ON COLUMN cbperf.span.real IS 'seconds from start to end';
COMMENT ON COLUMN cbperf.span.cpu IS 'seconds of CPU of the backend or command';
COMMENT ON COLUMN cbperf.span.workers_cpu IS 'seconds of CPU of its workers';
COMMENT ON COLUMN cbperf.span.waiting IS 'as in cbperf.sample';

CREATE TABLE cbperf.profile (
	run_id uuid REFERENCES cbperf.run ON DELETE CASCADE,
	number integer,
	document jsonb NOT NULL,
	profiler text NOT NULL GENERATED ALWAYS AS (document->>'profiler') STORED,
	title text NOT NULL GENERATED ALWAYS AS (document->>'title') STORED,
	unit text NOT NULL GENERATED ALWAYS AS (document->>'unit') STORED,
	total bigint GENERATED ALWAYS AS ((document->>'total')::bigint) STORED CHECK (total >= 0),
	available boolean NOT NULL GENERATED ALWAYS AS (document->>'unavailable' IS NULL) STORED,
	overhead double precision GENERATED ALWAYS AS ((document->>'overhead')::double precision) STORED CHECK (overhead >= 0),
	PRIMARY KEY (run_id, number)
);
COMMENT ON TABLE cbperf.profile IS 'a profile of a run by one profiler';
COMMENT ON COLUMN cbperf.profile.document IS 'the profile with its tree of nodes {"name", "value", "children"}, one for each frame';
COMMENT ON COLUMN cbperf.profile.total IS 'value of the tree''s root, in unit';
COMMENT ON COLUMN cbperf.profile.overhead IS 'real time with the profiler, divided by that without';

CREATE TABLE cbperf.component (
	run_id uuid REFERENCES cbperf.run ON DELETE CASCADE,
	number integer,
	document jsonb NOT NULL,
	profiler text NOT NULL GENERATED ALWAYS AS (document->>'profiler') STORED,
	component text NOT NULL GENERATED ALWAYS AS (document->>'component') STORED,
	value bigint NOT NULL GENERATED ALWAYS AS ((document->>'value')::bigint) STORED CHECK (value >= 0),
	share double precision NOT NULL GENERATED ALWAYS AS ((document->>'share')::double precision) STORED CHECK (share >= 0),
	seconds double precision GENERATED ALWAYS AS ((document->>'seconds')::double precision) STORED CHECK (seconds >= 0),
	PRIMARY KEY (run_id, number)
);
COMMENT ON TABLE cbperf.component IS 'the share of a part of the program, such as scan or sort, in a profile';
COMMENT ON COLUMN cbperf.component.value IS 'value in the unit of the profile';
COMMENT ON COLUMN cbperf.component.share IS 'share of the profile''s total, from 0 to 1';
COMMENT ON COLUMN cbperf.component.seconds IS 'CPU time of the component, if the profile counts time';

-- ---------------------------------------------------------------------------
-- Comparisons
--
-- No foreign key refers to runs, because an import can store a comparison before
-- its runs or without them.
-- ---------------------------------------------------------------------------

CREATE TABLE cbperf.comparison (
	comparison_id uuid GENERATED ALWAYS AS ((document->>'comparison_id')::uuid) STORED PRIMARY KEY,
	document jsonb NOT NULL,
	author name NOT NULL DEFAULT session_user,
	abandoned boolean NOT NULL DEFAULT false,
	state text NOT NULL GENERATED ALWAYS AS (document->>'state') STORED CHECK (state IN ('running', 'complete', 'incomplete')),
	started timestamptz NOT NULL GENERATED ALWAYS AS (cbperf.instant(document->>'started')) STORED,
	finished timestamptz GENERATED ALWAYS AS (cbperf.instant(document->>'finished')) STORED,
	tag text GENERATED ALWAYS AS (document->>'tag') STORED,
	base text NOT NULL GENERATED ALWAYS AS (document->>'base') STORED,
	new text NOT NULL GENERATED ALWAYS AS (document->>'new') STORED,
	alarm boolean NOT NULL GENERATED ALWAYS AS ((document->>'alarm')::boolean) STORED,
	CONSTRAINT a_complete_comparison_is_finished CHECK (state <> 'complete' OR finished IS NOT NULL)
);
COMMENT ON TABLE cbperf.comparison IS 'the same workloads on two builds or servers, base and new';
COMMENT ON COLUMN cbperf.comparison.document IS 'the comparison without its workloads';
COMMENT ON COLUMN cbperf.comparison.author IS 'as in cbperf.run';
COMMENT ON COLUMN cbperf.comparison.abandoned IS 'as in cbperf.run';
COMMENT ON COLUMN cbperf.comparison.alarm IS 'whether new is worse than base in at least one verdict';

CREATE INDEX ON cbperf.comparison (started);
CREATE INDEX ON cbperf.comparison (tag, started) WHERE tag IS NOT NULL;
CREATE INDEX ON cbperf.comparison (comparison_id) WHERE state = 'running';

CREATE TABLE cbperf.workload (
	comparison_id uuid REFERENCES cbperf.comparison ON DELETE CASCADE,
	number integer,
	document jsonb NOT NULL,
	workload text NOT NULL GENERATED ALWAYS AS (document->>'workload') STORED,
	base_run uuid GENERATED ALWAYS AS ((document->>'base_run')::uuid) STORED,
	new_run uuid GENERATED ALWAYS AS ((document->>'new_run')::uuid) STORED,
	PRIMARY KEY (comparison_id, number)
);
COMMENT ON TABLE cbperf.workload IS 'a workload that a comparison ran on both sides';
COMMENT ON COLUMN cbperf.workload.document IS 'the workload without its verdicts and evidence';
COMMENT ON COLUMN cbperf.workload.base_run IS 'the run of base; the store may not have it';
COMMENT ON COLUMN cbperf.workload.new_run IS 'the run of new; the store may not have it';

CREATE INDEX ON cbperf.workload (workload);

CREATE TABLE cbperf.verdict (
	comparison_id uuid,
	workload integer,
	number integer,
	document jsonb NOT NULL,
	measure text NOT NULL GENERATED ALWAYS AS (document->>'measure') STORED,
	base double precision GENERATED ALWAYS AS ((document->>'base')::double precision) STORED,
	new double precision GENERATED ALWAYS AS ((document->>'new')::double precision) STORED,
	ratio double precision GENERATED ALWAYS AS ((document->>'ratio')::double precision) STORED,
	threshold double precision GENERATED ALWAYS AS ((document->>'threshold')::double precision) STORED,
	p double precision GENERATED ALWAYS AS ((document->>'p')::double precision) STORED CHECK (p BETWEEN 0 AND 1),
	alarm boolean NOT NULL GENERATED ALWAYS AS ((document->>'alarm')::boolean) STORED,
	available boolean NOT NULL GENERATED ALWAYS AS (document->>'unavailable' IS NULL) STORED,
	PRIMARY KEY (comparison_id, workload, number),
	FOREIGN KEY (comparison_id, workload) REFERENCES cbperf.workload ON DELETE CASCADE
);
COMMENT ON TABLE cbperf.verdict IS 'whether a workload is worse in one measure';
COMMENT ON COLUMN cbperf.verdict.workload IS 'number of the workload in the comparison';
COMMENT ON COLUMN cbperf.verdict.base IS 'number of instructions, bytes (peak_heap, memory) or seconds (time)';
COMMENT ON COLUMN cbperf.verdict.new IS 'in the unit of base';
COMMENT ON COLUMN cbperf.verdict.ratio IS 'new divided by base';
COMMENT ON COLUMN cbperf.verdict.threshold IS 'ratio above which an alarm is raised';
COMMENT ON COLUMN cbperf.verdict.p IS 'probability of such a difference by chance; null for measures that repeat exactly';

CREATE TABLE cbperf.evidence (
	comparison_id uuid,
	workload integer,
	number integer,
	document jsonb NOT NULL,
	measure text NOT NULL GENERATED ALWAYS AS (document->>'measure') STORED,
	profiler text NOT NULL GENERATED ALWAYS AS (document->>'profiler') STORED,
	PRIMARY KEY (comparison_id, workload, number),
	FOREIGN KEY (comparison_id, workload) REFERENCES cbperf.workload ON DELETE CASCADE
);
COMMENT ON TABLE cbperf.evidence IS 'the cause of a difference, as the difference of two profiles';
COMMENT ON COLUMN cbperf.evidence.workload IS 'number of the workload in the comparison';
COMMENT ON COLUMN cbperf.evidence.document IS 'the evidence with the differential tree, whose nodes have a "delta", and the frames that changed most, largest change first';

-- ---------------------------------------------------------------------------
-- Checks of documents
-- ---------------------------------------------------------------------------

CREATE FUNCTION cbperf.demand(value jsonb, shape jsonb, member text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	found text := jsonb_typeof(value);   -- null if the member is missing
	wanted text := shape #>> '{}';
	amount numeric := CASE found WHEN 'number' THEN value::numeric END;
	inner_name text;
	inner_value jsonb;
	fits boolean;
BEGIN
	CASE jsonb_typeof(shape)
	WHEN 'array' THEN
		IF found = 'array' THEN
			FOR i IN 0 .. jsonb_array_length(value) - 1 LOOP
				PERFORM cbperf.demand(value->i, shape->0, format('%s[%s]', member, i));
			END LOOP;
			RETURN;
		END IF;
		wanted := 'array';
	WHEN 'object' THEN
		IF shape ? 'or null' THEN
			IF found IS DISTINCT FROM 'null' THEN
				PERFORM cbperf.demand(value, shape->'or null', member);
			END IF;
			RETURN;
		ELSIF found = 'object' THEN
			-- {"*": shape} checks the members that the object has.
			FOR inner_name, inner_value IN SELECT * FROM jsonb_each(CASE WHEN shape ? '*' THEN value ELSE shape END) LOOP
				PERFORM cbperf.demand(value->inner_name, coalesce(shape->'*', inner_value), concat_ws('.', nullif(member, ''), inner_name));
			END LOOP;
			RETURN;
		END IF;
		wanted := 'object';
	ELSE
		IF found = 'null' AND wanted LIKE '%?' THEN
			RETURN;
		END IF;
		fits := CASE rtrim(wanted, '?')
			WHEN 'text' THEN found = 'string'
			WHEN 'boolean' THEN found = 'boolean'
			WHEN 'object' THEN found = 'object'
			WHEN 'amounts' THEN found = 'array' AND NOT value @? '$[*] ? (@.type() != "number" || @ < 0)'
			WHEN 'number' THEN amount = 0 OR abs(amount) BETWEEN 1e-300 AND 1e300
			WHEN 'amount' THEN amount = 0 OR amount BETWEEN 1e-300 AND 1e300
			WHEN 'count' THEN amount = trunc(amount) AND amount BETWEEN 0 AND 9223372036854775807
			WHEN 'integer' THEN amount = trunc(amount) AND amount BETWEEN 1 AND 2147483647
			WHEN 'uuid' THEN found = 'string' AND value #>> '{}' ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
			WHEN 'time' THEN found = 'string' AND value #>> '{}' ~
				'^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-4]):[0-5]\d)$'
			ELSE found = 'string' AND value #>> '{}' = ANY (string_to_array(rtrim(wanted, '?'), '|'))
		END;
		IF fits THEN
			RETURN;
		END IF;
	END CASE;

	RAISE EXCEPTION USING
		ERRCODE = CASE WHEN wanted LIKE 'uuid%' THEN 'invalid_text_representation' WHEN wanted LIKE 'time%' THEN 'invalid_datetime_format'
			ELSE 'invalid_parameter_value' END,
		MESSAGE = format('%s must be %s%s', coalesce(nullif(member, ''), 'the document'), CASE rtrim(wanted, '?')
			WHEN 'text' THEN 'a string'
			WHEN 'boolean' THEN 'true or false'
			WHEN 'object' THEN 'an object'
			WHEN 'array' THEN 'an array'
			WHEN 'number' THEN 'a number'
			WHEN 'amount' THEN 'a number that is not negative'
			WHEN 'amounts' THEN 'an array of numbers that are not negative'
			WHEN 'count' THEN 'a whole number that is not negative'
			WHEN 'integer' THEN 'a whole number from 1'
			WHEN 'uuid' THEN 'a UUID'
			WHEN 'time' THEN 'a time in ISO 8601 with its offset from UTC'
			ELSE 'one of ' || replace(rtrim(wanted, '?'), '|', ', ') END,
			CASE WHEN wanted LIKE '%?' THEN ', or null' END),
		DETAIL = CASE WHEN value IS NULL THEN 'It is missing.' ELSE format('It is %s.', left(value::text, 80)) END;
END $$;
COMMENT ON FUNCTION cbperf.demand(jsonb, jsonb, text) IS
'raises an error unless a value has a shape; member is the path of the value. A shape is one of the strings text, boolean, object, number, '
'amount (not negative), amounts (an array), count (whole), integer (from 1), uuid, time, or a list of allowed strings, a|b; a final "?" also '
'allows null. [shape] is an array, {"name": shape} an object with at least these members, {"*": shape} an object with any members, '
'{"or null": shape} an object or null. The content of trees is not checked';

-- ---------------------------------------------------------------------------
-- Sessions that measure
--
-- The session that puts a "running" record holds an advisory lock on it until the
-- record is finished. When the session ends in any way, the server releases the
-- lock.
-- ---------------------------------------------------------------------------

CREATE FUNCTION cbperf.measured_by(id uuid) RETURNS integer
LANGUAGE sql VOLATILE STRICT
BEGIN ATOMIC
	SELECT l.pid FROM pg_locks l
	WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
		AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
		AND (l.classid::bigint << 32 | l.objid::bigint) = uuid_hash_extended(id, 0)
	LIMIT 1;
END;
COMMENT ON FUNCTION cbperf.measured_by(uuid) IS 'process id of the session that measures a run or comparison, or null';

CREATE FUNCTION cbperf.mark_measured(id uuid, running boolean) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	IF running AND cbperf.measured_by(id) IS NULL THEN
		PERFORM pg_try_advisory_lock(uuid_hash_extended(id, 0));
	ELSIF NOT running AND cbperf.measured_by(id) = pg_backend_pid() THEN
		PERFORM pg_advisory_unlock(uuid_hash_extended(id, 0));
	END IF;
END $$;
COMMENT ON FUNCTION cbperf.mark_measured(uuid, boolean) IS 'takes or releases this session''s lock on a run or comparison';

CREATE FUNCTION cbperf.mark_abandoned(host text) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	fate CONSTANT jsonb := '{"state": "incomplete", "error": "the process that measured it ended"}';
	runs bigint;
	comparisons bigint;
BEGIN
	LOCK TABLE cbperf.host IN SHARE ROW EXCLUSIVE MODE;
	UPDATE cbperf.run r SET document = r.document || fate, abandoned = true
	FROM cbperf.host h
	WHERE r.state = 'running' AND h.host_id = r.host_id AND h.name = mark_abandoned.host AND cbperf.measured_by(r.run_id) IS NULL;
	GET DIAGNOSTICS runs = ROW_COUNT;
	-- A comparison has no host; its lock alone shows whether a session makes it.
	UPDATE cbperf.comparison c SET document = c.document || fate, abandoned = true
	WHERE c.state = 'running' AND cbperf.measured_by(c.comparison_id) IS NULL;
	GET DIAGNOSTICS comparisons = ROW_COUNT;
	RETURN runs + comparisons;
END $$;
COMMENT ON FUNCTION cbperf.mark_abandoned(text) IS
'marks runs of a host, and comparisons, as "incomplete" if they are "running" but no session measures them; returns their number. The author can still replace them';

-- ---------------------------------------------------------------------------
-- put and get
--
-- Only one writer runs at a time, because each begins with a lock on cbperf.host.
-- So writers cannot deadlock, and the rows that they read do not change. Readers
-- do not wait for this lock.
-- ---------------------------------------------------------------------------

CREATE FUNCTION cbperf.get(run_id uuid) RETURNS jsonb
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT r.document || jsonb_build_object(
		'host', h.document,
		'samples', coalesce((
			SELECT jsonb_agg(s.document || jsonb_build_object('spans', coalesce((
					SELECT jsonb_agg(p.document ORDER BY p.number)
					FROM cbperf.span p WHERE p.run_id = s.run_id AND p.sample = s.number), '[]'))
				ORDER BY s.number)
			FROM cbperf.sample s WHERE s.run_id = r.run_id), '[]'),
		'profiles', coalesce((SELECT jsonb_agg(p.document ORDER BY p.number) FROM cbperf.profile p WHERE p.run_id = r.run_id), '[]'),
		'components', coalesce((SELECT jsonb_agg(c.document ORDER BY c.number) FROM cbperf.component c WHERE c.run_id = r.run_id), '[]'))
	FROM cbperf.run r JOIN cbperf.host h ON h.host_id = r.host_id
	WHERE r.run_id = get.run_id;
END;
COMMENT ON FUNCTION cbperf.get(uuid) IS 'the record of a run as it was put, or null';

CREATE FUNCTION cbperf.get_comparison(comparison_id uuid) RETURNS jsonb
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT c.document || jsonb_build_object('workloads', coalesce((
		SELECT jsonb_agg(w.document || jsonb_build_object(
				'verdicts', coalesce((
					SELECT jsonb_agg(v.document ORDER BY v.number)
					FROM cbperf.verdict v WHERE v.comparison_id = w.comparison_id AND v.workload = w.number), '[]'),
				'evidence', coalesce((
					SELECT jsonb_agg(e.document ORDER BY e.number)
					FROM cbperf.evidence e WHERE e.comparison_id = w.comparison_id AND e.workload = w.number), '[]'))
			ORDER BY w.number)
		FROM cbperf.workload w WHERE w.comparison_id = c.comparison_id), '[]'))
	FROM cbperf.comparison c
	WHERE c.comparison_id = get_comparison.comparison_id;
END;
COMMENT ON FUNCTION cbperf.get_comparison(uuid) IS 'a comparison as it was put, or null';

CREATE FUNCTION cbperf.demand_replaceable(what text, id uuid, author name, replaceable boolean) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
	IF NOT replaceable THEN
		RAISE EXCEPTION USING
			ERRCODE = 'unique_violation',
			MESSAGE = format('a different %s %s is stored already', what, id),
			DETAIL = 'Only a record that is "running" or abandoned can be replaced.',
			HINT = 'Another measurement needs another id.';
	ELSIF author <> session_user THEN
		RAISE EXCEPTION USING
			ERRCODE = 'insufficient_privilege',
			MESSAGE = format('%s %s was put by another user', what, id),
			DETAIL = format('Its author is %s, and the session user is %s.', author, session_user),
			HINT = 'Only the author can replace it.';
	END IF;
END $$;
COMMENT ON FUNCTION cbperf.demand_replaceable(text, uuid, name, boolean) IS
'raises an error unless this session''s user may replace the stored record';

CREATE FUNCTION cbperf.put(record jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	shape CONSTANT jsonb := '{
		"run_id": "uuid", "state": "running|complete|incomplete", "error": "text?", "kind": "sql|command|pid",
		"process": "text", "arguments": ["text"], "started": "time", "finished": "time?",
		"tag": "text?", "description": "text?", "user_data": "object", "tool": "text",
		"host": {"name": "text", "cpu": "text", "cores": "integer", "memory": "count", "kernel": "text", "os": "text"},
		"server": {"or null": {"version": "text", "settings": {"*": "text"},
			"extension": {"or null": {"name": "text", "version": "text", "sha256": "text?"}}}},
		"libraries": {"*": "text"}, "unavailable": {"*": "text"},
		"git": {"or null": {"commit": "text", "dirty": "boolean"}},
		"dataset": {"or null": {"name": "text", "hash": "text"}},
		"samples": [{"repetition": "integer", "started": "time", "failed": "text?",
			"real": "amount?", "user": "amount?", "system": "amount?", "waiting": "amount?",
			"peak_private": "count?", "peak_resident": "count?", "minor_faults": "count?", "major_faults": "count?",
			"voluntary_switches": "count?", "involuntary_switches": "count?", "waits": {"*": "amount"},
			"processes": [{"pid": "integer", "role": "text", "user": "amount?", "system": "amount?",
				"peak_private": "count?", "peak_resident": "count?", "minor_faults": "count?", "major_faults": "count?",
				"voluntary_switches": "count?", "involuntary_switches": "count?"}],
			"spans": [{"path": ["text"], "start": "amount", "real": "amount?", "cpu": "amount?", "workers_cpu": "amount?",
				"minor_faults": "count?", "major_faults": "count?", "waiting": "amount?", "waits": {"*": "amount"}}],
			"series": {"seconds": "amounts", "private": "amounts"}}],
		"profiles": [{"profiler": "text", "title": "text", "unit": "text", "total": "count?",
			"tree": "object?", "unavailable": "text?", "facts": "object", "overhead": "amount?"}],
		"components": [{"profiler": "text", "component": "text", "value": "count", "share": "amount", "seconds": "amount?"}]}';
	id uuid;
	running boolean;
	stored cbperf.run;
BEGIN
	IF record->'record' IS DISTINCT FROM '1' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'the document is not a record of version 1',
			DETAIL = coalesce('Its member "record" is ' || left((record->'record')::text, 80) || '.', 'It has no member "record".');
	END IF;
	PERFORM cbperf.demand(record, shape, '');
	id := record->>'run_id';
	running := record->>'state' = 'running';

	LOCK TABLE cbperf.host IN SHARE ROW EXCLUSIVE MODE;
	SELECT r.* INTO stored FROM cbperf.run r WHERE r.run_id = id;
	IF FOUND THEN
		IF cbperf.get(id) = record THEN
			IF stored.author = session_user THEN
				PERFORM cbperf.mark_measured(id, running);
			END IF;
			RETURN false;
		END IF;
		PERFORM cbperf.demand_replaceable('run', id, stored.author, stored.state = 'running' OR stored.abandoned);
		DELETE FROM cbperf.run r WHERE r.run_id = id;
	END IF;

	INSERT INTO cbperf.host (document) VALUES (record->'host') ON CONFLICT DO NOTHING;
	INSERT INTO cbperf.run (document, host_id)
	SELECT record - '{host,samples,profiles,components}'::text[], h.host_id
	FROM cbperf.host h WHERE h.document = record->'host';
	INSERT INTO cbperf.sample (run_id, number, document)
	SELECT id, s.number, s.document - 'spans'
	FROM jsonb_array_elements(record->'samples') WITH ORDINALITY s (document, number);
	INSERT INTO cbperf.span (run_id, sample, number, document)
	SELECT id, s.number, p.number, p.document
	FROM jsonb_array_elements(record->'samples') WITH ORDINALITY s (document, number),
		jsonb_array_elements(s.document->'spans') WITH ORDINALITY p (document, number);
	INSERT INTO cbperf.profile (run_id, number, document)
	SELECT id, p.number, p.document
	FROM jsonb_array_elements(record->'profiles') WITH ORDINALITY p (document, number);
	INSERT INTO cbperf.component (run_id, number, document)
	SELECT id, c.number, c.document
	FROM jsonb_array_elements(record->'components') WITH ORDINALITY c (document, number);
	PERFORM cbperf.mark_measured(id, running);
	RETURN true;
END $$;
COMMENT ON FUNCTION cbperf.put(jsonb) IS
'stores the record of a run; returns false if exactly this record is stored already. The author can replace a record that is "running" or '
'abandoned. This session counts as the one that measures a "running" record';

CREATE FUNCTION cbperf.put_comparison(comparison jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	shape CONSTANT jsonb := '{
		"comparison_id": "uuid", "started": "time", "finished": "time?", "state": "running|complete|incomplete",
		"error": "text?", "tag": "text?", "base": "text", "new": "text", "alarm": "boolean",
		"workloads": [{"workload": "text", "base_run": "uuid?", "new_run": "uuid?",
			"verdicts": [{"measure": "text", "base": "number?", "new": "number?", "ratio": "number?",
				"threshold": "number?", "p": "amount?", "alarm": "boolean", "unavailable": "text?"}],
			"evidence": [{"measure": "text", "profiler": "text", "tree": "object?", "guilty": [{"frame": "text", "delta": "number"}]}]}]}';
	id uuid;
	running boolean;
	stored cbperf.comparison;
BEGIN
	IF comparison->'comparison' IS DISTINCT FROM '1' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'the document is not a comparison of version 1',
			DETAIL = coalesce('Its member "comparison" is ' || left((comparison->'comparison')::text, 80) || '.', 'It has no member "comparison".');
	END IF;
	PERFORM cbperf.demand(comparison, shape, '');
	id := comparison->>'comparison_id';
	running := comparison->>'state' = 'running';

	LOCK TABLE cbperf.host IN SHARE ROW EXCLUSIVE MODE;
	SELECT c.* INTO stored FROM cbperf.comparison c WHERE c.comparison_id = id;
	IF FOUND THEN
		IF cbperf.get_comparison(id) = comparison THEN
			IF stored.author = session_user THEN
				PERFORM cbperf.mark_measured(id, running);
			END IF;
			RETURN false;
		END IF;
		PERFORM cbperf.demand_replaceable('comparison', id, stored.author, stored.state = 'running' OR stored.abandoned);
		DELETE FROM cbperf.comparison c WHERE c.comparison_id = id;
	END IF;

	INSERT INTO cbperf.comparison (document) VALUES (comparison - 'workloads');
	INSERT INTO cbperf.workload (comparison_id, number, document)
	SELECT id, w.number, w.document - '{verdicts,evidence}'::text[]
	FROM jsonb_array_elements(comparison->'workloads') WITH ORDINALITY w (document, number);
	INSERT INTO cbperf.verdict (comparison_id, workload, number, document)
	SELECT id, w.number, v.number, v.document
	FROM jsonb_array_elements(comparison->'workloads') WITH ORDINALITY w (document, number),
		jsonb_array_elements(w.document->'verdicts') WITH ORDINALITY v (document, number);
	INSERT INTO cbperf.evidence (comparison_id, workload, number, document)
	SELECT id, w.number, e.number, e.document
	FROM jsonb_array_elements(comparison->'workloads') WITH ORDINALITY w (document, number),
		jsonb_array_elements(w.document->'evidence') WITH ORDINALITY e (document, number);
	PERFORM cbperf.mark_measured(id, running);
	RETURN true;
END $$;
COMMENT ON FUNCTION cbperf.put_comparison(jsonb) IS 'stores a comparison; otherwise as cbperf.put';

-- ---------------------------------------------------------------------------
-- Views for readers
--
-- They have no command text: neither arguments (only their hash, "key") nor errors
-- nor reasons, which may quote a statement. Authors choose tags, descriptions,
-- user_data and the names of processes and spans, and readers see them.
-- ---------------------------------------------------------------------------

CREATE VIEW cbperf.runs AS
SELECT r.run_id, r.process, r.key, r.kind, r.state, r.abandoned, r.started, r.finished, r.author, r.tag,
	r.document->>'description' AS description, r.document->'user_data' AS user_data,
	h.name AS host, h.cpu AS host_cpu, h.cores, h.memory, h.kernel, h.os,
	r.document->>'tool' AS tool, r.document#>>'{server,version}' AS server_version,
	r.document#>>'{server,extension,name}' AS extension, r.document#>>'{server,extension,version}' AS extension_version,
	r.document->'libraries' AS libraries,
	r.document#>>'{git,commit}' AS git_commit, (r.document#>>'{git,dirty}')::boolean AS git_dirty,
	r.document#>>'{dataset,name}' AS dataset, r.document#>>'{dataset,hash}' AS dataset_hash,
	s.*
FROM cbperf.run r JOIN cbperf.host h USING (host_id)
CROSS JOIN LATERAL (
	SELECT count(*) FILTER (WHERE NOT failed) AS samples, count(*) FILTER (WHERE failed) AS failed,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY real) FILTER (WHERE NOT failed) AS real,
		min(real) FILTER (WHERE NOT failed) AS least_real,
		max(real) FILTER (WHERE NOT failed) AS most_real,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY user_cpu + system_cpu) FILTER (WHERE NOT failed) AS cpu,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY waiting) FILTER (WHERE NOT failed) AS waiting,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY peak_private) FILTER (WHERE NOT failed) AS peak_private,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY peak_resident) FILTER (WHERE NOT failed) AS peak_resident,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY minor_faults) FILTER (WHERE NOT failed) AS minor_faults,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY major_faults) FILTER (WHERE NOT failed) AS major_faults,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY voluntary_switches) FILTER (WHERE NOT failed) AS voluntary_switches,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY involuntary_switches) FILTER (WHERE NOT failed) AS involuntary_switches
	FROM cbperf.sample WHERE run_id = r.run_id) s;
COMMENT ON VIEW cbperf.runs IS 'one row for each run; figures are medians over the samples that did not fail, in seconds and bytes';
COMMENT ON COLUMN cbperf.runs.memory IS 'of the host, in bytes';
COMMENT ON COLUMN cbperf.runs.samples IS 'number of samples that did not fail';
COMMENT ON COLUMN cbperf.runs.failed IS 'number of samples that failed';
COMMENT ON COLUMN cbperf.runs.cpu IS 'seconds in user mode and in the kernel, of all processes';

CREATE VIEW cbperf.history AS
SELECT r.process, r.key, r.host, r.started, r.run_id, r.tag, r.server_version, r.extension_version, r.git_commit, r.git_dirty, r.dataset_hash,
	r.samples, r.real, r.cpu, r.waiting, r.peak_private, r.peak_resident, r.minor_faults, r.major_faults,
	r.real / nullif(lag(r.real) OVER earlier, 0) AS real_ratio,
	r.peak_private / nullif(lag(r.peak_private) OVER earlier, 0) AS peak_private_ratio
FROM cbperf.runs r
WHERE r.state = 'complete'
-- The partition has all columns of usual conditions, so that the planner can push them into the view.
WINDOW earlier AS (PARTITION BY r.process, r.key, r.host ORDER BY r.started, r.run_id);
COMMENT ON VIEW cbperf.history IS 'complete runs in the order of time; select them by process or key, and host';
COMMENT ON COLUMN cbperf.history.real_ratio IS 'real, divided by that of the previous run with the same key on the same host';
COMMENT ON COLUMN cbperf.history.peak_private_ratio IS 'as real_ratio';

CREATE VIEW cbperf.by_host AS
SELECT r.host, r.process, r.key, count(*) AS runs, sum(r.samples)::bigint AS samples, min(r.started) AS first_started, max(r.started) AS last_started,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY r.real) AS real, min(r.real) AS least_real, max(r.real) AS most_real,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY r.cpu) AS cpu,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY r.peak_private) AS peak_private, max(r.peak_private) AS most_peak_private
FROM cbperf.runs r
WHERE r.state = 'complete'
GROUP BY r.host, r.process, r.key;
COMMENT ON VIEW cbperf.by_host IS 'complete runs by host and process: medians, least and most of the figures in cbperf.runs';

CREATE VIEW cbperf.by_tag AS
SELECT r.tag, r.host, r.process, r.key, count(*) AS runs, sum(r.samples)::bigint AS samples, min(r.started) AS first_started, max(r.started) AS last_started,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY r.real) AS real, min(r.real) AS least_real, max(r.real) AS most_real,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY r.cpu) AS cpu,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY r.peak_private) AS peak_private, max(r.peak_private) AS most_peak_private
FROM cbperf.runs r
WHERE r.state = 'complete' AND r.tag IS NOT NULL
GROUP BY r.tag, r.host, r.process, r.key;
COMMENT ON VIEW cbperf.by_tag IS 'as cbperf.by_host, but by tag, host and process';

CREATE VIEW cbperf.by_component AS
SELECT h.name AS host, r.process, r.key, c.profiler, c.component, count(*) AS runs,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY c.value) AS value,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY c.share) AS share,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY c.seconds) AS seconds
FROM cbperf.run r JOIN cbperf.host h USING (host_id) JOIN cbperf.component c USING (run_id)
WHERE r.state = 'complete'
GROUP BY h.name, r.process, r.key, c.profiler, c.component;
COMMENT ON VIEW cbperf.by_component IS 'costs of components in complete runs: medians over the runs; value is in the unit of the profile';

CREATE VIEW cbperf.spans AS
SELECT p.run_id, r.process, r.key, h.name AS host, r.started, p.path, count(*) AS samples, sum(p.times)::bigint AS times,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY p.real) AS real,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY p.cpu) AS cpu,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY p.workers_cpu) AS workers_cpu,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY p.waiting) AS waiting,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY p.minor_faults) AS minor_faults,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY p.major_faults) AS major_faults
FROM cbperf.run r JOIN cbperf.host h USING (host_id)
CROSS JOIN LATERAL (
	SELECT s.run_id, p.path, count(*) AS times, sum(p.real) AS real, sum(p.cpu) AS cpu, sum(p.workers_cpu) AS workers_cpu,
		sum(p.waiting) AS waiting, sum(p.minor_faults) AS minor_faults, sum(p.major_faults) AS major_faults
	FROM cbperf.sample s JOIN cbperf.span p ON p.run_id = s.run_id AND p.sample = s.number
	WHERE s.run_id = r.run_id AND NOT s.failed
	GROUP BY s.run_id, s.number, p.path) p
GROUP BY p.run_id, r.process, r.key, h.name, r.started, p.path;
COMMENT ON VIEW cbperf.spans IS 'spans of each run: medians over the samples of the sums for a path in each sample, in seconds';
COMMENT ON COLUMN cbperf.spans.samples IS 'number of samples that have the span';
COMMENT ON COLUMN cbperf.spans.times IS 'number of times that the span occurs in all samples';

CREATE VIEW cbperf.waits AS
SELECT r.run_id, r.process, r.key, h.name AS host, r.started, w.event, sum(w.seconds::double precision) AS seconds
FROM cbperf.run r JOIN cbperf.host h USING (host_id) JOIN cbperf.sample s USING (run_id)
CROSS JOIN LATERAL jsonb_each_text(s.document->'waits') w (event, seconds)
WHERE NOT s.failed
GROUP BY r.run_id, h.name, w.event;
COMMENT ON VIEW cbperf.waits IS 'seconds in each wait event, summed over all samples of a run';

CREATE VIEW cbperf.profiles AS
SELECT p.run_id, r.process, r.key, h.name AS host, r.started, p.profiler, p.title, p.unit, p.total, p.available, p.overhead
FROM cbperf.profile p JOIN cbperf.run r USING (run_id) JOIN cbperf.host h USING (host_id);
COMMENT ON VIEW cbperf.profiles IS 'profiles without their trees';

CREATE VIEW cbperf.components AS
SELECT c.run_id, r.process, r.key, h.name AS host, r.started, c.profiler, c.component, c.value, c.share, c.seconds
FROM cbperf.component c JOIN cbperf.run r USING (run_id) JOIN cbperf.host h USING (host_id);
COMMENT ON VIEW cbperf.components IS 'costs of components in each run';

CREATE VIEW cbperf.comparisons AS
SELECT c.comparison_id, c.state, c.abandoned, c.started, c.finished, c.author, c.tag, c.base, c.new,
	CASE WHEN c.alarm OR c.state = 'complete' THEN c.alarm END AS alarm,
	(SELECT count(*) FROM cbperf.workload w WHERE w.comparison_id = c.comparison_id) AS workloads,
	(SELECT count(*) FROM cbperf.verdict v WHERE v.comparison_id = c.comparison_id AND v.alarm) AS alarms
FROM cbperf.comparison c;
COMMENT ON VIEW cbperf.comparisons IS 'one row for each comparison, with the numbers of workloads and of alarms';
COMMENT ON COLUMN cbperf.comparisons.alarm IS 'null if the comparison is not complete and has no alarm, because the missing part might raise one';

CREATE VIEW cbperf.verdicts AS
SELECT v.comparison_id, c.started, w.workload, w.base_run, w.new_run, v.measure, v.base, v.new, v.ratio, v.threshold, v.p, v.alarm, v.available
FROM cbperf.verdict v JOIN cbperf.comparison c USING (comparison_id)
JOIN cbperf.workload w ON w.comparison_id = v.comparison_id AND w.number = v.workload;
COMMENT ON VIEW cbperf.verdicts IS 'one row for each measure of each workload of a comparison';

-- These two views hide rows, so their own conditions must run before those of a reader.

CREATE VIEW cbperf.trees WITH (security_barrier) AS
SELECT p.run_id, p.profiler, p.unit, p.document->'tree' AS tree
FROM cbperf.profile p
WHERE p.available AND p.profiler IN ('cpu', 'faults', 'instructions', 'heap');
COMMENT ON VIEW cbperf.trees IS
'trees of profilers whose frames are names of functions; trees of other profilers, such as contexts, may quote statements and are in cbperf.get only';

CREATE VIEW cbperf.differences WITH (security_barrier) AS
SELECT e.comparison_id, c.started, w.workload, e.measure, e.profiler, e.document->'guilty' AS guilty, e.document->'tree' AS tree
FROM cbperf.evidence e JOIN cbperf.comparison c USING (comparison_id)
JOIN cbperf.workload w ON w.comparison_id = e.comparison_id AND w.number = e.workload
WHERE e.profiler IN ('cpu', 'faults', 'instructions', 'heap');
COMMENT ON VIEW cbperf.differences IS 'causes of differences: the frames that changed most, and differential trees, for the profilers in cbperf.trees';

-- ---------------------------------------------------------------------------
-- Privileges
--
-- Roles are global, and another store may have created them.
-- ---------------------------------------------------------------------------

DO $$
DECLARE
	missing text;
BEGIN
	FOR missing IN SELECT unnest('{cbperf_reader,cbperf_writer}'::text[]) EXCEPT SELECT rolname FROM pg_catalog.pg_roles LOOP
		BEGIN
			EXECUTE format('CREATE ROLE %I NOLOGIN', missing);
		EXCEPTION WHEN duplicate_object OR unique_violation THEN   -- another "cbperf init" created it first
			NULL;
		END;
	END LOOP;
	EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
	EXECUTE format('GRANT CONNECT ON DATABASE %I TO cbperf_reader, cbperf_writer', current_database());
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA cbperf FROM PUBLIC;
GRANT USAGE ON SCHEMA cbperf TO cbperf_reader, cbperf_writer;
GRANT SELECT ON cbperf.runs, cbperf.history, cbperf.by_host, cbperf.by_tag, cbperf.by_component, cbperf.spans, cbperf.waits, cbperf.profiles,
	cbperf.trees, cbperf.components, cbperf.comparisons, cbperf.verdicts, cbperf.differences TO cbperf_reader, cbperf_writer;
GRANT EXECUTE ON FUNCTION cbperf.version(), cbperf.key(text, jsonb) TO cbperf_reader, cbperf_writer;
GRANT EXECUTE ON FUNCTION cbperf.put(jsonb), cbperf.put_comparison(jsonb), cbperf.get(uuid), cbperf.get_comparison(uuid),
	cbperf.mark_abandoned(text) TO cbperf_writer;
