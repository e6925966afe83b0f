# The benchmark of cbload, with few cells, without CytoTable, and with one of each kind of the rest.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use IPC::Run ();
use JSON::PP 'decode_json';
use PostgreSQL::Test::Utils;
use Test::More;

if (!-d '/var/cache/cell_binary/ingest' && ($ENV{CI} // '') ne 'true')
{
	plan skip_all => 'the packages of cbload are not there: see scripts/install-dependencies';
}

my $folder = PostgreSQL::Test::Utils::tempdir_short();
local $ENV{TMPDIR} = "$folder/tmp";
mkdir $ENV{TMPDIR};

sub bench
{
	local %ENV = (%ENV, CYTOTABLE => 'no', OUT => "$folder/results/bench", @_);
	my ($output, $errors);
	my $ok = IPC::Run::run([ 'ingest/bench' ], '>', \$output, '2>', \$errors);
	is(join(' ', glob "$folder/tmp/*"), '', 'no file is left');
	is(join(' ', grep { -r $_ && (eval { slurp_file($_) } // '') =~ /TMPDIR=\Q$folder\E/ } glob '/proc/[0-9]*/environ'), '', 'nor a process');
	return ($ok, $output, $errors);
}

{
	my ($ok, $output, $errors) = bench(CELLS => 2000, REPEATS => 1, ONLY => 'copy_* load_256MB load_jobs_2 load_cellprofiler_csv twice_256MB');
	ok($ok, 'the benchmark runs') or diag($errors);
	is($output, slurp_file("$folder/results/bench.md"), 'the report is printed and kept');

	my $result = decode_json(slurp_file("$folder/results/bench.json"));
	my %measured = %{ $result->{measured} };
	my %rows = (
		(map { ($_ => 2000) } qw(copy_csv copy_csv_key copy_loaded copy_loaded_key load_256MB load_jobs_2)),
		load_cellprofiler_csv => 400,
		twice_256MB => 4000);
	is_deeply({ map { ($_ => $measured{$_}{rows}) } keys %measured }, \%rows, 'all that was wanted was measured');
	is_deeply([ grep { !(@{ $measured{$_}{seconds} } == 1 && $measured{$_}{seconds}[0] > 0) } keys %measured ], [], 'each has a time');
	is_deeply([ grep { !/^copy/ && $measured{$_}{resident}[0] < 50e6 } keys %measured ], [], 'what loads has its memory');
	is_deeply([ grep { $output !~ /\(`\Q$_\E`\)/ } keys %measured ], [], 'and is in the report');
	cmp_ok($measured{copy_csv_key}{seconds}[0], '>', $measured{copy_csv}{seconds}[0], 'the key is added to the time of COPY');

	my ($speed) = grep { $_->{what} =~ /256MB.* plain COPY of the file$/ } @{ $result->{ratios} };
	is(sprintf('%.6f', $speed->{value}), sprintf('%.6f', 100 * $measured{copy_csv}{seconds}[0] / $measured{load_256MB}{seconds}[0]), 'speed in % of that of COPY');
	is(scalar(grep { $_->{target} } @{ $result->{ratios} }), 3, 'targets');
	like($output, qr/CytoTable, and .* were left out: as was wished/, 'what was left out is named');
}

# Bad input
{
	my ($ok, $output, $errors) = bench(CELLS => '5m');
	ok(!$ok, 'a bad number is refused');
	like($errors, qr/CELLS must be a number, not "5m"/, 'and the message says why');
	($ok, $output, $errors) = bench(CYTOTABLE => $folder);
	ok(!$ok, 'so is a folder without CytoTable');
	like($errors, qr/CYTOTABLE is a folder with Python packages/, 'and the message says why');
	ok(-s "$folder/results/bench.json", 'an earlier report is still there');
}

done_testing();
