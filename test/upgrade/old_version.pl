# A server of an older PostgreSQL that has studies and payloads in the store is upgraded with
# pg_upgrade. Studies, triggers, bytes and ETags stay the same, and the triggers notice changes.
#
# OLD_POSTGRESQL is the installation of the older version, with the extension of this tree: the
# folder that contains its bin and lib. scripts/matrix provides one.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use File::Basename 'dirname';
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'OLD_POSTGRESQL names no older PostgreSQL' if !$ENV{OLD_POSTGRESQL};

my ($bindir, $old_bindir) = (dirname(scalar_of('bash', '-c', 'command -v postgres')), "$ENV{OLD_POSTGRESQL}/bin");
my ($version, $new_version) = map { scalar_of("$_/postgres", '--version') =~ /([\d.]+\w*)/ } $old_bindir, $bindir;

# Stop an old server, and upgrade it. Return the new server, which has not been started, or undef and
# the output of pg_upgrade.
sub upgraded
{
	my ($old, $name) = @_;
	# From 18 on, servers have checksums by default. Both servers must agree.
	my $checksums = $old->safe_psql('postgres', 'SHOW data_checksums');
	my ($major) = $new_version =~ /^(\d+)/;
	my $new = new_node($name, extra => [ $checksums eq 'off' && $major >= 18 ? '--no-data-checksums' : () ]);
	$old->stop;
	my $output;
	my $ok = IPC::Run::run([ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $old_bindir,
		'-B', $bindir, '-s', $new->host, '-p', $old->port, '-P', $new->port ], '>&', \$output);
	return ($ok ? $new : undef, $output);
}

my $old = new_node('old', install_path => $ENV{OLD_POSTGRESQL});
$old->start;
$old->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE DATABASE lab OWNER owner');
$old->safe_psql('lab', slurp_file('test/include/lab.sql'), extra_params => [ '-U', 'owner' ]);

my $contents = slurp_file('test/include/lab_contents.sql');
my $expected = $old->safe_psql('lab', $contents);
cmp_ok(scalar(split /\n/, $expected), '>', 60, "$version: there is something to upgrade");
my $stored = q{SELECT count(*) > 0 FROM "the imaging".cell_payload};
is($old->safe_psql('lab', $stored), 't', "$version: payloads are stored");

my ($new, $output) = upgraded($old, 'new');
if (!$new)
{
	# An older minor version may not know what a newer minor version of an older PostgreSQL writes.
	my $plain = new_node('plain', install_path => $ENV{OLD_POSTGRESQL});
	$plain->start;
	$plain->safe_psql('postgres', 'CREATE TABLE plain (a integer)');
  SKIP:
	{
		skip "pg_upgrade from $version to $new_version fails without the extension, too", 1
			if !(upgraded($plain, 'plain_new'))[0];
		fail("pg_upgrade from $version to $new_version");
		diag($output);
	}
	done_testing();
	exit;
}
pass("pg_upgrade from $version to $new_version");
$new->start;

is($new->safe_psql('lab', $contents), $expected, "$version to $new_version: studies, triggers, bytes and ETags are the same");
is($new->safe_psql('lab', q{
	SET search_path = public, "the imaging";
	UPDATE part SET x = -x WHERE sample = 1;
	UPDATE part_2 SET x = -x;
	SELECT cell_data('part', sample) = (SELECT cell_pack(cell_id, x, y, phenotypes) FROM part WHERE part.sample::text = s.sample)
	FROM cell_samples('part') s (sample)}), "t\nt", "$version to $new_version: changes are noticed");
is($new->safe_psql('lab', q{
	SET search_path = public, "the imaging";
	SELECT cell_drop_study('gone');
	SELECT cell_register_study('next', 'part', phenotypes => 'phenotypes', features => '{a}');
	SELECT id > 5 FROM cell_study WHERE study = 'next'}), "\n\nt", "$version to $new_version: studies are dropped and registered");

$new->stop;
done_testing();
