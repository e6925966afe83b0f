# SPT's tables: ingest/smprofiler.sql makes views from which the database serves what
# SPT serves.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('spt');
my $fixture = shared_data() ? shared_data() . '/spt' : undef;
note('the first sample is made up: no ../shared/data') if !defined $fixture;

# What SPT does, by a program of its own
sub spt
{
	return scalar_of('/usr/bin/python3', 'test/t/smprofiler_study.py', (defined $fixture ? $fixture : ()), @_) =~ s/\n\z//r;
}

# ingest/smprofiler.sql: whether it succeeded, and its messages
sub ingest
{
	my (@variables) = @_;
	my ($output, $errors);
	my $ok = IPC::Run::run([ 'psql', '-X', '-q', '-d', $node->connstr('spt'), (map { ('-v', $_) } @variables), '-f', 'ingest/smprofiler.sql' ],
		'>', \$output, '2>', \$errors);
	return ($ok, $output, $errors);
}

sub sql { return $node->safe_psql('spt', $_[0]); }

# The error of a query
sub error_of
{
	my ($query) = @_;
	my (undef, undef, $errors) = $node->psql('spt', "BEGIN; $query");
	return $errors;
}

# In text order "10" comes before "2", whatever the database's collation is.
my $icu = $node->safe_psql('postgres', q{SELECT count(*) > 0 FROM pg_collation WHERE collname = 'und-x-icu'}) eq 't';
$node->safe_psql('postgres', 'CREATE DATABASE spt TEMPLATE template0' . ($icu ? q{ LOCALE_PROVIDER icu ICU_LOCALE 'en-u-kn'} : ''));
sql('CREATE SCHEMA imaging; CREATE EXTENSION cell_binary SCHEMA imaging; CREATE ROLE "the platform"; GRANT CREATE ON DATABASE spt TO "the platform"; GRANT USAGE ON SCHEMA imaging TO "the platform"');
sql('SET ROLE "the platform"; ' . spt('load') . "\nANALYZE");

# Somebody who may create things in a schema, but should gain nothing by it
sql(q{CREATE ROLE stranger; GRANT USAGE, CREATE ON SCHEMA melanoma TO stranger; GRANT USAGE ON SCHEMA imaging TO stranger;
	SET ROLE stranger; SET search_path = melanoma;
	CREATE FUNCTION same(varchar, varchar) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'the function of a stranger was called'; END $$;
	CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = same);
	CREATE FUNCTION cell_collected_phenotypes(bytea, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
	CREATE FUNCTION cell_shape_centroid(varchar, OUT x float8, OUT y float8) LANGUAGE sql AS 'SELECT 0, 0'});

# Each study: made by a superuser or the owner of the tables, registered by that one, read by who may read the view alone
sql('CREATE ROLE reader; GRANT USAGE ON SCHEMA imaging, melanoma, "other ""schema""" TO reader');
foreach my $case ([ 'melanoma', 'lesion 0_1', 'lesion 0_2' ], [ 'other "schema"', 'lesion 0_2', 'it\'s' ])
{
	my ($schema, @samples) = @$case;
	my $quoted = $schema =~ s/"/""/gr;
	local $ENV{PGOPTIONS} = $schema eq 'melanoma' ? '' : q{-c role=the\\ platform};
	my ($ok, $output, $errors) = ingest("schema=$schema");
	local $ENV{PGOPTIONS} = '';
	ok($ok, "$schema: the views are made") or diag($errors);
	my ($registration) = $output =~ /^(SELECT imaging\.cell_register_study.*;)$/m;
	sql("SET ROLE \"the platform\"; $registration GRANT SELECT ON \"$quoted\".cell_binary_cells TO reader");
	my $name = sql("SELECT study FROM imaging.cell_studies WHERE source::text LIKE '%" . substr($schema, 0, 5) . "%'");

	foreach my $sample (@samples)
	{
		my $literal = $sample =~ s/'/''/gr;
		is(sql("SET ROLE reader; SELECT encode(imaging.cell_data('$name', '$literal', 'spt'), 'hex')"), spt('payload', $schema, $sample),
			"$schema, $sample: cell_data gives the payload of SPT");
		is(sql("SET ROLE reader; SELECT encode(imaging.cell_decode(imaging.cell_data('$name', '$literal', 'spt', 'br'), 'br'), 'hex')"),
			spt('payload', $schema, $sample), 'also coded');
		is( sql("SET ROLE reader; SELECT encode(imaging.cell_pack_intensities(cell_id, intensities), 'hex') FROM \"$quoted\".cell_binary_cells WHERE sample = '$literal'"),
			spt('intensities', $schema, $sample), 'cell_pack_intensities its intensities');
	}
	is(sql("SET ROLE reader; SELECT imaging.cell_feature_names_json('$name')::jsonb"), sql("SELECT '" . spt('names', $schema) . "'::jsonb"), "$schema: the names");
	is(sql("SET ROLE reader; SELECT string_agg(s, ',') FROM imaging.cell_samples('$name') s"), join(',', sort @samples), 'and the samples, without others');
	is(sql("SET ROLE reader; SELECT count(*) || ' ' || sum(cells) FROM imaging.cell_data_samples('$name', 'spt')"),
		@samples . ' ' . sql("SELECT count(*) FROM \"$quoted\".cell_binary_cells"), 'packed together');
	is(sql("SET ROLE reader; SELECT octet_length(imaging.cell_subsample('$name', 41)) FROM imaging.cell_feature_names('$name')") =~ s/\n.*//sr,
		41 * sql("SELECT count(*) FROM imaging.cell_feature_names('$name')"), 'and a subsample');
	like(error_of("SET ROLE reader; SELECT * FROM \"$quoted\".expression_quantification"), qr/permission denied for table/, 'by who may not read the tables');
}
like(error_of(q{SELECT imaging.cell_data('Melanoma intralesional IL2', 'a specimen measured elsewhere')}), qr/sample "a specimen measured elsewhere" of study ".*" has no cells/, 'a sample of another study is none');

if (defined $fixture)
{
	my $dump = '';
	open(my $file, '<', "$fixture/celldata.dump") or die $!;
	while (<$file>)
	{
		my ($octets) = /^[0-9a-f]+: ((?:[01]{8} ){1,20})/ or die "unexpected line $_";
		$dump .= join('', map { sprintf '%02x', oct("0b$_") } split ' ', $octets);
	}
	close($file);
	is(sql(q{SELECT encode(substring(imaging.cell_data('Melanoma intralesional IL2', 'lesion 0_1', 'spt') FROM 21), 'hex')}), $dump, 'the dump of SPT');
	my $expected = slurp_file("$fixture/expected_bitmask_feature_names.json");
	is(sql(qq{SELECT imaging.cell_feature_names_json('Melanoma intralesional IL2')::jsonb = \$json\$$expected\$json\$::jsonb}), 't', 'the names of SPT');
}

# The long table is only read for what it has, through its index.
unlike(sql(q{EXPLAIN SELECT sample, cell_id, x, y FROM melanoma.cell_binary_cells}), qr/Scan.* expression_quantification/, 'ids and coordinates are found without the long table');
like(sql(q{SET enable_seqscan = off; EXPLAIN SELECT phenotypes FROM melanoma.cell_binary_cells WHERE sample = 'x'}),
	qr/Scan on cell_binary_range_identifier_integer/, 'phenotypes by an index');
like(sql(q{SET enable_seqscan = off; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT count(phenotypes) FROM melanoma.cell_binary_cells}),
	qr/InitPlan.*\n +-> +Aggregate \(actual rows=1(\.00)? loops=2\)/, 'once for each of the samples');
like(sql(q{SET enable_seqscan = off; EXPLAIN SELECT cell_id FROM melanoma.cell_binary_cells WHERE sample = 'x'}), qr/Scan (using|on) cell_binary_data_source/, 'and cells by one');
is(sql(q{SELECT count(*) FROM pg_index WHERE indexrelid::regclass::text LIKE '%.cell_binary_%' AND indisvalid}), 4, 'each schema has them once');
is(sql(q{SELECT string_agg(DISTINCT relowner::regrole::text, ' ') FROM pg_class WHERE relname LIKE 'cell_binary_%'}), '"the platform"', 'all is the platform\'s');
{
	my ($ok, $output) = ingest('schema=melanoma', 'measurement=elsewhere - measurement');
	ok(!$ok, 'a study whose targets have no cells is refused');
	sql(q{UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'melanoma.cell_binary_data_source'::regclass});
	($ok) = ingest('schema=melanoma');
	ok($ok, 'the views can be made again');
	my $drop = q{DELETE FROM melanoma.biological_marking_system WHERE target = (SELECT min(target) FROM melanoma.biological_marking_system)};
	sql('CREATE TABLE marked AS SELECT * FROM melanoma.biological_marking_system');
	sql($drop);
	my ($changed, undef, $errors) = ingest('schema=melanoma');
	ok(!$changed, 'not for other targets while the study is registered');
	like($errors, qr/study "Melanoma intralesional IL2" is registered with other targets.*cell_drop_study/s, 'the message says why');
	sql('DELETE FROM melanoma.biological_marking_system; INSERT INTO melanoma.biological_marking_system SELECT * FROM marked; DROP TABLE marked');
	($changed, $output) = ingest('schema=melanoma');
	like($output, qr/They are registered as .*Melanoma intralesional IL2/, 'as before it is');
	is(sql(q{SELECT indisvalid FROM pg_index WHERE indexrelid = 'melanoma.cell_binary_data_source'::regclass}), 't', 'and what was left of an index');
}

# Data that is not as SPT makes it
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
	[ "INSERT INTO melanoma.histological_structure VALUES ('abc', 'cell'); UPDATE $table SET histological_structure = 'abc' WHERE histological_structure = $cell", qr/invalid cell identifier: "abc"/, 'an identifier that is no integer' ],
	[ "INSERT INTO melanoma.histological_structure VALUES ('abc', 'cell'); UPDATE melanoma.histological_structure_identification SET histological_structure = 'abc' WHERE histological_structure = $cell", qr/invalid input syntax for type bigint: "abc"/, 'also of an identified cell' ],
	[ "UPDATE melanoma.histological_structure_identification SET shape_file = NULL WHERE histological_structure = $cell", qr/x must not be null\nDETAIL: +It is null for cell_id \d+/, 'a cell without shape' ],
	[ "UPDATE melanoma.shape_file SET base64_contents = 'AAAnCg==' WHERE identifier = (SELECT shape_file FROM melanoma.histological_structure_identification WHERE histological_structure = $cell)", qr/invalid shapefile/, 'a shape that is none' ],
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
	is(sql("BEGIN; $change; SELECT encode(imaging.cell_data($melanoma), 'hex')"), spt('payload', 'melanoma', 'lesion 0_2'), 'but phenotypes are there');
}
# As SPT takes them
is( sql("BEGIN; UPDATE $table SET discrete_value = (ARRAY[NULL, 'low', 'NEGATIVE'])[range_identifier_integer % 3 + 1] WHERE discrete_value = 'negative'; SELECT encode(imaging.cell_data($melanoma), 'hex')"),
	spt('payload', 'melanoma', 'lesion 0_2'), 'what is not "positive" is negative');

# One sample is not harmed by what others have, however it is planned.
like(sql("SET enable_nestloop = off; SET enable_indexscan = off; BEGIN; UPDATE melanoma.shape_file SET base64_contents = 'AAAnCg==' WHERE identifier = (SELECT shape_file FROM melanoma.histological_structure_identification WHERE histological_structure = $cell); SELECT octet_length(imaging.cell_data('Melanoma intralesional IL2', 'lesion 0_1', 'spt')); ROLLBACK"),
	qr/^\d+$/, 'an outline of another sample that is none');

# By whom they cannot be made
{
	local $ENV{PGOPTIONS} = '-c role=stranger';
	my ($ok, undef, $errors) = ingest('schema=melanoma');
	ok(!$ok, 'refused: who is no member of the owner');
	like($errors, qr/must be a member of role "the platform"/, 'the message says why');
}

# What the views cannot be made for
foreach my $case (
	[ '', [], qr/the schema of a study is missing\nHINT: +psql -v schema/, 'no schema' ],
	[ '', ['schema=nowhere'], qr/schema "nowhere" has no tables of SPT/, 'a schema without tables' ],
	[ '', [ 'schema=melanoma', 'measurement=x' ], qr/schema "melanoma" has no measurement study "x"\nDETAIL: +It has .*Melanoma intralesional IL2 - measurement/, 'an unknown measurement study' ],
	[ q{INSERT INTO melanoma.study_component VALUES ('a', 'elsewhere - measurement')}, ['schema=melanoma'], qr/has 2 measurement studies.*\nDETAIL: +They are .*elsewhere.*\nHINT: .*measurement=/, 'several measurement studies' ],
	[ q{INSERT INTO "other ""schema""".biological_marking_system (identifier, target, study) VALUES ('x', '900', 'The "other" study - measurement'); UPDATE "other ""schema""".expression_quantification SET target = '900' WHERE range_identifier_integer = 1},
		['schema=other "schema"'], qr/cannot have more than 64 features/, '65 targets' ],
	[ q{REVOKE USAGE ON SCHEMA imaging FROM "the platform"}, ['schema=melanoma'], qr/role "the platform" cannot use the extension in schema "imaging"\nHINT: +GRANT USAGE ON SCHEMA imaging TO "the platform"/, 'an owner who may not use the extension' ])
{
	my ($change, $variables, $error, $name) = @$case;
	sql($change) if $change;
	my ($ok, undef, $errors) = ingest(@$variables);
	ok(!$ok, "refused: $name");
	like($errors, $error, 'the message says why');
}

$node->stop;
done_testing();
