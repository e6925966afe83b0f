# Servers of older PostgreSQL that have studies and payloads in the store are upgraded with
# pg_upgrade. Studies, triggers, bytes and ETags stay the same, and the triggers notice changes.
#
# OLD_POSTGRESQL lists the installations of older versions, with the extension of this tree: the
# folders that contain bin and lib, with spaces between them. scripts/matrix provides them.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use File::Basename 'dirname';
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'OLD_POSTGRESQL names no older PostgreSQL' if !$ENV{OLD_POSTGRESQL};

my $bindir = dirname(scalar_of('bash', '-c', 'command -v postgres'));
my $contents = slurp_file('test/include/lab_contents.sql');

sub version_of
{
	my ($folder) = @_;
	my ($version) = scalar_of("$folder/postgres", '--version') =~ /(\d[\d.]*\w*)/;
	return $version;
}

# Create and start a server of an older PostgreSQL.
sub start_old
{
	my ($installation, $name) = @_;
	my $node = new_node($name, install_path => $installation);
	$node->start;
	return $node;
}

# Stop a server of an older PostgreSQL, and upgrade it. Return the new server, which has not been
# started, or undef; and the output of pg_upgrade.
sub upgraded
{
	my ($old, $installation) = @_;
	# From 18 on, servers have checksums by default. Both servers must agree.
	my $checksums = $old->safe_psql('postgres', 'SHOW data_checksums');
	my ($major) = version_of($bindir) =~ /^(\d+)/;
	my $new = new_node($old->name . '_upgraded', extra => [ $checksums eq 'off' && $major >= 18 ? '--no-data-checksums' : () ]);
	$old->stop;
	my $output;
	my $ok = IPC::Run::run([ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', "$installation/bin",
		'-B', $bindir, '-s', $new->host, '-p', $old->port, '-P', $new->port ], '>&', \$output);
	return ($ok ? $new : undef, $output);
}

foreach my $installation (split ' ', $ENV{OLD_POSTGRESQL})
{
	my $version = version_of("$installation/bin");
	my $how = "$version to " . version_of($bindir);
	my $old = start_old($installation, "from_$version" =~ s/\W/_/gr);
	$old->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE DATABASE lab OWNER owner');
	$old->safe_psql('lab', slurp_file('test/include/lab.sql'), extra_params => [ '-U', 'owner' ]);
	my $expected = $old->safe_psql('lab', $contents);
	cmp_ok(scalar(split /\n/, $expected), '>', 60, "$how: there is something to upgrade");
	is($old->safe_psql('lab', q{SELECT count(*) > 0 FROM "the imaging".cell_payload}), 't', "$how: payloads are stored");

	my ($new, $output) = upgraded($old, $installation);
  SKIP:
	{
		# A minor version may not know what a newer minor version of an older PostgreSQL has written.
		if (!$new)
		{
			my $plain = start_old($installation, "plain_$version" =~ s/\W/_/gr);
			$plain->safe_psql('postgres', 'CREATE TABLE plain (a integer)');
			my ($plain_new) = upgraded($plain, $installation);
			skip "pg_upgrade from $how fails without the extension, too", 1 if !$plain_new;
		}
		if (!ok($new, "$how: pg_upgrade"))
		{
			diag($output);
			last;
		}
		$new->start;
		is($new->safe_psql('lab', $contents), $expected, "$how: studies, triggers, bytes and ETags are the same");
		is($new->safe_psql('lab', q{
			SET search_path = public, "the imaging";
			UPDATE part SET x = -x WHERE sample = 1;
			UPDATE part_2 SET x = -x;
			SELECT cell_data('part', sample) = (SELECT cell_pack(cell_id, x, y, phenotypes) FROM part WHERE part.sample::text = s.sample)
			FROM cell_samples('part') s (sample)}), "t\nt", "$how: changes are noticed");
		is($new->safe_psql('lab', q{
			SET search_path = public, "the imaging";
			SELECT cell_drop_study('gone');
			SELECT cell_register_study('next', 'part', phenotypes => 'phenotypes', features => '{a}');
			SELECT id > 5 FROM cell_study WHERE study = 'next'}), "\n\nt", "$how: studies are dropped and registered");
		$new->stop;
	}
}
done_testing();
