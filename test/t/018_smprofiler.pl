# The tables of SMProfiler (formerly SPT): with the views that
# ingest/smprofiler.sql creates, the database serves the same bytes as SMProfiler.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('smprofiler');
my $fixture = shared_data() ? shared_data() . '/spt' : undef;
note('the first sample is generated: no ../shared/data') if !defined $fixture;

# Run the independent implementation of SMProfiler, and return its output.
sub smprofiler
{
	return scalar_of('/usr/bin/python3', 'test/t/smprofiler_study.py', (defined $fixture ? $fixture : ()), @_) =~ s/\n\z//r;
}

# Run ingest/smprofiler.sql. Return whether it succeeded, its output and its errors.
sub ingest
{
	my (@variables) = @_;
	my ($output, $errors);
	my $ok = IPC::Run::run([ 'psql', '-X', '-q', '-d', $node->connstr('smprofiler'), (map { ('-v', $_) } @variables), '-f', 'ingest/smprofiler.sql' ],
		'>', \$output, '2>', \$errors);
	return ($ok, $output, $errors);
}

sub sql { return $node->safe_psql('smprofiler', $_[0]); }

# Return the error of a query.
sub error_of
{
	my ($query) = @_;
	my (undef, undef, $errors) = $node->psql('smprofiler', "BEGIN; $query");
	return $errors;
}

# In text order "10" comes before "2", whatever the database's collation is.
my $icu = $node->safe_psql('postgres', q{SELECT count(*) > 0 FROM pg_collation WHERE collname = 'und-x-icu'}) eq 't';
$node->safe_psql('postgres', 'CREATE DATABASE smprofiler TEMPLATE template0' . ($icu ? q{ LOCALE_PROVIDER icu ICU_LOCALE 'en-u-kn'} : ''));
sql('CREATE SCHEMA imaging; CREATE EXTENSION cell_binary SCHEMA imaging; CREATE ROLE "the platform"; GRANT CREATE ON DATABASE smprofiler TO "the platform"; GRANT USAGE ON SCHEMA imaging TO "the platform"');
sql('SET ROLE "the platform"; ' . smprofiler('load') . "\nANALYZE");

# A role that can create objects in the schema must not gain privileges by it.
sql(q{CREATE ROLE stranger; GRANT USAGE, CREATE ON SCHEMA melanoma TO stranger; GRANT USAGE ON SCHEMA imaging TO stranger;
	SET ROLE stranger; SET search_path = melanoma;
	CREATE FUNCTION same(varchar, varchar) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'the function of a stranger was called'; END $$;
	CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = same);
	CREATE FUNCTION cell_collected_phenotypes(bytea, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
	CREATE FUNCTION cell_shape_centroid(varchar) RETURNS point LANGUAGE sql AS 'SELECT point(0, 0)'});

# A superuser or the owner of the tables creates the views of each study. The owner
# registers the study. The role reader can read only the views.
sql('CREATE ROLE reader; GRANT USAGE ON SCHEMA imaging, melanoma, "other ""schema""" TO reader');
foreach my $case ([ 'melanoma', 'lesion 0_1', 'lesion 0_2' ], [ 'other "schema"', 'lesion 0_2', 'it\'s' ])
{
	my ($schema, @samples) = @$case;
	my $quoted = $schema =~ s/"/""/gr;
	local $ENV{PGOPTIONS} = $schema eq 'melanoma' ? '' : q{-c role=the\\ platform};
	my ($ok, $output, $errors) = ingest("schema=$schema");
	local $ENV{PGOPTIONS} = '';
	ok($ok, "$schema: the script creates the views") or diag($errors);
	my ($registration) = $output =~ /^(SELECT imaging\.cell_register_study.*;)$/m;
	# Later, transactions change SMProfiler's tables, and the store would not notice.
	ok($registration =~ s/, store => true//, 'the study is to store payloads');
	sql("SET ROLE \"the platform\"; $registration GRANT SELECT ON \"$quoted\".cell_binary_cells TO reader");
	my $name = sql("SELECT study FROM imaging.cell_studies WHERE source::text LIKE '%" . substr($schema, 0, 5) . "%'");

	foreach my $sample (@samples)
	{
		my $literal = $sample =~ s/'/''/gr;
		is(sql("SET ROLE reader; SELECT encode(imaging.cell_data('$name', '$literal', 'spt'), 'hex')"), smprofiler('payload', $schema, $sample),
			"$schema, $sample: cell_data returns the payload of SMProfiler");
		is(sql("SET ROLE reader; SELECT encode(imaging.cell_decode(imaging.cell_data('$name', '$literal', 'spt', 'br'), 'br'), 'hex')"),
			smprofiler('payload', $schema, $sample), 'the same with a coding');
		is( sql("SET ROLE reader; SELECT encode(imaging.cell_pack_intensities(cell_id, intensities), 'hex') FROM \"$quoted\".cell_binary_cells WHERE sample = '$literal'"),
			smprofiler('intensities', $schema, $sample), 'cell_pack_intensities returns the intensities of SMProfiler');
	}
	is(sql("SET ROLE reader; SELECT imaging.cell_feature_names_json('$name')::jsonb"), sql("SELECT '" . smprofiler('names', $schema) . "'::jsonb"), "$schema: the feature names are those of SMProfiler");
	is(sql("SET ROLE reader; SELECT string_agg(full_name, E'\\n' ORDER BY bit) FROM imaging.cell_feature_names('$name')"), smprofiler('full_names', $schema), "$schema: so are the full names of the channels");
	is(sql("SET ROLE reader; SELECT string_agg(s, ',') FROM imaging.cell_samples('$name') s"), join(',', sort @samples), 'the study has its own samples and no others');
	is(sql("SET ROLE reader; SELECT count(*) || ' ' || sum(cells) FROM imaging.cell_data_samples('$name', 'spt')"),
		@samples . ' ' . sql("SELECT count(*) FROM \"$quoted\".cell_binary_cells"), 'cell_data_samples packs all samples');
	is(sql("SET ROLE reader; SELECT octet_length(imaging.cell_subsample('$name', 41)) FROM imaging.cell_feature_names('$name')") =~ s/\n.*//sr,
		41 * sql("SELECT count(*) FROM imaging.cell_feature_names('$name')"), 'cell_subsample returns 41 cells');
	like(error_of("SET ROLE reader; SELECT * FROM \"$quoted\".expression_quantification"), qr/permission denied for table/, 'the reader cannot read the tables');
}
like(error_of(q{SELECT imaging.cell_data('Melanoma intralesional IL2', 'a specimen measured elsewhere')}), qr/sample "a specimen measured elsewhere" of study ".*" has no cells/, 'a sample of another study is not served');

if (defined $fixture)
{
	is(sql(q{SELECT encode(substring(imaging.cell_data('Melanoma intralesional IL2', 'lesion 0_1', 'spt') FROM 21), 'hex')}),
		smprofiler_dump($fixture), 'the payload equals the dump of SMProfiler');
	my $expected = slurp_file("$fixture/expected_bitmask_feature_names.json");
	is(sql(qq{SELECT imaging.cell_feature_names_json('Melanoma intralesional IL2')::jsonb = \$json\$$expected\$json\$::jsonb}), 't', 'the names equal those of SMProfiler');
}

# A query reads the long table only for its columns, and through an index.
unlike(sql(q{EXPLAIN SELECT sample, cell_id, x, y FROM melanoma.cell_binary_cells}), qr/Scan.* expression_quantification/, 'ids and coordinates do not need the long table');
like(sql(q{SET enable_seqscan = off; EXPLAIN SELECT phenotypes FROM melanoma.cell_binary_cells WHERE sample = 'x'}),
	qr/Scan on cell_binary_range_identifier_integer/, 'phenotypes use an index');
like(sql(q{SET enable_seqscan = off; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT count(phenotypes) FROM melanoma.cell_binary_cells}),
	qr/InitPlan.*\n +-> +Custom Scan \(CellScan\) \(actual rows=1(\.00)? loops=2\)/, 'rows are collected once for each sample');
like(sql(q{SET enable_seqscan = off; EXPLAIN SELECT cell_id FROM melanoma.cell_binary_cells WHERE sample = 'x'}), qr/Scan (using|on) cell_binary_data_source/, 'cells use an index');
is(sql(q{SELECT count(*) FROM pg_index WHERE indexrelid::regclass::text LIKE '%.cell_binary_%' AND NOT indisprimary AND indisvalid}), 4, 'each schema has each index once');
is(sql(q{SELECT string_agg(DISTINCT relowner::regrole::text, ' ') FROM pg_class WHERE relname LIKE 'cell_binary_%'}), '"the platform"', 'the owner of the tables owns all views and indexes');
{
	my ($ok, $output) = ingest('schema=melanoma', 'measurement=elsewhere - measurement');
	ok(!$ok, 'a study whose targets have no rows is refused');
	sql(q{UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'melanoma.cell_binary_data_source'::regclass});
	($ok) = ingest('schema=melanoma');
	ok($ok, 'the script can run again');
	my $drop = q{DELETE FROM melanoma.biological_marking_system WHERE target = (SELECT min(target) FROM melanoma.biological_marking_system)};
	sql('CREATE TABLE marked AS SELECT * FROM melanoma.biological_marking_system');
	sql($drop);
	my ($changed, undef, $errors) = ingest('schema=melanoma');
	ok(!$changed, 'the script refuses other targets while the study is registered');
	like($errors, qr/study "Melanoma intralesional IL2" is registered with other targets.*cell_drop_study/s, 'the message says why');
	sql('DELETE FROM melanoma.biological_marking_system; INSERT INTO melanoma.biological_marking_system SELECT * FROM marked; DROP TABLE marked');
	($changed, $output) = ingest('schema=melanoma');
	like($output, qr/The view is registered as study "Melanoma intralesional IL2"\. .*\nSELECT imaging\.cell_invalidate\('Melanoma intralesional IL2'\);/, 'the script accepts the same targets');
	is(sql(q{SELECT indisvalid FROM pg_index WHERE indexrelid = 'melanoma.cell_binary_data_source'::regclass}), 't', 'the script replaces an invalid index');
}

# Data that SMProfiler would not write
my $melanoma = q{'Melanoma intralesional IL2', 'lesion 0_2', 'spt'};
my $cell = q{(SELECT min(cell_id) FROM melanoma.cell_binary_cells WHERE sample = 'lesion 0_2')::text};
my $row = "(SELECT min(range_identifier_integer) FROM melanoma.expression_quantification WHERE histological_structure = $cell)";
my $table = 'melanoma.expression_quantification';
my $pack = "SELECT imaging.cell_data($melanoma)";
my $pack_intensities = q{SELECT imaging.cell_pack_intensities(cell_id, intensities) FROM melanoma.cell_binary_cells WHERE sample = 'lesion 0_2'};
foreach my $case (
	[ "DELETE FROM $table WHERE range_identifier_integer = $row", qr/cell \d+ has no row for feature "\d+"/, 'a row is missing' ],
	[ "DELETE FROM $table WHERE histological_structure = $cell", qr/phenotypes must not be null\nDETAIL: +It is null for cell_id \d+/, 'a cell has no rows' ],
	[ "INSERT INTO $table SELECT * FROM $table WHERE range_identifier_integer = $row", qr/cell \d+ has more than one row for feature "\d+"/, 'a row is there twice' ],
	[ "UPDATE $table SET target = 900 WHERE range_identifier_integer = $row", qr/feature "900" of cell \d+ is not in the list of features/, 'a target of another study' ],
	[ "UPDATE $table SET target = NULL WHERE range_identifier_integer = $row", qr/feature must not be null/, 'no target' ],
	[ "INSERT INTO melanoma.histological_structure VALUES ('abc', 'cell'); UPDATE $table SET histological_structure = 'abc' WHERE histological_structure = $cell", qr/invalid cell identifier: "abc"/, 'rows whose identifier is no integer' ],
	[ "INSERT INTO melanoma.histological_structure VALUES ('abc', 'cell'); UPDATE melanoma.histological_structure_identification SET histological_structure = 'abc' WHERE histological_structure = $cell", qr/invalid input syntax for type bigint: "abc"/, 'an identified structure whose identifier is no integer' ],
	[ "UPDATE melanoma.histological_structure_identification SET shape_file = NULL WHERE histological_structure = $cell", qr/x must not be null\nDETAIL: +It is null for cell_id \d+/, 'a cell without an outline' ],
	[ "UPDATE melanoma.shape_file SET base64_contents = 'AAAnCg==' WHERE identifier = (SELECT shape_file FROM melanoma.histological_structure_identification WHERE histological_structure = $cell)", qr/invalid shapefile/, 'an outline that is no shapefile' ],
	[ "INSERT INTO melanoma.histological_structure_identification SELECT * FROM melanoma.histological_structure_identification WHERE histological_structure = $cell", qr/more than one row has cell_id \d+/, 'a cell that is identified twice' ],
	[ "INSERT INTO melanoma.range_definitions SELECT * FROM melanoma.range_definitions WHERE scope_identifier = 'lesion 0_2'", qr/more than one row has cell_id \d+/, 'a range that is there twice' ])
{
	my ($change, $error, $name) = @$case;
	like(error_of("$change; $pack"), $error, "an error: $name");
}
foreach my $case (
	[ "UPDATE $table SET quantity = NULL WHERE range_identifier_integer = $row", qr/element \d+ of the intensities of cell_id \d+ must not be null/, 'one quantity is missing' ],
	[ "UPDATE $table SET quantity = NULL", qr/intensities must not be null/, 'there are no quantities' ],
	[ "UPDATE $table SET quantity = 'NaN' WHERE range_identifier_integer = $row", qr/element \d+ of the intensities of cell_id \d+ is NaN/, 'a quantity that is no number' ])
{
	my ($change, $error, $name) = @$case;
	like(error_of("$change; $pack_intensities"), $error, "an error: $name");
	is(sql("BEGIN; $change; SELECT encode(imaging.cell_data($melanoma), 'hex')"), smprofiler('payload', 'melanoma', 'lesion 0_2'), 'the phenotypes are served nevertheless');
}
# As in SMProfiler
is( sql("BEGIN; UPDATE $table SET discrete_value = (ARRAY[NULL, 'low', 'NEGATIVE'])[range_identifier_integer % 3 + 1] WHERE discrete_value = 'negative'; SELECT encode(imaging.cell_data($melanoma), 'hex')"),
	smprofiler('payload', 'melanoma', 'lesion 0_2'), 'any value but "positive" is negative');

# Bad data of one sample does not affect other samples, whatever the plan.
like(sql("SET enable_nestloop = off; SET enable_indexscan = off; BEGIN; UPDATE melanoma.shape_file SET base64_contents = 'AAAnCg==' WHERE identifier = (SELECT shape_file FROM melanoma.histological_structure_identification WHERE histological_structure = $cell); SELECT octet_length(imaging.cell_data('Melanoma intralesional IL2', 'lesion 0_1', 'spt')); ROLLBACK"),
	qr/^\d+$/, 'a broken outline of another sample has no effect');

# Roles that cannot create the views
{
	local $ENV{PGOPTIONS} = '-c role=stranger';
	my ($ok, undef, $errors) = ingest('schema=melanoma');
	ok(!$ok, 'refused: a role that is not a member of the owner');
	like($errors, qr/must be a member of role "the platform"/, 'the message says why');
}

# The virtual sample, which ingest/embed writes through the view
sql(q{CREATE ROLE embedder LOGIN; GRANT USAGE ON SCHEMA imaging, melanoma TO embedder; GRANT SELECT, INSERT, DELETE ON melanoma.cell_binary_cells TO embedder});
my $virtual = q{INSERT INTO melanoma.cell_binary_cells SELECT 'UMAP virtual sample', cell_id, x + 0.5, y, phenotypes, intensities FROM melanoma.cell_binary_cells WHERE sample = 'lesion 0_2' AND cell_id % 2 = 0};
my $samples = q{SELECT string_agg(s, ',' ORDER BY s COLLATE "C") FROM imaging.cell_samples('Melanoma intralesional IL2') s};
my $before = sql(q{SET ROLE reader; SELECT imaging.cell_subsample('Melanoma intralesional IL2', 50)});
sql("SET ROLE embedder; $virtual");
is(sql("SET ROLE reader; $samples"), 'UMAP virtual sample,lesion 0_1,lesion 0_2', 'a role with privileges on the view can insert the virtual sample');
is( sql(q{SET ROLE reader; SELECT imaging.cell_data('Melanoma intralesional IL2', 'UMAP virtual sample', 'spt')}),
	sql(q{SELECT imaging.cell_pack(cell_id, x + 0.5, y, phenotypes, 'spt') FROM melanoma.cell_binary_cells WHERE sample = 'lesion 0_2' AND cell_id % 2 = 0}), 'it is served');
is(sql(q{SET ROLE reader; SELECT imaging.cell_subsample('Melanoma intralesional IL2', 50)}), $before, 'a subsample leaves it out');
is(sql(q{SET ROLE reader; SELECT encode(imaging.cell_data('Melanoma intralesional IL2', 'lesion 0_2', 'spt'), 'hex')}), smprofiler('payload', 'melanoma', 'lesion 0_2'), 'the other samples are as before');
unlike(sql(q{EXPLAIN SELECT phenotypes FROM melanoma.cell_binary_cells WHERE sample = 'lesion 0_2'}), qr/cell_binary_embedding/, 'a query for another sample does not read the table of the virtual sample');
unlike(sql(q{PREPARE q(text) AS SELECT phenotypes FROM melanoma.cell_binary_cells WHERE sample = $1; EXPLAIN EXECUTE q('lesion 0_2')}), qr/cell_binary_embedding/, 'nor does a query with a parameter');
foreach my $case (
	[ 'reader', $virtual, qr/permission denied for view cell_binary_cells/, 'a role that can only read' ],
	[ 'embedder', q{INSERT INTO melanoma.cell_binary_cells VALUES ('lesion 0_2', 1, 1, 1, 1, '{}')}, qr/cannot insert into sample "lesion 0_2" of view "cell_binary_cells"\nDETAIL: +Rows of sample "UMAP virtual sample"/, 'another sample' ],
	[ 'embedder', q{DELETE FROM melanoma.cell_binary_cells WHERE sample = 'lesion 0_2'}, qr/cannot delete from sample "lesion 0_2"/, 'cells of another sample' ],
	[ 'embedder', q{INSERT INTO melanoma.cell_binary_embedding VALUES ('UMAP virtual sample', 1, 1, 1, 1, '{}')}, qr/permission denied for table/, 'the table below the view' ],
	[ '"the platform"', q{UPDATE melanoma.cell_binary_cells SET x = 1 WHERE sample = 'UMAP virtual sample'}, qr/cannot update sample "UMAP virtual sample"/, 'an update' ],
	[ '"the platform"', $virtual, qr/duplicate key value/, 'the cells once more' ],
	[ 'stranger', q{CREATE TEMPORARY TABLE own (sample text); CREATE TRIGGER t BEFORE DELETE ON own FOR EACH ROW EXECUTE FUNCTION melanoma.cell_binary_write_embedding()}, qr/permission denied for function/, 'a trigger of another role' ])
{
	my ($role, $statement, $error, $name) = @$case;
	like(error_of("SET ROLE $role; $statement"), $error, "refused: $name");
}
{
	my ($ok, undef, $errors) = ingest('schema=melanoma');
	ok($ok && $errors eq '', 'the script runs again without messages') or diag($errors);
	is(sql("SET ROLE reader; $samples"), 'UMAP virtual sample,lesion 0_1,lesion 0_2', 'the virtual sample stays');
	is(sql(q{WITH deleted AS (DELETE FROM melanoma.cell_binary_cells WHERE sample = 'UMAP virtual sample' AND cell_id % 4 = 0 RETURNING cell_id) SELECT count(*) > 0 AND every(cell_id % 4 = 0) FROM deleted}), 't', 'cells of the virtual sample can be deleted');

	# The bits of the virtual sample would mean other targets.
	my $drop = q{SELECT imaging.cell_drop_study('Melanoma intralesional IL2')};
	my $last = q{target = (SELECT min(target) FROM melanoma.biological_marking_system)};
	sql("$drop; CREATE TABLE marked AS SELECT * FROM melanoma.biological_marking_system; DELETE FROM melanoma.biological_marking_system WHERE $last");
	($ok, undef, $errors) = ingest('schema=melanoma');
	like($errors, qr/WARNING: +the \d+ cells of the virtual sample are deleted, because the targets have changed/, 'other targets: the virtual sample is deleted');
	is(sql('SELECT count(*) FROM melanoma.cell_binary_embedding'), 0, 'it is empty');
	sql('DELETE FROM melanoma.biological_marking_system; INSERT INTO melanoma.biological_marking_system SELECT * FROM marked; DROP TABLE marked');

	# Another role's table of this name could have triggers.
	sql('SET ROLE "the platform"; DROP VIEW melanoma.cell_binary_cells; DROP TABLE melanoma.cell_binary_embedding; SET ROLE stranger; CREATE TABLE melanoma.cell_binary_embedding (sample varchar(512))');
	($ok, undef, $errors) = ingest('schema=melanoma');
	ok(!$ok, 'a table of another role is refused');
	like($errors, qr/"melanoma.cell_binary_embedding" is not a table of role "the platform"\nHINT: +Drop or rename it/, 'the message says why');
	sql('DROP TABLE melanoma.cell_binary_embedding');
}

# ingest/embed, on a study that stores its payloads
SKIP:
{
	my $missing = use_packages('embed');
	skip "no $missing: see the messages of scripts/install-dependencies", 7 if defined $missing;
	local $ENV{PYTHONPATH} = undef;
	my (undef, $output) = ingest('schema=melanoma');
	my ($registration) = $output =~ /^(SELECT imaging\.cell_register_study.*, store => true\);)$/m;
	sql("SET ROLE \"the platform\"; $registration GRANT SELECT ON melanoma.cell_binary_cells TO reader; GRANT SELECT, INSERT, DELETE ON melanoma.cell_binary_cells TO embedder");
	my $embed = sub {
		my ($role, @arguments) = @_;
		my ($out, $errors);
		my $options = $role =~ s/ /\\\\ /gr;
		my $connection = $node->connstr('smprofiler') . " options='-c role=$options'";
		my $ok = IPC::Run::run([ 'ingest/embed', 'Melanoma intralesional IL2', '--server', $connection, @arguments ], '>', \$out, '2>', \$errors);
		return ($ok, $out, $errors);
	};
	my $head = q{SELECT cells FROM imaging.cell_data_head('Melanoma intralesional IL2', 'UMAP virtual sample', 'spt')};
	my ($ok, undef, $errors) = $embed->('embedder', '--check');
	ok(!$ok, 'embed as a role that cannot make stored payloads unusable');
	like($errors, qr/^embed: permission denied for study "Melanoma intralesional IL2": It was registered by "the platform"\. Only the role/, 'the message says why');
	($ok, $output, $errors) = $embed->('the platform');
	ok($ok, 'embed as the owner') or diag($errors);
	my $cells = sql(q{SELECT count(*) FROM melanoma.cell_binary_cells WHERE sample <> 'UMAP virtual sample'});
	is(sql("SET ROLE reader; $head"), $cells, 'the virtual sample has all cells');
	is( sql(q{SET ROLE reader; SELECT imaging.cell_data('Melanoma intralesional IL2', 'UMAP virtual sample', 'intensity')}),
		sql(q{SELECT imaging.cell_pack_intensities(cell_id, intensities) FROM melanoma.cell_binary_cells WHERE sample <> 'UMAP virtual sample'}), 'with their intensities');
	is( sql(q{SELECT sum(hashint8(cell_id) # phenotypes) FROM melanoma.cell_binary_cells WHERE sample = 'UMAP virtual sample'}),
		sql(q{SELECT sum(hashint8(cell_id) # phenotypes) FROM melanoma.cell_binary_cells WHERE sample <> 'UMAP virtual sample'}), 'and their phenotypes');
	($ok, undef, $errors) = $embed->('the platform');
	like($errors, qr/^embed: study "Melanoma intralesional IL2" already has a sample "UMAP virtual sample"; --replace/, 'embed does not replace it unasked');
}

# Arguments and data for which the script creates no views
foreach my $case (
	[ '', [], qr/the variable schema is not set\nHINT: +Run psql -v schema/, 'no schema' ],
	[ '', ['schema=nowhere'], qr/schema "nowhere" has no SMProfiler tables/, 'a schema without tables' ],
	[ '', [ 'schema=melanoma', 'measurement=x' ], qr/schema "melanoma" has no measurement study "x"\nDETAIL: +Its measurement studies are .*Melanoma intralesional IL2 - measurement/, 'an unknown measurement study' ],
	[ q{INSERT INTO melanoma.study_component VALUES ('a', 'elsewhere - measurement')}, ['schema=melanoma'], qr/has 2 measurement studies instead of one.*\nDETAIL: +The measurement studies are .*elsewhere.*\nHINT: .*measurement=/, 'several measurement studies' ],
	[ q{INSERT INTO "other ""schema""".biological_marking_system (identifier, target, study) VALUES ('x', '900', 'The "other" study - measurement'); UPDATE "other ""schema""".expression_quantification SET target = '900' WHERE range_identifier_integer = 1},
		['schema=other "schema"'], qr/cannot have more than 64 features/, '65 targets' ],
	[ q{REVOKE USAGE ON SCHEMA imaging FROM "the platform"}, ['schema=melanoma'], qr/role "the platform" has no USAGE privilege on schema "imaging" of the extension\nHINT: +Run GRANT USAGE ON SCHEMA imaging TO "the platform"/, 'an owner without USAGE on the extension' ])
{
	my ($change, $variables, $error, $name) = @$case;
	sql($change) if $change;
	my ($ok, undef, $errors) = ingest(@$variables);
	ok(!$ok, "refused: $name");
	like($errors, $error, 'the message says why');
}

$node->stop;
done_testing();
