# The benchmark of cbload runs with few cells, without CytoTable, and with one measurement of each
# other kind, and reports all of them.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use JSON::PP 'decode_json';
use PostgreSQL::Test::Utils;
use Test::More;

if (!-d '/var/cache/cell_binary/ingest' && ($ENV{CI} // '') ne 'true')
{
	plan skip_all => 'the packages of cbload are not installed: see scripts/install-dependencies';
}

my $folder = PostgreSQL::Test::Utils::tempdir_short();

sub bench
{
	return run_benchmark($folder, 'ingest/bench', CYTOTABLE => 'no', @_);
}

{
	my ($ok, $output, $errors) = bench(CELLS => 2000, REPEATS => 1, ONLY => 'copy_* load_256MB load_jobs_2 load_cellprofiler_csv twice_256MB');
	ok($ok, 'the benchmark runs') or diag($errors);
	is($output, slurp_file("$folder/results/bench.md"), 'the report is printed and stored');

	my $result = decode_json(slurp_file("$folder/results/bench.json"));
	my %measured = %{ $result->{measured} };
	my %rows = (
		(map { ($_ => 2000) } qw(copy_csv copy_csv_key copy_loaded copy_loaded_key load_256MB load_jobs_2)),
		load_cellprofiler_csv => 400,
		twice_256MB => 4000);
	is_deeply({ map { ($_ => $measured{$_}{rows}) } keys %measured }, \%rows, 'ONLY determines what is measured');
	is_deeply([ grep { !(@{ $measured{$_}{seconds} } == 1 && $measured{$_}{seconds}[0] > 0) } keys %measured ], [], 'each measurement has a time');
	is_deeply([ grep { !/^copy/ && $measured{$_}{resident}[0] < 50e6 } keys %measured ], [], 'each load has its memory');
	is_deeply([ grep { $output !~ /\(`\Q$_\E`\)/ } keys %measured ], [], 'the report has each measurement');
	cmp_ok($measured{copy_csv_key}{seconds}[0], '>', $measured{copy_csv}{seconds}[0], 'the time with a key includes the time of COPY');

	my ($speed) = grep { $_->{what} =~ m{256MB.* / plain COPY of the file$} } @{ $result->{ratios} };
	is(sprintf('%.6f', $speed->{value}), sprintf('%.6f', 100 * $measured{copy_csv}{seconds}[0] / $measured{load_256MB}{seconds}[0]), 'the speed is a percentage of that of COPY');
	is(scalar(grep { $_->{target} } @{ $result->{ratios} }), 3, 'three ratios have targets');
	like($output, qr/leaves out CytoTable, and .*: CYTOTABLE is no/, 'the report says what it leaves out');
}

# Bad input
{
	my ($ok, $output, $errors) = bench(CELLS => '5m');
	ok(!$ok, 'the benchmark refuses a bad number');
	like($errors, qr/CELLS must be a number, not "5m"/, 'the message says why');
	($ok, $output, $errors) = bench(CYTOTABLE => $folder);
	ok(!$ok, 'the benchmark refuses a folder without CytoTable');
	like($errors, qr/CYTOTABLE must be a folder with the Python package cytotable/, 'the message says why');
	ok(-s "$folder/results/bench.json", 'an earlier report is unchanged');
}

done_testing();
