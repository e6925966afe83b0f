# cell_binary.store_size: which payloads are evicted, which roles can set it, and what it bounds.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('store_size');
$node->safe_psql('postgres', q{
	CREATE ROLE reader LOGIN;
	CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint, PRIMARY KEY (sample, cell_id));
	INSERT INTO cell SELECT s, i, i, i, i FROM generate_series(1, 20000) i, unnest('{D,E,F,G}'::text[]) s;
	GRANT SELECT ON cell TO reader;
	SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a,b}')});

sub set_store_size
{
	my ($size) = @_;
	$node->safe_psql('postgres', "LOAD 'cell_binary'; ALTER SYSTEM SET cell_binary.store_size = '$size'; SELECT pg_reload_conf()");
	$node->poll_query_until('postgres', "SELECT current_setting('cell_binary.store_size', true) = '$size'") or die "no $size";
}

# How the payloads of samples are served: "ready" from the store, or "made" by packing.
sub served
{
	return join ' ', map {
		my $ready = $node->safe_psql('postgres', qq{
			SELECT hits AS before FROM cell_store_stats \\gset
			SELECT octet_length(cell_data('s', '$_')) = 320004;
			SELECT CASE WHEN hits > :before THEN 'ready' ELSE 'made' END FROM cell_store_stats}) =~ s/\n/ /r;
		$ready =~ s/^t //r
	} @_;
}
my $counts = 'SELECT stored_payloads, stored_bytes FROM cell_store_stats';

# The store holds three payloads of 320 kB. The least recently used one is evicted.
set_store_size('1MB');
is(served(qw(D E F)), 'made made made', 'three payloads fit');
$node->safe_psql('postgres', 'SELECT pg_sleep(1.1)');
is(served('D'), 'ready', 'the first payload is used again');
is(served('G'), 'made', 'the fourth payload does not fit beside the others');
is(served(qw(D F E)), 'ready ready made', 'the least recently used payload was evicted');
is($node->safe_psql('postgres', 'SELECT evictions, stored_payloads, stored_bytes FROM cell_store_stats'), '2|3|960012', 'cell_store_stats counts the evictions');
is($node->safe_psql('postgres', qq{
	SELECT cell_invalidate('s');
	SELECT count(*), bool_and(octet_length(cell_data('s', sample)) = 320004) FROM cell_samples('s') sample;
	$counts}), "\n4|t\n3|960012", 'four payloads in one statement are served, and three are kept');
# A read-only transaction counts as a use.
$node->safe_psql('postgres', 'SELECT pg_sleep(1.1)');
my ($oldest) = split /\n/, $node->safe_psql('postgres', 'SELECT sample FROM cell_payload ORDER BY used_at LIMIT 1');
$node->safe_psql('postgres', "BEGIN READ ONLY; SELECT length(cell_data('s', '$oldest')); COMMIT");
my ($missing) = grep { $node->safe_psql('postgres', "SELECT count(*) FROM cell_payload WHERE sample = '$_'") eq '0' } qw(D E F G);
is(served($missing, $oldest), 'made ready', 'a payload that a read-only transaction used is not evicted');

# One transaction of a role that can only read stores and evicts payloads in turn. They stay on disk
# until VACUUM runs. Their size is bounded.
$node->append_conf('postgresql.conf', "autovacuum = off\n");
$node->reload;
my $size = q{SELECT pg_total_relation_size('cell_payload')};
my $in_turn = q{DO $$
	BEGIN
		FOR i IN 1 .. 40 LOOP
			PERFORM length(cell_data('s', sample, layout)) FROM cell_samples('s') sample, unnest('{compact,spt,arrow,dense}'::text[]) layout;
		END LOOP;
	END $$};
$node->safe_psql('postgres', "SET ROLE reader; $in_turn");
cmp_ok($node->safe_psql('postgres', $size), '<', 70 * 1024 * 1024, 'the table has at most twice the size plus 64 MB on disk');
my $notice;
foreach (1 .. 10)
{
	(undef, undef, $notice) = $node->psql('postgres', q{SELECT cell_invalidate('s'); CALL cell_prepare('s', 'D')});
	last if $notice =~ /not stored/;
}
like($notice, qr/packed, not stored because the store is full until VACUUM/, 'cell_prepare says that the store is full');
is($node->safe_psql('postgres', q{SELECT cell_data('s', 'D') = (SELECT cell_pack(cell_id, x, y, phenotypes) FROM cell WHERE sample = 'D')}), 't', 'the served payload is right');
$node->safe_psql('postgres', 'VACUUM cell_payload');
is(served(qw(D D)), 'made ready', 'after VACUUM payloads are stored again');
$node->safe_psql('postgres', $in_turn);
cmp_ok($node->safe_psql('postgres', $size), '<', 70 * 1024 * 1024, 'the space of evicted payloads is used again');

# The size 0 stores nothing, and -1 sets no limit.
set_store_size('0');
$node->safe_psql('postgres', q{SELECT cell_invalidate('s')});
is(served(qw(D D)), 'made made', '0 stores nothing');
my (undef, undef, $errors) = $node->psql('postgres', q{CALL cell_prepare('s', 'D')});
like($errors, qr/payloads of study "s" cannot be stored\nDETAIL:  The setting cell_binary.store_size is 0/, '0 makes cell_prepare an error');
set_store_size('-1');
is(served(qw(D E F G D E F G)), 'made made made made ready ready ready ready', '-1 sets no limit');

# The setting concerns all sessions: no session, role or database can have its own.
sub fails
{
	my ($sql, $role, $options) = @_;
	local %ENV = (%ENV, defined $options ? (PGOPTIONS => $options) : ());
	my (undef, undef, $output) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", extra_params => [ '-U', $role ]);
	return ($output =~ /ERROR:  (\w{5})/)[0];
}
my $data = q{SELECT length(cell_data('s', 'D'))};
is(fails("LOAD 'cell_binary'; SET cell_binary.store_size = '1GB'", 'postgres'), '55P02', 'SET is refused');
is(fails("LOAD 'cell_binary'; ALTER ROLE reader SET cell_binary.store_size = '1GB'", 'postgres'), '55P02', 'ALTER ROLE is refused');
is(fails($data, $_, '-c cell_binary.store_size=1MB'), '55P02', "a connection option of $_ is refused") foreach qw(reader postgres);
is(fails("SET cell_binary.store_size = '1MB'; $data", 'postgres', '-c cell_binary.store_size=1MB'), '55P02', 'a connection option is refused after SET');
is($node->safe_psql('postgres', "SET cell_binary.store_size = '1MB'; $data; SHOW cell_binary.store_size"), "320004\n-1", 'SET before the first call is discarded');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET cell_binary.store_size = 1');
is(fails($data, 'reader'), '55P02', 'a setting on a database from before the library was loaded is refused');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET cell_binary.store_size');
is(fails($data, 'reader', '-c cell_binary.max_payload_size=1GB'), '42501', 'a role cannot lift max_payload_size by a connection option');
is(fails($data, 'postgres', '-c cell_binary.max_payload_size=1GB'), undef, 'a superuser can set max_payload_size by a connection option');

$node->stop;
done_testing();
