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
is(sql(q{SELECT count(*) FROM pg_index WHERE indexrelid::regclass::text LIKE '%.cell_binary_%' AND indisvalid}), 4, 'each schema has each index once');
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
	like($output, qr/The view is registered as .*Melanoma intralesional IL2/, 'the script accepts the same targets');
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
