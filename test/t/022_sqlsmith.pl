# Random queries by sqlsmith, with our functions in every place where a function
# can be: the server stays up, no error is an internal one, and afterwards
# everything is served as before.
#
# Each run makes other queries. SQLSMITH_SEED makes those of an earlier one again;
# SQLSMITH_QUERIES is how many there are.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no sqlsmith: see the messages of scripts/install-dependencies'
	if system('type sqlsmith >/dev/null 2>&1') && ($ENV{CI} // '') ne 'true';
my $queries = $ENV{SQLSMITH_QUERIES} // 800;
my $seed = $ENV{SQLSMITH_SEED} // int(rand(2**31));
note("SQLSMITH_SEED=$seed SQLSMITH_QUERIES=$queries");

my $node = start_node('sqlsmith');
# sqlsmith goes on after a crash, to be told at the end.
$node->append_conf('postgresql.conf', "log_statement = none\nlog_error_verbosity = verbose\nlog_min_messages = error\ntrack_functions = all\nrestart_after_crash = on\n");
$node->restart;
$node->safe_psql('postgres', '\i test/include/sqlsmith.sql');
my $served = q{SELECT string_agg(etag, ' ' ORDER BY n) FROM smith.argument, cell_data_head(study, sample, layout, coding) WHERE fits};
my $before = $node->safe_psql('postgres', $served);

# Run sqlsmith with some settings of the server; count the calls in its queries, by function.
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
	ok(close($output), "$number queries");
	my ($report) = slurp_file($messages) =~ /.*^(queries: \d+\n.*?)^impedance report/ms;
	note($report // slurp_file($messages));
	return;
}
run_sqlsmith($queries);
# Plans with workers take several times as long.
my @workers = ('parallel_setup_cost=0', 'parallel_tuple_cost=0', 'min_parallel_table_scan_size=0');
run_sqlsmith(int($queries / 5), @workers);
like($node->safe_psql('postgres', join('', map { "SET $_;" } @workers) . 'EXPLAIN SELECT * FROM smith.tissue_packed'),
	qr/Partial/, 'aggregates by workers');

# Whether every function was there. A query that has it need not come to it. Those with
# arguments of type internal are called by the aggregates; cell_prepare no query can call.
my $rare = '';
foreach my $function (split /\n/, $node->safe_psql('postgres', q{
	SELECT caller, signature, calls FROM information_schema.our_functions LEFT JOIN pg_stat_user_functions ON funcid = oid ORDER BY oid}))
{
	my ($caller, $signature, $ended) = split /\|/, $function, -1;
	my $times = $calls{$caller} // 0;
	note("in queries $times times: $signature" . ($ended ne '' ? ", returned $ended times" : ''));
	$rare .= "$signature: $times\n" if $times < $queries / 100;
}
is($rare, '', 'each function is called');

# Messages of the server's log that match, with the lines that belong to them
sub messages
{
	my ($pattern) = @_;
	return join '', slurp_file($node->logfile) =~ /^.*(?:$pattern).*\n(?:\t.*\n|.* (?:DETAIL|HINT|CONTEXT|LOCATION|STATEMENT):  .*\n)*/mg;
}
is(messages('(?:ERROR|FATAL):  XX'), '', 'no internal error');
is(messages('terminated by signal|TRAP:|PANIC:'), '', 'no crash');
is($node->safe_psql('postgres', $served), $before, 'all is served as before');

$node->stop;
done_testing();
