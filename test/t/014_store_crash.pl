# No payload is stale after crashes of the server, prepared transactions, promotion of a standby,
# and logical replication.
#
# CRASHES is the number of crashes. They come while sessions pack, store and change cells.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'sleep';

my $node = new_node('store_crash', allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "max_prepared_transactions = 10\nrestart_after_crash = on\nmax_wal_size = 4GB\n");
$node->start;
my $table = q{CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint, PRIMARY KEY (sample, cell_id))};
$node->safe_psql('postgres', qq{
	CREATE EXTENSION cell_binary;
	$table;
	INSERT INTO cell SELECT s, i, i, i, i FROM unnest('{A,B,C,D}'::text[]) s, generate_series(1, 200000) i;
	SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a}')});

# The samples whose payload differs from their cells, in the first or in the second call. No session
# may write meanwhile, because each query has its own snapshot.
sub differences
{
	my ($server) = @_;
	return $server->safe_psql('postgres', q{
		SELECT coalesce(string_agg(sample, ', '), 'none') FROM (
			SELECT sample FROM cell GROUP BY sample
			HAVING cell_pack(cell_id, x, y, phenotypes) <> cell_data('s', sample)
				OR cell_data('s', sample) <> cell_pack(cell_id, x, y, phenotypes)) differing});
}
is(differences($node), 'none', 'before the crashes: all payloads are right');

# Start three sessions, which go on until the server is gone: one packs, one packs and encodes, and
# one writes.
sub start_sessions
{
	return map
	{
		my ($output, $errors);
		IPC::Run::start([ 'bash', '-c', 'set -o pipefail; yes "$0" | psql -X -q -d "$1" >/dev/null 2>&1', $_, $node->connstr('postgres') ], '<', \undef)
	} (q{SELECT length(cell_data('s', sample)) FROM unnest('{A,B,C,D}'::text[]) sample;},
		q{SELECT length(cell_data('s', sample, 'dense', 'zstd')) FROM unnest('{D,C,B,A}'::text[]) sample;},
		q{UPDATE cell SET x = x + 1 WHERE sample = (ARRAY['A', 'B', 'C', 'D'])[1 + floor(4 * random())] AND cell_id < 1 + 1000 * random();});
}

foreach my $round (1 .. $ENV{CRASHES} // 5)
{
	my @sessions = start_sessions();
	sleep 0.3 + rand;
	my $payloads = $node->safe_psql('postgres', 'SELECT count(*) FROM cell_payload');
	my $postmaster = $node->{_pid};
	if ($round % 2)
	{
		# Kill one backend. The postmaster then restarts all processes.
		my $busy = q{FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%cell_data%' AND pid <> pg_backend_pid()};
		$node->poll_query_until('postgres', "SELECT count(*) > 0 $busy") or die 'no session packs';
		my $backend;
		$backend = $node->safe_psql('postgres', "SELECT pid $busy LIMIT 1") until $backend;
		kill 'KILL', $backend;
		$_->finish foreach @sessions;
		sleep 0.1;
		wait_for_recovery($node);
	}
	else
	{
		kill 'KILL', $postmaster;
		$_->finish foreach @sessions;
		# The server does not start until all children of the killed postmaster have ended.
		my $started;
		foreach (1 .. 100)
		{
			$node->{_pid} = undef;
			last if $started = $node->start(fail_ok => 1);
			sleep 0.2;
		}
		die 'the server does not start' if !$started;
	}
	is($node->safe_psql('postgres', 'SELECT count(*) FROM cell_payload'), '0', "crash $round: the store is empty (it had $payloads payloads)");
	is(differences($node), 'none', "crash $round: no payload differs from its cells");
	is($node->safe_psql('postgres', q{SELECT sum(hits) > 0 AND sum(packings) BETWEEN 1 AND 8 FROM cell_store_stats}), 't', "crash $round: the store is used");
}

# A prepared transaction that commits after a crash
$node->safe_psql('postgres', q{BEGIN; UPDATE cell SET x = -1 WHERE sample = 'A'; PREPARE TRANSACTION 'change'});
$node->stop('immediate');
$node->start;
is(differences($node), 'none', 'prepared transaction after a crash: all payloads are right before the commit');
$node->safe_psql('postgres', q{COMMIT PREPARED 'change'});
is(differences($node), 'none', 'prepared transaction after a crash: all payloads are right after the commit');

# A standby packs for each call. Once promoted, it stores payloads.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('store_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
my $etags = q{SELECT cells, bytes, etag FROM unnest('{A,B}'::text[]) sample, cell_data_head('s', sample, 'spt')};
is($standby->safe_psql('postgres', $etags), $node->safe_psql('postgres', $etags), 'standby: the ETags are those of the primary');
is(differences($standby), 'none', 'standby: all payloads are right');
is($standby->safe_psql('postgres', q{SELECT feature FROM cell_feature_names('s')}), 'a', 'standby: cell_feature_names works');
$node->safe_psql('postgres', q{SELECT cell_register_study('not stored', 'cell', phenotypes => 'phenotypes', features => '{a}', store => false)});
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', q{SELECT length(cell_data('not stored', 'A'))}), '3200004', 'standby: a study that is not stored is served');
my (undef, undef, $errors) = $standby->psql('postgres', q{SELECT cell_make_ready('s', 'A', 'compact', 'identity')});
like($errors, qr/payloads of study "s" cannot be stored\nDETAIL:  The server is in recovery/, 'standby: cell_make_ready reports that nothing is stored');
$node->safe_psql('postgres', q{BEGIN; UPDATE cell SET x = -2 WHERE sample = 'B'; PREPARE TRANSACTION 'change'});
$node->wait_for_catchup($standby);
$standby->promote;
is(differences($standby), 'none', 'promoted: all payloads are right');
$standby->safe_psql('postgres', q{COMMIT PREPARED 'change'});
is(differences($standby), 'none', 'promoted: all payloads are right after a prepared transaction');
$standby->safe_psql('postgres', q{UPDATE cell SET x = 0 WHERE sample = 'C'});
is(differences($standby), 'none', 'promoted: all payloads are right after a change');
is($standby->safe_psql('postgres', q{SELECT hits > 0 FROM cell_store_stats WHERE study = 's'}), 't', 'promoted: the store is used');
$standby->stop;
$node->safe_psql('postgres', q{COMMIT PREPARED 'change'});

# Logical replication into a table and into a partitioned table
my $subscriber = new_node('store_subscriber');
$subscriber->start;
my $publisher = $node->connstr('postgres') =~ s/'//gr;
$node->safe_psql('postgres', q{CREATE PUBLICATION cells FOR TABLE cell});
foreach my $kind ('a table', 'a partitioned table')
{
	my $create = $table;
	$create .= ' PARTITION BY HASH (sample); ' . join(';', map { "CREATE TABLE cell_$_ PARTITION OF cell FOR VALUES WITH (MODULUS 2, REMAINDER $_)" } 0, 1)
		if $kind ne 'a table';
	$subscriber->safe_psql('postgres', qq{
		CREATE EXTENSION cell_binary;
		$create;
		SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a}')});
	$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION cells CONNECTION '$publisher' PUBLICATION cells");
	$subscriber->wait_for_subscription_sync($node, 'cells') if $subscriber->can('wait_for_subscription_sync');
	$subscriber->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_subscription_rel WHERE srsubstate = 'r'}) or die 'no initial copy';
	is(differences($subscriber), 'none', "subscriber, $kind: all payloads are right after the initial copy");
	foreach my $change (q{UPDATE cell SET x = x + 1 WHERE sample = 'A' AND cell_id = 1}, q{DELETE FROM cell WHERE sample = 'B' AND cell_id = 1},
		q{INSERT INTO cell VALUES ('B', 1, 1, 1, 1)}, q{UPDATE cell SET sample = 'B', cell_id = 300000 WHERE sample = 'A' AND cell_id = 2},
		q{UPDATE cell SET sample = 'A', cell_id = 2 WHERE sample = 'B' AND cell_id = 300000})
	{
		$node->safe_psql('postgres', $change);
		$node->wait_for_catchup('cells');
		is(differences($subscriber), 'none', "subscriber, $kind: all payloads are right after $change");
	}
	is($subscriber->safe_psql('postgres', q{SELECT hits > packings FROM cell_store_stats}), 't', "subscriber, $kind: the store is used");
	$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION cells');
	$subscriber->safe_psql('postgres', 'DROP TABLE cell; DROP EXTENSION cell_binary');
}

# A publication of all tables includes the tables of the extension. The publisher's studies and
# changes must not become the subscriber's.
$node->safe_psql('postgres', q{CREATE PUBLICATION everything FOR ALL TABLES});
$subscriber->safe_psql('postgres', qq{
	CREATE EXTENSION cell_binary;
	$table;
	SELECT cell_register_study('here', 'cell', phenotypes => 'phenotypes', features => '{a}');
	SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a}');
	CREATE TABLE other (i integer)});
my $studies = q{SELECT string_agg(study, ' ' ORDER BY id) FROM cell_study};
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION everything CONNECTION '$publisher' PUBLICATION everything");
$subscriber->poll_query_until('postgres', q{SELECT count(*) > 2 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel}) or die 'no initial copy';
is($subscriber->safe_psql('postgres', $studies), 'here s', 'subscriber, all tables: it has only its own studies');
my $foreign = q{SELECT count(*) FROM cell_change WHERE study NOT IN (SELECT id FROM cell_study) OR changed_by >= pg_snapshot_xmax(pg_current_snapshot())};
is($subscriber->safe_psql('postgres', $foreign), '0', 'subscriber, all tables: it has only its own changes');
$node->safe_psql('postgres', q{UPDATE cell SET x = x + 1 WHERE sample = 'A' AND cell_id = 1; SELECT cell_invalidate('s')});
$node->wait_for_catchup('everything');
is(differences($subscriber), 'none', 'subscriber, all tables: all payloads are right after a change');
is($subscriber->safe_psql('postgres', $foreign), '0', 'subscriber, all tables: it still has only its own changes');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION everything');
$subscriber->stop;
$node->stop;
done_testing();
