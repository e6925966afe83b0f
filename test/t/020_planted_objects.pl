# The extension never calls functions or operators that a hostile role planted in its schema, and
# all results equal those of a database without them.
#
# The planted objects fit the calls that the extension makes better than the intended objects do.
# They are planted before the extension is installed, or after it.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('planted');
# The end of a session locks and drops each of its temporary functions.
$node->append_conf('postgresql.conf', "fsync = off\nmax_wal_size = 4GB\nmax_locks_per_transaction = 1000\njit = off\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE ROLE owner LOGIN;      -- owns the database and the extension
	CREATE ROLE planter LOGIN;
	CREATE ROLE lab LOGIN;        -- owns the cells
	CREATE ROLE reader LOGIN;
	CREATE ROLE monitor LOGIN IN ROLE pg_monitor});

# Cells in tables and a view. Their columns have all types that the queries of a source cast.
my $cells = q{
	CREATE SCHEMA tissue AUTHORIZATION lab;
	SET SESSION AUTHORIZATION lab;
	GRANT USAGE ON SCHEMA tissue TO PUBLIC;
	ALTER DEFAULT PRIVILEGES IN SCHEMA tissue GRANT SELECT ON TABLES TO PUBLIC;
	SET search_path = tissue;
	CREATE DOMAIN code AS varchar(20);
	CREATE DOMAIN id AS integer;
	CREATE TABLE flags (sample text, cell_id bigint, x integer, y integer, cd3 boolean, cd8 boolean, PRIMARY KEY (sample, cell_id));
	INSERT INTO flags SELECT 'S' || i % 3, i, i * 7, i * 3 % 31, i % 2 = 0, i % 3 = 0 FROM generate_series(1, 60) i;
	CREATE TABLE digits (sample code, cell_id id, x numeric, y real, a smallint, b integer, c bigint);
	INSERT INTO digits SELECT 'S' || i % 2, i, i * 1.25, i * 3 % 31, i % 2, i / 2 % 2, i / 4 % 2 FROM generate_series(1, 60) i;
	CREATE INDEX ON digits (sample);
	CREATE TABLE masks (sample integer, cell_id smallint, x double precision, y bigint, phenotypes bigint, intensities real[]) PARTITION BY LIST (sample);
	CREATE TABLE masks_1 PARTITION OF masks FOR VALUES IN (1);
	CREATE TABLE masks_2 PARTITION OF masks DEFAULT;
	INSERT INTO masks SELECT 1 + i % 2, i, i / 2.0, i, i % 8, ARRAY[i % 5 / 5.0, i % 7 / 7.0, i % 11 / 11.0] FROM generate_series(1, 60) i;
	CREATE TABLE uuids AS SELECT ('00000000-0000-0000-0000-00000000000' || sample)::uuid AS sample, cell_id::id, x::smallint, y::integer, phenotypes, intensities::float8[] FROM masks;
	CREATE VIEW seen AS SELECT f.sample, f.cell_id, f.x, f.y, f.cd3, d.a FROM flags f JOIN digits d USING (cell_id);
	CREATE TABLE bad (sample text, cell_id bigint, x double precision, y integer, phenotypes bigint);
	INSERT INTO bad VALUES ('good', 1, 1, 1, 1), ('wrong', 1, 'NaN', 1, 1);
	CREATE TABLE long (cell text, feature text, positive boolean, intensity double precision);
	INSERT INTO long SELECT i, f, i % 2 = 0, i / 8.0 FROM generate_series(1, 8) i, unnest('{a,b}'::text[]) f;
	-- uncompressed and compressed values
	CREATE TABLE payload (name text, body bytea);
	INSERT INTO payload VALUES ('short', '\x0102030405'), ('long', decode(repeat('00ff', 20000), 'hex')), ('none', NULL)};

# The workload. Its statements qualify all names and cast all arguments to the exact type, so that
# only the extension itself can call a planted object.
my $registering = q{
	SELECT imaging.cell_register_study('flags'::text, 'tissue.flags'::regclass, 'sample'::name, 'cell_id'::name, 'x'::name, 'y'::name,
		NULL::name, '{cd3,cd8}'::name[], NULL::text[], NULL::boolean, NULL::name, 1000::bigint, 7::bigint, true::boolean, NULL::text[]);
	SELECT imaging.cell_register_study('digits'::text, 'tissue.digits'::regclass, 'sample'::name, 'cell_id'::name, 'x'::name, 'y'::name,
		NULL::name, '{a,b,c}'::name[], '{A,B,C}'::text[], true::boolean, NULL::name, 1000::bigint, 7::bigint, false::boolean, '{a,b,c}'::text[]);
	SELECT imaging.cell_register_study('masks'::text, 'tissue.masks'::regclass, 'sample'::name, 'cell_id'::name, 'x'::name, 'y'::name,
		'phenotypes'::name, NULL::name[], '{A,B,C}'::text[], NULL::boolean, 'intensities'::name, 10::bigint, 7::bigint, true::boolean, NULL::text[]);
	SELECT imaging.cell_register_study('uuids'::text, 'tissue.uuids'::regclass, 'sample'::name, 'cell_id'::name, 'x'::name, 'y'::name,
		'phenotypes'::name, NULL::name[], '{A,B,C}'::text[], false::boolean, 'intensities'::name, 10::bigint, 7::bigint, true::boolean, NULL::text[]);
	SELECT imaging.cell_register_study('seen'::text, 'tissue.seen'::regclass, 'sample'::name, 'cell_id'::name, 'x'::name, 'y'::name,
		NULL::name, '{cd3,a}'::name[], NULL::text[], NULL::boolean, NULL::name, 1000::bigint, 7::bigint, true::boolean, NULL::text[]);
	SELECT imaging.cell_register_study('bad'::text, 'tissue.bad'::regclass, 'sample'::name, 'cell_id'::name, 'x'::name, 'y'::name,
		'phenotypes'::name, NULL::name[], '{}'::text[], NULL::boolean, NULL::name, 1000::bigint, 7::bigint, true::boolean, NULL::text[]);
	SELECT imaging.cell_register_study('none'::text, 'tissue.long'::regclass, 'sample'::name, 'cell_id'::name, 'x'::name, 'y'::name,
		NULL::name, '{cd3}'::name[], NULL::text[], NULL::boolean, NULL::name, 1000::bigint, 7::bigint, true::boolean, NULL::text[]);
	SELECT imaging.cell_create_payload_view('masks'::text, 'tissue.payloads'::text);
	SELECT imaging.cell_register_study('taken'::text, 'tissue.masks'::regclass, 'sample'::name, 'cell_id'::name, 'x'::name, 'y'::name,
		'phenotypes'::name, NULL::name[], '{A,B,C}'::text[], false::boolean, 'intensities'::name, 10::bigint, 7::bigint, true::boolean, NULL::text[]);
	SELECT imaging.cell_set_payloads('taken'::text, 'tissue.payloads'::regclass);
	GRANT SELECT ON tissue.payloads TO reader};

my $serving = q{
	SELECT study, scans.* FROM (SELECT study FROM imaging.cell_studies WHERE study OPERATOR(pg_catalog.<>) 'bad'::text OFFSET 0) study,
		LATERAL imaging.cell_scans(study, NULL::text) scans ORDER BY study, call, aggregate;
	SELECT study, source, store, features, intensities, listed FROM imaging.cell_studies ORDER BY study;
	SELECT pid, study, sample, layout, coding, phase, since, number, samples FROM imaging.cell_progress;
	SELECT * FROM imaging.cell_prepare_samples('flags'::text, NULL::text, 'intensity'::text, 'br'::text);
	SELECT study, bit, feature, full_name, imaging.cell_feature_names_json(study) FROM imaging.cell_studies, LATERAL imaging.cell_feature_names(study) ORDER BY study, bit;
	SELECT study, sample, layout, coding, head.*, pg_catalog.md5(imaging.cell_data(study, sample, layout, coding))
	FROM (SELECT study FROM imaging.cell_studies WHERE study OPERATOR(pg_catalog.<>) 'bad'::text OFFSET 0) study, LATERAL imaging.cell_samples(study) sample,
		(VALUES ('compact'::text), ('spt'::text), ('dense'::text), ('arrow'::text)) layout (layout),
		(VALUES ('identity'::text), ('gzip'::text), ('zstd'::text), ('br'::text)) coding (coding),
		LATERAL imaging.cell_data_head(study, sample, layout, coding) head
	ORDER BY study, sample, layout, coding;
	SELECT study, sample, cells, payload FROM (SELECT study FROM imaging.cell_studies WHERE study OPERATOR(pg_catalog.<>) 'bad'::text OFFSET 0) study,
		LATERAL imaging.cell_data_samples(study, 'dense'::text, 'identity'::text) ORDER BY study, sample;
	SELECT imaging.cell_data('bad'::text, 'wrong'::text, 'compact'::text, 'identity'::text);
	SELECT study, sample, head.*, imaging.cell_data(study, sample, 'intensity'::text, 'identity'::text)
	FROM (VALUES ('masks'::text), ('uuids'::text)) study (study), LATERAL imaging.cell_samples(study) sample,
		LATERAL imaging.cell_data_head(study, sample, 'intensity'::text, 'zstd'::text) head ORDER BY study, sample;
	SELECT study, layout, pg_catalog.md5(imaging.cell_data(study, NULL::text, layout, 'identity'::text))
	FROM (VALUES ('masks'::text), ('uuids'::text)) study (study), (VALUES ('subsample'::text), ('subsample_metadata'::text), ('subsample_body'::text)) layout (layout)
	ORDER BY study, layout;
	SELECT chunk, byte_offset, body FROM imaging.cell_data_chunks('flags'::text, 'S1'::text, 'dense'::text, 'identity'::text, 30::integer);
	SELECT study, imaging.cell_subsample(study, 25::bigint, 7::bigint), imaging.cell_subsample_metadata(study, 25::bigint)
	FROM (VALUES ('masks'::text), ('uuids'::text)) study (study);
	SELECT * FROM imaging.cell_subsample_rows('masks'::text, 25::bigint, 7::bigint);
	SELECT * FROM imaging.cell_make_ready('flags'::text, 'S2'::text, 'spt'::text, 'gzip'::text, 1::integer, 1::integer);
	CALL imaging.cell_prepare('digits'::text, NULL::text, 'arrow'::text, 'br'::text);
	CALL imaging.cell_prepare('digits'::text, 'S1'::text, 'arrow'::text, 'br'::text);
	CALL imaging.cell_prepare('bad'::text, NULL::text, 'compact'::text, 'identity'::text);
	CALL imaging.cell_prepare('bad'::text, 'missing'::text, 'compact'::text, 'identity'::text)};

my $using = q{
	SELECT imaging.cell_pack(x, y, cell_id) FROM tissue.flags;
	SELECT imaging.cell_pack(cell_id, x, y, cell_id) FROM tissue.flags;
	SELECT imaging.cell_pack(x::float8, y::float8, phenotypes) FROM tissue.masks;
	SELECT imaging.cell_pack(cell_id::bigint, x::float8, y::float8, phenotypes) FROM tissue.masks;
	SELECT layout, payload, imaging.cell_info(payload, layout, 0::integer), imaging.cell_count(payload, 1::bigint, 2::bigint, layout, 0::integer),
		imaging.cell_empty(layout), imaging.cell_decode(imaging.cell_encode(payload, 'gzip'::text, 1::integer), 'gzip'::text)
	FROM (VALUES ('compact'::text), ('spt'::text), ('dense'::text), ('arrow'::text)) layout (layout),
		LATERAL (SELECT imaging.cell_pack(cell_id, x, y, imaging.cell_phenotypes(VARIADIC ARRAY[cd3, cd8]::boolean[]), layout) FROM tissue.flags) p (payload);
	SELECT unpacked.* FROM (SELECT imaging.cell_pack(cell_id::bigint, x::float8, y::float8, phenotypes, 'spt'::text) FROM tissue.masks) p (payload),
		LATERAL imaging.cell_unpack(payload, 'spt'::text) unpacked;
	SELECT cell, imaging.cell_phenotypes_agg(f, positive) FROM tissue.long, (VALUES (0::integer), (1::integer)) f (f) GROUP BY cell ORDER BY cell;
	SELECT imaging.cell_phenotypes_transfn(1::bigint, 1::integer, true::boolean), imaging.cell_positive(1::bigint);
	SELECT id, imaging.cell_collected_phenotypes(m, id), imaging.cell_collected_intensities(i, id)
	FROM (SELECT imaging.cell_collect_phenotypes(cell, feature, positive, '{a,b}'::text[]), imaging.cell_collect_intensities(cell, feature, intensity, '{a,b}'::text[])
		FROM tissue.long) collected (m, i), (VALUES (1::bigint), (8::bigint), (9::bigint)) id (id);
	SELECT imaging.cell_pack_intensities(cell_id::bigint, intensities) FROM tissue.masks;
	SELECT imaging.cell_pack_intensities(cell_id::bigint, intensities, 3::integer) FROM tissue.masks;
	SELECT unpacked.* FROM (SELECT imaging.cell_pack_intensities(cell_id::bigint, intensities, 3::integer) FROM tissue.uuids) p (payload),
		LATERAL imaging.cell_unpack_intensities(payload, 3::integer) unpacked;
	SELECT imaging.cell_pack_intensities(cell_id::bigint, intensities) FROM tissue.uuids;
	SELECT imaging.cell_minifloat_encode(0.3::float8), imaging.cell_minifloat_decode(200::smallint);
	SELECT imaging.cell_shape_centroid('AAAnCgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAdugDAAAFAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAABABQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAAAAUAAAAAAAAAAAAAAACatEAAAAAAAAAYwAAAAAAAmrRAAAAAAAAAMkAAAAAAALq0QAAAAAAAADJAAAAAAAC6tEAAAAAAAAAYwAAAAAAAmrRAAAAAAAAAGMA='::text, false::boolean);
	SELECT name, chunk, byte_offset, pg_catalog.octet_length(chunks.body) FROM tissue.payload, LATERAL imaging.cell_chunks(payload.body, 3000::integer) chunks ORDER BY name, chunk;
	SELECT imaging.cell_chunk_count(100::bigint, 30::integer)};

my $changing = q{
	INSERT INTO tissue.flags VALUES ('S3', 100, 1, 2, true, false);
	UPDATE tissue.digits SET x = 77 WHERE cell_id OPERATOR(pg_catalog.=) 7::integer;
	DELETE FROM tissue.masks WHERE cell_id OPERATOR(pg_catalog.=) 8::smallint;
	COPY tissue.flags FROM stdin;
S4	101	3	4	f	t
\.
	SELECT imaging.cell_invalidate('seen'::text, 'S1'::text), imaging.cell_invalidate('flags'::text, NULL::text);
	CREATE TABLE tissue.masks_3 PARTITION OF tissue.masks FOR VALUES IN (3);
	INSERT INTO tissue.masks VALUES (3, 200, 1, 2, 3, '{0.1,0.2,0.3}');
	SELECT imaging.cell_track_study('masks'::text), imaging.cell_first_touch('S1'::text)};

my $monitoring = q{
	SELECT study, hits, misses, waits, direct, packings, packing_time IS NOT NULL, served_bytes, evictions, stored_payloads, stored_bytes
	FROM imaging.cell_store_stats ORDER BY study};

my $dropping = q{
	SELECT imaging.cell_drop_study(study) FROM (SELECT study FROM imaging.cell_studies ORDER BY study OFFSET 0) study;
	SELECT study FROM imaging.cell_studies};

my @workload = (
	[ 'registering',         'lab',      $registering ],
	[ 'serving a reader',    'reader',   $serving ],
	[ 'functions',           'reader',   $using ],
	[ 'changing cells',      'lab',      $changing ],
	[ 'serving the lab',     'lab',      $serving ],
	[ 'serving the owner',   'owner',    $serving ],
	[ 'serving a superuser', 'postgres', $serving ],
	[ 'monitoring',          'monitor',  $monitoring ],
	[ 'dropping',            'lab',      $dropping ]);

# Create a database with cells, in which the owner creates a schema for the extension. The role
# planter can create objects in that schema.
sub create_database
{
	my ($database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER owner");
	$node->safe_psql($database, $cells);
	$node->safe_psql($database, 'CREATE SCHEMA imaging; GRANT USAGE ON SCHEMA imaging TO PUBLIC; GRANT CREATE ON SCHEMA imaging TO planter',
		extra_params => [ '-U', 'owner' ]);
	return;
}

# Install the extension, and return whether that succeeded. Beside planted objects it may fail, but
# must then leave nothing behind.
sub install
{
	my ($database, $beside) = @_;
	my ($status, undef, $errors) = $node->psql($database, 'CREATE EXTENSION cell_binary SCHEMA imaging', extra_params => [ '-U', 'owner' ]);
	note("$database: $errors") if $errors ne '';
	my $left = $node->safe_psql($database, q{
		SELECT (SELECT count(*) FROM pg_extension WHERE extname = 'cell_binary') +
			(SELECT count(*) FROM pg_proc WHERE probin LIKE '%cell_binary')});
	ok($status == 0 || ($beside && $left == 0), "$database: " . ($status == 0 ? 'the extension is installed' : 'CREATE EXTENSION fails and leaves nothing'));
	return $status == 0;
}

# The lines that sessions print in steps of the workload, without the warnings of planted objects.
# The schema comes before pg_catalog in search_path, which is the worst case.
sub results_of
{
	my ($database, $before, @steps) = @_;
	my @results;
	foreach my $step (@steps)
	{
		my (undef, $role, $statements) = @$step;
		$statements =~ s/::(?=(?:text|name|regclass|float8)\b)/::pg_catalog./g;
		my (undef, $output, $messages) = $node->psql($database, "\\set SHOW_CONTEXT never\n$before SET search_path = imaging, pg_catalog; $statements;",
			on_error_stop => 0, extra_params => [ '-U', $role ]);
		push @results, [ split(/\n/, $output), grep { !/^WARNING:  planted / } map { s/^psql:<stdin>:\d+: //r } split(/\n/, $messages) ];
	}
	return @results;
}

my @expected;

# Run the first steps of the workload, and compare the results. The server's log shows from the
# offset on whether planted objects were called.
sub check_results
{
	my ($name, $database, $offset, $before, @steps) = @_;
	my @results = results_of($database, $before, @steps);
	my %called = map { $_ => 1 } slurp_file($node->logfile, $offset) =~ /WARNING:  planted (.*)/g;
	is(join("\n", sort keys %called), '', "$name: no planted object is called");
	is_deeply($results[$_], $expected[$_], "$name: $steps[$_][0]") foreach 0 .. $#steps;
	return;
}

# Check that the catalog entries of the extension refer only to objects of the extension and of
# PostgreSQL.
sub check_references
{
	my ($name, $database) = @_;
	is($node->safe_psql($database, q{
		WITH member AS (
			SELECT classid, objid FROM pg_depend
			WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cell_binary')
		), tree AS (
			SELECT prosqlbody::text AS tree FROM pg_proc JOIN member ON classid = 'pg_proc'::regclass AND objid = oid
			UNION ALL
			SELECT ev_action::text FROM pg_rewrite JOIN member ON classid = 'pg_class'::regclass AND objid = ev_class
		), reference AS (
			SELECT CASE match[1] WHEN 'opno' THEN 'pg_operator' ELSE 'pg_proc' END::regclass AS classid, match[2]::oid AS objid
			FROM tree, regexp_matches(tree, ':(funcid|opfuncid|aggfnoid|winfnoid|opno) (\d+)', 'g') match
			UNION
			SELECT refclassid, refobjid FROM pg_depend JOIN member USING (classid, objid) WHERE refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
		)
		SELECT pg_describe_object(classid, objid, 0) FROM reference
		WHERE objid NOT IN (SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace UNION SELECT oid FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace)
			AND (classid, objid) NOT IN (SELECT classid, objid FROM member) AND objid <> 0}), '', "$name: the extension refers only to its own and PostgreSQL's objects");
	return;
}

# The expected results
create_database('clean');
$node->safe_psql('postgres', 'ALTER DATABASE clean SET debug_print_parse = on; ALTER DATABASE clean SET debug_pretty_print = off');
my $offset = -s $node->logfile;
install('clean');
@expected = results_of('clean', '', @workload);
check_references('alone', 'clean');

# A list of numbers without duplicates
sub each_of
{
	my %each = map { $_ => 1 } @_;
	return join(',', sort keys %each);
}

# Rivals of all functions and operators of the extension, and of all those that it refers to. The
# catalog has the parse trees of its functions and views. The log has the parse trees of the
# statements that ran, including those that the extension ran.
my $trees = slurp_file($node->logfile, $offset);
$node->safe_psql('postgres', 'ALTER DATABASE clean RESET debug_print_parse');
$node->safe_psql('clean', slurp_file('test/include/rivals.sql'));
$trees .= $node->safe_psql('clean', q{
	SELECT prosqlbody FROM pg_proc JOIN member ON classid = 'pg_proc'::regclass AND objid = oid WHERE prosqlbody IS NOT NULL
	UNION ALL
	SELECT ev_action FROM pg_rewrite JOIN member ON classid = 'pg_class'::regclass AND objid = ev_class});
my $functions = each_of($trees =~ /:(?:funcid|aggfnoid|winfnoid) (\d+)/g,
	split(/\n/, $node->safe_psql('clean', q{SELECT objid FROM member WHERE classid = 'pg_proc'::regclass})));
my $operators = each_of($trees =~ /:opno (\d+)/g);

# Statements that create the rivals in a schema; test/include/rivals.sql describes them.
sub rivals
{
	my ($schema, $at_most) = @_;
	return 'SET check_function_bodies = off; BEGIN; ' . $node->safe_psql('clean', qq{
		SELECT rival || ';' FROM rival_functions('$schema', '{$functions}', $at_most) rival
		UNION ALL
		SELECT rival || ';' FROM rival_operators('$schema', '{$operators}', $at_most) rival
		UNION ALL
		SELECT rival || ';' FROM rival_types('$schema') rival}) . ' COMMIT;';
}

my $rivals = rivals('imaging', 300);
note(($rivals =~ tr/\n//) . ' rivals of ' . $node->safe_psql('clean', qq{
	SELECT string_agg(DISTINCT name, ' ' ORDER BY name)
	FROM (SELECT proname FROM pg_proc WHERE oid = ANY ('{$functions}') UNION SELECT oprname FROM pg_operator WHERE oid = ANY ('{$operators}')) of (name)}));
my @uncalled = grep { my $name = $_; !grep { $_->[2] =~ /imaging\.$name\(/ } @workload } split /\n/, $node->safe_psql('clean', q{
	SELECT DISTINCT proname FROM pg_proc JOIN member ON classid = 'pg_proc'::regclass AND objid = oid
	WHERE prorettype <> 'trigger'::regtype AND obj_description(oid, 'pg_proc') NOT LIKE 'support function of %'});
is("@uncalled", '', 'the workload calls all functions');

# Rivals that are planted before the extension is installed, and after it
foreach my $database ('before', 'after')
{
	my $name = "planted $database";
	create_database($database);
	install($database) if $database eq 'after';
	$node->safe_psql($database, $rivals, extra_params => [ '-U', 'planter' ]);
	$offset = -s $node->logfile;
	if ($database eq 'after' || install($database, 1))
	{
		check_references($name, $database);
		check_results($name, $database, $offset, '', @workload);
	}
}

# Temporary rivals, which belong to the caller, and temporary tables with the names of the
# extension's relations
my $temporary = rivals('pg_temp', 10) . join('', map { "CREATE TEMP TABLE $_ ();" } split /\n/, $node->safe_psql('clean', q{
	SELECT quote_ident(relname) FROM pg_class JOIN member ON classid = 'pg_class'::regclass AND objid = oid}));
create_database('temporary');
install('temporary');
$offset = -s $node->logfile;
check_results('temporary', 'temporary', $offset, $temporary, @workload[ 0 .. 2 ]);

# Functions with the signatures of the extension's functions, and tables and indexes with the names
# of its relations: CREATE EXTENSION fails beside them, or the extension works as without them.
my @taken = split /\n/, $node->safe_psql('clean', q{
	SELECT format('CREATE FUNCTION imaging.%I(%s) RETURNS integer LANGUAGE sql AS $$SELECT 1$$', proname, array_to_string(proargtypes::oid[]::regtype[], ', '))
	FROM pg_proc JOIN member ON classid = 'pg_proc'::regclass AND objid = oid WHERE NOT ARRAY['internal', '"any"', 'imaging.cell_layout']::regtype[]::oid[] && proargtypes::oid[]
	UNION ALL
	SELECT 'CREATE TYPE imaging.cell_layout AS ENUM (''compact'', ''dense'')'
	UNION ALL
	SELECT format(planted, relname)
	FROM pg_class, unnest(ARRAY['CREATE TABLE imaging.%I (id integer)', 'CREATE TABLE imaging.planted (id integer); CREATE INDEX %I ON imaging.planted (id)']) planted
	WHERE oid IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass UNION
		SELECT indexrelid FROM pg_index JOIN member ON classid = 'pg_class'::regclass AND objid = indrelid)
	ORDER BY 1});
create_database('taken');
my (undef, undef, $notices) = $node->psql('taken', 'DO $do$
	DECLARE
		planted text;
		is_there boolean;
	BEGIN
		FOREACH planted IN ARRAY ARRAY[$one$' . join('$one$, $one$', @taken) . '$one$] LOOP
			is_there := false;
			BEGIN
				SET LOCAL ROLE planter;
				EXECUTE planted;
				is_there := true;
				SET LOCAL ROLE owner;
				CREATE EXTENSION cell_binary SCHEMA imaging;
				RAISE assert_failure;   -- undoes everything
			EXCEPTION
				WHEN assert_failure THEN RAISE NOTICE \'installed beside %\', planted;
				WHEN OTHERS THEN ASSERT is_there, SQLERRM;
			END;
		END LOOP;
	END $do$');
unlike($notices, qr/ERROR/, 'objects whose names are taken can be planted');
my @beside = $notices =~ /NOTICE:  installed beside (.*)/g;
note(@taken - @beside . ' of ' . @taken . ' are refused');
foreach my $n (0 .. $#beside)
{
	create_database("beside_$n");
	$node->safe_psql("beside_$n", $beside[$n], extra_params => [ '-U', 'planter' ]);
	$offset = -s $node->logfile;
	install("beside_$n");
	check_results("beside $beside[$n]", "beside_$n", $offset, '', @workload);
}

$node->stop;
done_testing();
