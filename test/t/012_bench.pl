# The benchmark with few cells: every workload runs, or the report gives the
# reason why it cannot.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use File::Basename 'basename';
use JSON::PP 'decode_json';
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir_short();

sub bench
{
	return run_benchmark($folder, 'benchmark/bench', PYTHON => '/usr/bin/python3', @_);
}

# All workloads
{
	my ($ok, $output, $errors) = bench(SIZES => '2k 100k', REPEATS => 1);
	ok($ok, 'the benchmark runs') or diag($errors);
	is($output, slurp_file("$folder/results/bench.md"), 'the report is printed and stored');

	my $result = decode_json(slurp_file("$folder/results/bench.json"));
	my %workload = map { ("$_->{name} $_->{data}" => $_) } @{ $result->{workloads} };
	my @files = map { basename($_, '.sql') } glob 'benchmark/suite/*.sql';
	cmp_ok(scalar @files, '>', 20, 'there are workloads');
	my $data = sub { return $_[0] =~ /^smprofiler_/ ? 'smprofiler' : $_[0] eq 'pc_patch' ? 'cells_2k' : 'cells_100k' };
	is_deeply([ grep { !$workload{ "$_ " . $data->($_) } } @files ], [], 'each workload was run');
	is_deeply([ grep { $output !~ /\(`\Q$_\E`\)/ } @files ], [], 'each workload is in the report');

	# Peers and client libraries are optional, and not every file system drops a file from memory.
	my $may_lack = qr/^(client|st_asmvt|pc_patch|cold)/;
	my @without = grep { defined $workload{$_}{error} } sort keys %workload;
	is_deeply([ grep { $_ !~ $may_lack } @without ], [], 'all required workloads ran');
	is_deeply([ grep { $workload{$_}{error} !~ /^not available: \w/ } @without ], [], 'the report gives the reason for each other workload');
	is_deeply([ grep { !defined $workload{$_}{error} && !(@{ $workload{$_}{times} } == 1 && $workload{$_}{median} > 0) } keys %workload ],
		[], 'each workload that ran has a time');
	is_deeply($workload{'pack cells_100k'}{result}, [ 4 + 16 * 100_000 ], 'pack: the result is the length of the payload');

	is_deeply([ map { $workload{"$_ smprofiler"}{result} } qw(smprofiler_rows smprofiler_pack smprofiler_intensities) ], [ [ 60_000 ], [ 20 + 20 * 2000 ], [ 34 * 2000 ] ],
		'the tables of SMProfiler: the results are the long rows, the payload and the intensities');
	like($output, qr/^\| cell_data over the view.*\(`smprofiler_pack`\) \|.*\|.*\|\s*[\d.]+ \|/m, 'the report has the long rows per second');

	is($workload{'serve_crowd cells_100k'}{result}[0], 1, 'serve_crowd: one session packs for all');
	is_deeply([ grep { $output !~ /\(`\Q$_\E`\)/ } map { ("serve_$_", "serve_${_}_without") } qw(ready cold update copy crowd) ],
		[], 'the workloads of serving are in the report');

	my %with = map { /^(.*)_without_scan( .*)$/ ? ($_ => "$1$2") : () } keys %workload;
	cmp_ok(scalar(keys %with), '>', 15, 'there are workloads with and without the scan');
	is_deeply([ map { $workload{ $with{$_} }{result} } sort keys %with ], [ map { $workload{$_}{result} } sort keys %with ],
		'the results are the same with and without the scan');
	is_deeply([ map { $workload{"shape_$_ cells_100k"}{result} } qw(slide_rows slide_spt slides_sample columns columns_pack partitions_sample) ],
		[ [ 100_000 ], [ 20 + 20 * 100_000 ], [ 4 + 16 * 10_000 ], [ 10 * 4 + 16 * 100_000 ], [ 4 + 16 * 100_000 ], [ 4 + 16 * 10_000 ] ],
		'the shapes of tables: the results are the number of rows and the lengths of payloads');
	like($output, qr/^\| cell_data of a partition.*\(`shape_partitions_sample`\) \|.*\|.*\|\s*[\d.]+ \|\s*[\d.]+ \|\s*[\d.]+ \|$/m,
		'the report has the time with and without the scan');

	my @targets = @{ $result->{targets} };
	cmp_ok(scalar @targets, '>=', 30, 'there are targets');
	is(scalar(grep { !defined $_->{measured} && !length($_->{why} // '') } @targets), 0, 'each target has a measured value or a reason');
	# The kernel's count of pages can be off by a few hundred kB.
	cmp_ok($result->{memory}{pack}{peak}, '>', 16 * 100_000 - 500_000, 'the peak of memory includes the payload');
	cmp_ok($result->{memory}{pack}{peak}, '<', 16 * 100_000 + 1_000_000, 'the peak includes the payload only once');
}

# One workload alone, and bad input
{
	my ($ok, $output, $errors) = bench(SIZES => '1k', REPEATS => 1, ONLY => 'count_rows');
	ok($ok, 'ONLY runs a part of the benchmark') or diag($errors);
	is(scalar @{ decode_json(slurp_file("$folder/results/bench.json"))->{workloads} }, 1, 'the report has one workload');

	($ok, $output, $errors) = bench(SIZES => '1e3');
	ok(!$ok, 'the benchmark refuses a bad size');
	like($errors, qr/SIZES must be numbers of cells such as 500k or 5m, not "1e3"/, 'the message says why');
	ok(-s "$folder/results/bench.json", 'an earlier report is unchanged');
}

done_testing();
