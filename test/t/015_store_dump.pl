# Studies survive pg_upgrade, and pg_dump and pg_restore by superusers and by the database's owner,
# with the same bytes and ETags.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use File::Basename 'dirname';
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('origin');
my $other = new_node('target');
foreach my $server ($node, $other)
{
	$server->start;
	$server->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE DATABASE lab OWNER owner');
}
my @as_owner = (extra_params => [ '-U', 'owner' ]);

$node->safe_psql('lab', slurp_file('test/include/lab.sql'), @as_owner);
my $contents = slurp_file('test/include/lab_contents.sql');
my $expected = $node->safe_psql('lab', $contents);
cmp_ok(scalar(split /\n/, $expected), '>', 60, 'there is something to restore');

# Check that a database has the contents, notices changes, and can drop and register studies.
sub is_alive
{
	my ($server, $database, $how) = @_;
	is($server->safe_psql($database, $contents), $expected, "$how: bytes, ETags, studies and triggers are the same");
	is($server->safe_psql($database, q{
		SET search_path = public, "the imaging";
		UPDATE part SET x = -x WHERE sample = 1;
		UPDATE part_2 SET x = -x;
		SELECT cell_data('part', sample) = (SELECT cell_pack(cell_id, x, y, phenotypes) FROM part WHERE part.sample::text = s.sample)
		FROM cell_samples('part') s (sample);
		SELECT misses > 0 FROM cell_store_stats WHERE study = 'part';
		UPDATE part SET x = -x}), "t\nt\nt", "$how: changes are noticed");
	is($server->safe_psql($database, q{
		SET search_path = public, "the imaging";
		SELECT cell_drop_study('gone');
		SELECT cell_register_study('next', 'part', phenotypes => 'phenotypes', features => '{a}');
		SELECT id > 5 FROM cell_study WHERE study = 'next';
		SELECT cell_drop_study('next')}), "\n\nt\n", "$how: studies are dropped and registered");
}

foreach my $format (qw(custom plain))
{
	foreach my $user ('postgres', 'owner')
	{
		my $file = "$ENV{TESTDIR}/store_dump.$format";
		command_ok([ 'pg_dump', '-U', $user, '-d', $node->connstr('lab'), "--format=$format", '-f', $file ], "pg_dump, $format, by $user");
		my $database = "restored_${format}_$user";
		$other->safe_psql('postgres', "CREATE DATABASE $database OWNER owner");
		command_ok(
			$format eq 'custom'
			? [ 'pg_restore', '-U', $user, '--exit-on-error', '-d', $other->connstr($database), $file ]
			: [ 'psql', '-U', $user, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $other->connstr($database), '-f', $file ],
			"restore, $format, by $user");
		is_alive($other, $database, "$format, by $user");
		unlink $file;
	}
}

# A table that is loaded with disabled triggers is not tracked until cell_track_study is called.
{
	my $database = 'restored_custom_owner';
	my $file = "$ENV{TESTDIR}/store_dump.data";
	$other->safe_psql($database, q{SELECT "the imaging".cell_data('part', '1')});
	command_ok([ 'pg_dump', '-d', $node->connstr('lab'), '--data-only', '--table=part*', '--format=custom', '-f', $file ], 'pg_dump, data only');
	$other->safe_psql($database, 'DELETE FROM part');
	command_ok([ 'pg_restore', '--data-only', '--disable-triggers', '-d', $other->connstr($database), $file ], 'pg_restore with disabled triggers');
	unlink $file;
	my $same = q{SET search_path = public, "the imaging"; UPDATE part SET y = y + 1;
		SELECT cell_data('part', '1') = (SELECT cell_pack(cell_id, x, y, phenotypes) FROM part WHERE sample = 1)};
	is($other->safe_psql($database, $same), 't', 'disabled triggers: the payload is right after a change');
	is($other->safe_psql($database, $same), 't', 'disabled triggers: the payload is right after another change');
	my $ready = q{SELECT (outcome).outcome FROM (SELECT "the imaging".cell_make_ready('part', '1', 'compact', 'identity') outcome) made};
	my (undef, undef, $errors) = $other->psql($database, $ready);
	like($errors, qr/cannot be stored.*cell_track_study/s, 'disabled triggers: payloads cannot be stored');
	$other->safe_psql($database, q{SELECT "the imaging".cell_track_study('part')});
	is($other->safe_psql($database, $ready), 'packed', 'payloads are stored again after cell_track_study');
}

# pg_upgrade to the same version restores the catalogs and keeps the files.
{
	my $new = new_node('upgraded');
	is_alive($node, 'lab', 'origin');
	$node->safe_psql('lab', q{
		SET search_path = public, "the imaging";
		DROP VIEW seen; SELECT cell_drop_study('view')});
	$expected = $node->safe_psql('lab', $contents =~ s/, 'view'//r);
	$contents =~ s/, 'view'//;
	$node->stop;
	my $bindir = dirname(scalar_of('bash', '-c', 'command -v postgres'));
	command_ok([ 'pg_upgrade', '--no-sync', '-d', $node->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir,
		'-s', $new->host, '-p', $node->port, '-P', $new->port ], 'pg_upgrade');
	$new->start;
	is($new->safe_psql('lab', $contents), $expected, 'upgraded: bytes and ETags are the same');
	$new->safe_psql('lab', q{UPDATE part SET x = 5 WHERE sample = 1});
	is($new->safe_psql('lab', q{
		SET search_path = public, "the imaging";
		SELECT cell_data('part', '1') = (SELECT cell_pack(cell_id, x, y, phenotypes) FROM part WHERE sample = 1)}), 't', 'upgraded: changes are noticed');
	$new->stop;
}
$other->stop;
done_testing();
