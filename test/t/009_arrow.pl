# Layout arrow: pyarrow, DuckDB, Polars and apache-arrow read the cells that were packed.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use PostgreSQL::Test::Utils;
use Test::More;

my $missing = use_packages('test');
plan skip_all => "no $missing: scripts/install-dependencies tools" if $missing;

my $node = start_node('arrow');
my $folder = PostgreSQL::Test::Utils::tempdir();

# Cells of many kinds. The rows are not in the order of the ids. An odd factor keeps the ids
# distinct.
$node->safe_psql('postgres', q{
	CREATE TABLE cells (sample text, cell_id bigint, x double precision, y double precision, phenotypes bigint);
	INSERT INTO cells VALUES
		('limits', 4294967295, -2147483648, 2147483647, -9223372036854775808),
		('limits', 2147483648, 2147483647, -2147483648, 9223372036854775807),
		('limits', 0, 0, -1, -1),
		('fractions', 2, 1.9, -1.9, 1),
		('fractions', 1, -0.9, 0.9, 0);
	INSERT INTO cells
	SELECT n || ' cells', i * 2654435761 & 4294967295, hashint4(i) / 2.0, hashint4(-i) / 2.0, hashint8extended(i, 1)
	FROM unnest(ARRAY[0, 1, 8, 9, 15, 16, 17, 32, 33, 1023, 1024, 1025, 50000]) n, generate_series(1, n) i});

my %cells;
foreach my $sample ('limits', 'fractions', map { "$_ cells" } 0, 1, 8, 9, 15, 16, 17, 32, 33, 1023, 1024, 1025, 50_000)
{
	my $bytes = pack 'H*', $node->safe_psql('postgres', qq{
		SELECT encode(coalesce(cell_pack(cell_id, x, y, phenotypes, 'arrow'), cell_empty('arrow')), 'hex')
		FROM cells WHERE sample = '$sample'});
	my $rows = $node->safe_psql('postgres', qq{
		COPY (SELECT cell_id, trunc(x)::int, trunc(y)::int, phenotypes FROM cells WHERE sample = '$sample' ORDER BY cell_id)
		TO STDOUT (FORMAT csv)});
	append_to_file("$folder/$sample.arrows", $bytes);
	append_to_file("$folder/$sample.csv", $rows eq '' ? '' : "$rows\n");
	$cells{$sample} = () = $rows =~ /^.+$/mg;
}

foreach my $reader ([ '/usr/bin/python3', 'test/t/arrow_readers.py', 'pyarrow' ],
	[ '/usr/bin/python3', 'test/t/arrow_readers.py', 'duckdb' ],
	[ '/usr/bin/python3', 'test/t/arrow_readers.py', 'polars' ],
	[ 'node', 'test/t/arrow_readers.mjs' ])
{
	my ($output, $errors) = run_command([ @$reader, $folder ]);
	my %found = "$output\n" =~ /^(.*): (\d+)$/mg;
	is($found{$_}, $cells{$_}, "$_: " . ($reader->[2] // 'apache-arrow')) foreach sort keys %cells;
	diag($errors) if $errors ne '';
}

$node->stop;
done_testing();
