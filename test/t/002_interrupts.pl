# Packing 2,000,000 cells returns the right bytes, stops soon after a timeout, a cancel, a
# termination or a kill, and leaves nothing behind.
#
# The test compares times only with each other: the delay of a cancel must be a small part of the
# time of the whole query.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use IPC::Run ();
use List::Util 'min';
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = start_node('interrupts');
$node->safe_psql('postgres', q{
	CREATE TABLE cell AS
	SELECT 'S' || i / 200000 AS sample, (i * 2654435761) % 4294967296 AS cell_id, (i % 20000)::integer AS x, (i / 250)::integer AS y, i * 1234567891 AS phenotypes
	FROM generate_series(0::bigint, 1999999) i;
	VACUUM ANALYZE cell;
	ALTER SYSTEM SET autovacuum = off;   -- its locks would count as left behind
	ALTER SYSTEM SET restart_after_crash = on;
	SELECT pg_reload_conf()});

# The bytes
{
	my $rows = "$ENV{TESTDIR}/rows.txt";
	$node->safe_psql('postgres', "COPY (SELECT cell_id, x, y, phenotypes FROM cell) TO '$rows' (DELIMITER ' ')");
	my ($expected) = run_command([ 'bash', '-c', "/usr/bin/python3 test/t/packer.py rows compact <'$rows'" ]);
	unlink $rows;
	foreach my $workers (0, 2)
	{
		is($node->safe_psql('postgres', qq{
			SET max_parallel_workers_per_gather = $workers;
			SELECT octet_length(payload), encode(sha256(payload), 'hex')
			FROM (SELECT cell_pack(cell_id, x, y, phenotypes) AS payload FROM cell) packed}),
			"32000004|$expected", "2,000,000 cells, up to $workers workers: the payload equals that of an independent packer");
	}
}

# The second largest number, because the machine may cause one outlier.
sub nearly_largest
{
	my @sorted = sort { $a <=> $b } @_;
	return $sorted[-2];
}

my %scan = (
	'scan, ids' => 'SELECT octet_length(cell_pack(cell_id, x, y, phenotypes)) FROM cell',
	'scan, layout spt, double precision' => q{SELECT octet_length(cell_pack(cell_id, x::float8, y::float8, phenotypes, 'spt')) FROM cell},
	'scan, every sample' => 'SELECT sample, cell_pack(cell_id, x, y, phenotypes) FROM cell GROUP BY sample',
);
like($node->safe_psql('postgres', "EXPLAIN $scan{$_}"), qr/CellScan/, "$_: it is a scan") foreach sort keys %scan;
my %query = (
	%scan,
	'executor' => 'SELECT octet_length(cell_pack(cell_id, x, y, phenotypes)) FROM cell WHERE x + 0 >= 0',
	'cell_unpack' => 'SELECT count(*) FROM slide, cell_unpack(payload)',
	'cell_info' => 'SELECT cells FROM slide, cell_info(payload)',
);
$node->safe_psql('postgres', q{
	CREATE TABLE slide (payload bytea);
	ALTER TABLE slide ALTER payload SET STORAGE EXTERNAL;
	INSERT INTO slide SELECT cell_pack(cell_id, x, y, phenotypes) FROM cell});

# The delay of statement_timeout at twelve moments of each query
create_run($node);

sub run_query
{
	my ($query, $timeout) = @_;
	return split /\|/, $node->safe_psql('postgres', qq{
		SET max_parallel_workers_per_gather = 0;
		SET statement_timeout = $timeout;
		SELECT * FROM run(\$\$$query\$\$)});
}

foreach my $name (sort keys %query)
{
	my $whole = min(map { (run_query($query{$name}, 0))[1] } 1 .. 4);
	my @late;
	foreach my $moment (1 .. 12)
	{
		my ($stopped, $late) = run_query($query{$name}, 1 + int($whole * $moment / 13));
		push @late, $late if $stopped eq 't';
	}
	note(sprintf '%s takes %d ms; stopped at %d moments it was late by %s ms',
		$name, $whole, scalar @late, join(', ', map { sprintf '%.0f', $_ } @late));
	cmp_ok(scalar @late, '>=', 6, "$name: statement_timeout stops it");
	cmp_ok(nearly_largest(@late), '<', $whole / 3, "$name: the delay is short");
}

# Start a query in its own session, and find its server process once the query runs.
sub start_query
{
	my ($query) = @_;
	my ($output, $errors) = ('', '');
	my $session = IPC::Run::start(
		[ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', $query ],
		'>', \$output, '2>', \$errors);
	my $pid = '';
	for (1 .. 500)
	{
		$pid = $node->safe_psql('postgres', q{
			SELECT pid FROM pg_stat_activity
			WHERE state = 'active' AND backend_type = 'client backend' AND query LIKE '%/* watched */%' AND pid <> pg_backend_pid()});
		last if $pid ne '';
		sleep 0.02;
	}
	sleep 0.3;
	return { session => $session, pid => $pid, errors => \$errors };
}

# Wait until the query has ended, and return its error message.
sub finish_query
{
	my ($running) = @_;
	$running->{session}->finish;
	return ${ $running->{errors} };
}

sub nothing_left
{
	my ($when) = @_;
	ok($node->poll_query_until('postgres', q{
		SELECT count(*) = 0 FROM pg_stat_activity
		WHERE pid <> pg_backend_pid() AND (backend_type = 'parallel worker' OR query LIKE '%watched%')}), "$when: no process is left");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_ls_tmpdir()}), '0', "$when: no temporary file is left");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid()}), '0', "$when: no lock is left");
	is($node->safe_psql('postgres', 'SELECT octet_length(cell_pack(cell_id, x, y, phenotypes)) FROM cell'), '32000004', "$when: packing works");
	return;
}

# Work of a minute: each cell is in 1000 samples, or a scan is repeated.
my %way = (
	(map { my $workers = $_; ("executor, $workers workers" => [ $workers, qq{SET max_parallel_workers_per_gather = $workers; SET enable_sort = off; /* watched */
		SELECT sum(octet_length(payload)) FROM (
			SELECT cell_pack(cell_id, x, y, phenotypes) AS payload FROM cell, generate_series(1, 1000) n GROUP BY n) packed} ]) } 0, 2),
	'scan' => [ 0, "DO \$\$/* watched */ BEGIN FOR i IN 1 .. 1000 LOOP PERFORM sum(octet_length(payload)) FROM ($scan{'scan, every sample'}) packed (sample, payload); END LOOP; END\$\$" ]);
foreach my $way (sort keys %way)
{
	my ($workers, $long) = @{ $way{$way} };
	my $running = start_query($long);
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}),
		$workers, "$way: the query has $workers workers");
	is($node->safe_psql('postgres', "SELECT pg_cancel_backend($running->{pid})"), 't', 'pg_cancel_backend signals the process');
	like(finish_query($running), qr/canceling statement due to user request/, "$way: a cancel stops the query");
	nothing_left("$way, cancelled");

	$running = start_query($long);
	is($node->safe_psql('postgres', "SELECT pg_terminate_backend($running->{pid})"), 't', 'pg_terminate_backend signals the process');
	like(finish_query($running), qr/terminating connection due to administrator command/, "$way: a termination ends the session");
	nothing_left("$way, terminated");

	# As for any backend, a kill makes the server restart.
	$running = start_query($long);
	is(kill('KILL', $running->{pid}), 1, 'the process gets SIGKILL');
	like(finish_query($running), qr/server closed the connection|terminating connection because of crash/, "$way: SIGKILL ends the session");
	wait_for_recovery($node);
	nothing_left("$way, killed");
}

$node->stop;
done_testing();
