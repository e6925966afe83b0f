# The examples of docs/export.md: their results have the sums that plain SQL returns.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $missing = use_packages('test', 'api', 'out');
plan skip_all => "no $missing: scripts/install-dependencies tools" if $missing;

my $node = start_node('out');
local @ENV{qw(PGHOST PGPORT PGUSER)} = ($node->host, $node->port, scalar getpwuid $<);

# The results of each example, of which out_sums.py prints the sums
my %things = (
	'Export' => ['slide'],
	'Parquet with pyarrow' => [ 'read by pyarrow', 'read by duckdb' ],
	'Parquet with DuckDB' => [ 'read by pyarrow', 'read by duckdb' ],
	'pandas' => [ 'frame', 'joined' ],
	'AnnData' => [ 'adata', 'h5ad', 'zarr' ],
	'SpatialData' => [ 'spatial', 'zarr', 'read by pyarrow', 'read by duckdb' ],
	'Large samples' => ['cells'],
	'ADBC' => ['cells'],
	'Phenotypes with bit 63' => []);
my @examples = grep { $_->{language} eq 'python' } blocks_of('docs/export.md');
is_deeply([ sort map { $_->{heading} } @examples ], [ sort keys %things ], 'every example is checked');

# The code of each example, behind that of the example that it continues
my %code = map { $_->{heading} => ($_->{first} ? "$_->{first}{code}\n" : '') . $_->{code} } @examples;

sub run_python
{
	my ($input, @command) = @_;
	my ($output, $errors);
	ok(IPC::Run::run([ '/usr/bin/python3', @command ], '<', \$input, '>', \$output, '2>', \$errors), "@command") or diag($errors);
	return $output;
}

# Create the study of the examples, with one feature column for each of the given expressions, in a
# database of its own. Return the sums.
sub create_study
{
	my ($database, $cells, $features, @positives) = @_;
	my @columns = map { "f$_" } 0 .. $#positives;
	my $table = join(', ', map { "$positives[$_] AS $columns[$_]" } 0 .. $#positives);
	$node->safe_psql($database, qq{
		CREATE TABLE tumour_cell AS SELECT 'S1' AS sample, cell_id, x, y, $table FROM $cells;
		SELECT cell_register_study('tumour', 'tumour_cell', feature_columns => '{@{[ join ',', @columns ]}}', features => $features)});
	my $mask = join(' | ', map { "(f$_\::integer::bigint << $_)" } 0 .. $#positives);
	my $of_features = join(', ', map { "count(*) FILTER (WHERE $_), coalesce(sum(x) FILTER (WHERE $_), 0)" } @columns);
	return $node->safe_psql($database, qq{
		SELECT count(*), sum(x), sum(y), bit_or(mask), bit_xor(mask), $of_features
		FROM (SELECT trunc(x)::bigint AS x, trunc(y)::bigint AS y, $mask AS mask, @{[ join ', ', @columns ]} FROM tumour_cell) cell});
}

sub create_database
{
	my ($database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION cell_binary');
	return;
}

# Cells of many kinds, whose rows are not in the order of their ids
create_database('limits');
$node->safe_psql('limits', q{
	CREATE TABLE cells (cell_id bigint, x double precision, y double precision, mask bigint);
	INSERT INTO cells VALUES
		(4294967295, -2147483648, 2147483647, -9223372036854775808),
		(2147483648, 2147483647, -2147483648, 9223372036854775807),
		(0, 0.9, -1.9, -1);
	INSERT INTO cells
	SELECT i * 2654435761 & 4294967295, hashint4(i) / 2.0, hashint4(-i) / 2.0, hashint8extended(i, 1)
	FROM generate_series(1, 5000) i});
my %sums = (limits => create_study('limits', 'cells',
	q{ARRAY(SELECT format(E'%s \u03b1/"%s".', chr(65 + i % 2), i) FROM generate_series(0, 63) i)},
	map { "mask >> $_ & 1 = 1" } 0 .. 63));

# A real slide
if (my $data = shared_data())
{
	create_database('real');
	my $header = load_csv($node, 'real', "$data/moldoveanu/5.csv");
	my @features = map { /^(.*) Positive$/ } split /,/, $header;
	$sums{real} = create_study('real', q{(SELECT *, csv_row - 1 AS cell_id, "XMin"::float8 AS x, "YMin"::float8 AS y FROM csv) cell},
		'ARRAY[' . join(', ', map { "'$_'" } @features) . ']', map { "\"$_ Positive\"::boolean" } @features);
}

my $output = run_python(JSON::PP->new->encode(\%code), 'test/t/out_sums.py', sort keys %sums);
foreach my $database (sort keys %sums)
{
	foreach my $heading (sort keys %things)
	{
		is( join('', $output =~ /^\Q$database: $heading: \E.*\n/mg),
			join('', map { "$database: $heading: $_: $sums{$database}\n" } @{ $things{$heading} }),
			"$database: $heading: the sums equal those of plain SQL") if @{ $things{$heading} };
	}
}

# A large sample
create_database('large');
create_study('large', '(SELECT i AS cell_id, i AS x, -i AS y, hashint8extended(i, 1) AS mask FROM generate_series(1, 1000000) i) cell',
	q{'{CD3,CD8}'}, 'mask >> 0 & 1 = 1', 'mask >> 1 & 1 = 1');
local $ENV{PGDATABASE} = 'large';
my $etag = $node->safe_psql('large', q{SELECT etag FROM cell_data_head('tumour', 'S1', 'arrow')});
my %peak;
foreach my $example (grep { $_->{heading} =~ /^(Export|ADBC|Large samples)$/ } @examples)
{
	my $heading = $example->{heading};
	(my $found, $peak{$heading}) = split ' ', run_python($example->{code}, 'test/t/out_peak.py');
	is($found, $etag, "$heading: the example reads the payload of a large sample");
	note("$peak{$heading} times the payload in memory at the peak");
}
cmp_ok($peak{'Large samples'}, '<', 2, 'Large samples: the payload is not in memory twice');
cmp_ok($peak{'Large samples'}, '<', $peak{$_}, "Large samples: the peak is below that of $_") foreach 'Export', 'ADBC';

$node->stop;
done_testing();
