# When the disk of the store is full, payloads are still served, with a warning, and none is stored
# in part; once there is room again, they are stored.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use Cwd 'realpath';
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

# The store is in a tablespace whose files a preloaded library keeps from growing.
my $disk = realpath(PostgreSQL::Test::Utils::tempdir()) . '/disk';
mkdir $disk or die "cannot make $disk: $!";
scalar_of('gcc', '-O', '-Wall', '-shared', '-fPIC', '-o', "$disk.so", 'test/t/full_disk.c', '-ldl');
my $node = start_node('full_disk');
{
	local %ENV = (%ENV, FULL_DISK => $disk, LD_PRELOAD => join(':', grep { defined } $ENV{LD_PRELOAD}, "$disk.so"));
	$node->restart;
}
$node->safe_psql('postgres', qq{CREATE TABLESPACE disk LOCATION '$disk'});
$node->safe_psql('postgres', q{
	ALTER TABLE cell_payload SET TABLESPACE disk;
	ALTER INDEX cell_payload_sample SET TABLESPACE disk;
	CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint, PRIMARY KEY (sample, cell_id));
	INSERT INTO cell SELECT sample, i, hashint4(i) % 50000, hashint4(-i) % 40000, hashint4(i) & 1023 FROM unnest('{A,B,C,D,E}'::text[]) sample, generate_series(1, 30000) i;
	-- payloads that are small enough for the table itself, without TOAST
	INSERT INTO cell SELECT 'small ' || n, i, i, i, 1 FROM generate_series(1, 20) n, generate_series(1, 100) i;
	CREATE TABLE note (text text);
	SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a}')});

# Limit files on the disk to a number of bytes. Without a number there is no limit.
sub fill_disk
{
	my ($bytes) = @_;
	unlink "$disk.full";
	return if !defined $bytes;
	append_to_file("$disk.full", '');
	truncate "$disk.full", $bytes or die "cannot fill the disk: $!";
	return;
}

# The rows that statements return, and the SQLSTATE of each warning and error
sub run_statements
{
	my ($statements) = @_;
	my (undef, $output, $errors) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$statements", on_error_stop => 0);
	return ($output, join ' ', $errors =~ /((?:WARNING|ERROR|FATAL|PANIC):  \w{5})/g);
}

# The samples whose served payload differs from their cells
sub differing
{
	my ($samples) = run_statements(q{
		SELECT coalesce(string_agg(sample, ', '), 'none') FROM (
			SELECT sample FROM cell GROUP BY sample HAVING cell_data('s', sample) <> cell_pack(cell_id, x, y, phenotypes)) differing});
	return $samples;
}

# The contents of the store: the number of payloads, of payloads that contradict their row, and of
# values in the TOAST table that belong to no payload
my $toast = $node->safe_psql('postgres', q{SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'cell_payload'::regclass});
sub stored
{
	return $node->safe_psql('postgres', qq{
		SELECT count(*), count(*) FILTER (WHERE length(payload) <> bytes OR etag <> format('"%s"', encode(sha256(payload), 'hex'))),
			(SELECT count(DISTINCT chunk_id) FROM $toast) - count(*) FILTER (WHERE bytes > 2000)
		FROM cell_payload});
}

sub stats { return $node->safe_psql('postgres', "SELECT $_[0] FROM cell_store_stats"); }

is_deeply([ run_statements(q{SELECT length(cell_data('s', sample)) FROM unnest('{A,E}'::text[]) sample}) ], [ "480004\n480004", '' ], 'with room: payloads are stored');
is(stored(), '2|0|0', 'with room: the store is consistent');

# The disk is full at once, or after a part of a payload.
my $size = $node->safe_psql('postgres', "SELECT pg_relation_size('$toast')");
foreach my $case ([ 'no room', 0 ], [ 'room for a part', $size + 200_000 ])
{
	my ($when, $bytes) = @$case;
	fill_disk($bytes);
	foreach my $form (
		[ 'cell_data', q{cell_data('s', 'B') = cell_pack(cell_id, x, y, phenotypes)} ],
		[ 'in another layout and a coding', q{cell_decode(cell_data('s', 'B', 'dense', 'gzip'), 'gzip') = cell_pack(cell_id, x, y, phenotypes, 'dense')} ],
		[ 'cell_data_head', q{(cell_data_head('s', 'B', 'spt')).etag = format('"%s"', encode(sha256(cell_pack(cell_id, x, y, phenotypes, 'spt')), 'hex'))} ],
		[ 'cell_data_chunks', q{(SELECT string_agg(body, '' ORDER BY chunk) FROM cell_data_chunks('s', 'B')) = cell_pack(cell_id, x, y, phenotypes)} ])
	{
		my ($name, $condition) = @$form;
		my ($output, $messages) = run_statements("SELECT $condition FROM cell WHERE sample = 'B'");
		is($output, 't', "$when: $name serves");
		like($messages, qr/^(WARNING:  53100 ?)+$/, "$when: $name warns");
	}
	my $before = stats('hits');
	is_deeply([ run_statements(q{SELECT length(cell_data('s', 'A'))}) ], [ 480_004, '' ], "$when: a ready payload is served without a warning");
	is(stats('hits') - $before, 1, "$when: a ready payload comes from the store");

	my ($output, $messages) = run_statements(q{SELECT outcome FROM cell_make_ready('s', 'C', 'compact', 'identity')});
	unlike($output, qr/^(packed|was ready)$|too large|changed/, "$when: cell_make_ready reports neither success nor another reason");
	like($messages, qr/53100/, "$when: cell_make_ready says why");
	(undef, $messages) = run_statements(q{CALL cell_prepare('s')});
	like($messages, qr/53100/, "$when: cell_prepare says why");

	# A transaction goes on, with its changes and without the payload's lock.
	($output, $messages) = run_statements(q{
		BEGIN;
		INSERT INTO note VALUES ('one');
		SELECT length(cell_data('s', 'B'));
		SAVEPOINT two;
		INSERT INTO note VALUES ('two');
		SELECT length(cell_data('s', 'C'));
		ROLLBACK TO two;
		SELECT length(cell_data('s', 'C'));
		SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 203;
		INSERT INTO note VALUES ('three');
		COMMIT;
		SELECT string_agg(text, ', ') FROM note;
		TRUNCATE note});
	is($output, "480004\n480004\n480004\n0\none, three", "$when: a transaction goes on");
	like($messages, qr/^(WARNING:  53100 ?)+$/, "$when: the transaction has only warnings");

	# Several sessions at once: each session that waits goes on.
	my @sessions = map
	{
		my $session = { output => '', errors => '' };
		$session->{run} = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', q{SELECT length(cell_data('s', 'D'))} ],
			'>', \$session->{output}, '2>', \$session->{errors});
		$session;
	} 1 .. 4;
	$_->{run}->finish foreach @sessions;
	is(join('', map { $_->{output} } @sessions), "480004\n" x 4, "$when: four sessions at once are served");

	run_statements(q{UPDATE cell SET x = x + 1 WHERE sample IN ('D', 'E') AND cell_id <= 10});
	is(differing(), 'none', "$when: all payloads are right after a change");
	is(stored() =~ s/^\d+//r, '|0|0', "$when: no payload is stored in part");
}

# There is room again.
fill_disk();
my $samples = $node->safe_psql('postgres', 'SELECT count(DISTINCT sample) FROM cell');
my (undef, $messages) = run_statements(q{CALL cell_prepare('s')});
is($messages, '', 'with room again: cell_prepare has no warnings');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT sample) FROM cell_payload WHERE layout = 'compact' AND coding = 'identity'}), $samples, 'with room again: all samples are stored');
is(stored() =~ s/^\d+//r, '|0|0', 'with room again: the store is consistent');
my $packings = stats('packings');
is(differing(), 'none', 'with room again: all payloads are right');
is(stats('packings'), $packings, 'with room again: no sample is packed once more');

$node->stop;
done_testing();
