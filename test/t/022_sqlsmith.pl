# Random queries by sqlsmith, which call the extension's functions in every place where a function
# is allowed, cause no crash and no internal error, and leave all payloads as they were.
#
# Each run makes other queries. SQLSMITH_SEED repeats those of an earlier run. SQLSMITH_QUERIES is
# the number of queries.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no sqlsmith: see the messages of scripts/install-dependencies' if !has_program('sqlsmith');
my $queries = $ENV{SQLSMITH_QUERIES} // 800;
my $seed = $ENV{SQLSMITH_SEED} // int(rand(2**31));
note("SQLSMITH_SEED=$seed SQLSMITH_QUERIES=$queries");

# After a crash the server restarts and sqlsmith continues. The test reports the crash at the end.
my $node = start_node('sqlsmith', q{
	log_statement = none
	log_error_verbosity = verbose
	log_min_messages = error
	track_functions = all
	restart_after_crash = on});
$node->safe_psql('postgres', '\i test/include/sqlsmith.sql');
my $served = q{SELECT string_agg(etag, ' ' ORDER BY n) FROM smith.argument, cell_data_head(study, sample, layout, coding) WHERE fits};
my $before = $node->safe_psql('postgres', $served);

# Run sqlsmith with settings of the server, and count the calls in its queries by function.
my %calls;
sub run_sqlsmith
{
	my ($number, @settings) = @_;
	my $target = $node->connstr('postgres') . " user=smith options='" . join(' ', map { "-c $_" } @settings) . q{'};
	my $messages = "$ENV{TESTLOGDIR}/sqlsmith.log";
	open(my $output, '-|', 'bash', '-c', 'exec sqlsmith "$@" 2>"$0"', $messages, "--target=$target", "--seed=$seed",
		"--max-queries=$number", '--exclude-catalog', '--dump-all-queries', '--verbose') or die "cannot run sqlsmith: $!";
	while (my $line = <$output>)
	{
		$calls{$1}++ while $line =~ /\bsmith\.(\w+)\(/g;
	}
	ok(close($output), "sqlsmith runs $number queries");
	my ($report) = slurp_file($messages) =~ /.*^(queries: \d+\n.*?)^impedance report/ms;
	note($report // slurp_file($messages));
	return;
}
run_sqlsmith($queries);
# Queries with parallel workers take several times as long, so there are fewer of them.
my @workers = ('parallel_setup_cost=0', 'parallel_tuple_cost=0', 'min_parallel_table_scan_size=0');
run_sqlsmith(int($queries / 5), @workers);
like($node->safe_psql('postgres', join('', map { "SET $_;" } @workers) . 'EXPLAIN SELECT * FROM smith.tissue_packed'),
	qr/Partial/, 'workers run aggregates');

# Check that queries contained every function. A query may end before it calls the function.
# Functions with arguments of type internal are called only by the aggregates, and no query can call
# the procedure cell_prepare.
my $rare = '';
foreach my $function (split /\n/, $node->safe_psql('postgres', q{
	SELECT caller, signature, calls FROM information_schema.our_functions LEFT JOIN pg_stat_user_functions ON funcid = oid ORDER BY oid}))
{
	my ($caller, $signature, $ended) = split /\|/, $function, -1;
	my $times = $calls{$caller} // 0;
	note("in queries $times times: $signature" . ($ended ne '' ? ", returned $ended times" : ''));
	$rare .= "$signature: $times\n" if $times < $queries / 400;
}
is($rare, '', 'the queries call each function at least once per 400 queries');

# The messages in the server's log that match a pattern, with the lines that belong to them
sub messages
{
	my ($pattern) = @_;
	return join '', slurp_file($node->logfile) =~ /^.*(?:$pattern).*\n(?:\t.*\n|.* (?:DETAIL|HINT|CONTEXT|LOCATION|STATEMENT):  .*\n)*/mg;
}
is(messages('(?:ERROR|FATAL):  XX'), '', 'there are no internal errors');
is(messages('terminated by signal|TRAP:|PANIC:'), '', 'the server does not crash');
is($node->safe_psql('postgres', $served), $before, 'all payloads are as before');

$node->stop;
done_testing();
