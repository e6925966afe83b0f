# Studies survive pg_upgrade, and pg_dump and pg_restore by superusers and by the database's owner,
# with the same bytes and ETags.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use File::Basename 'dirname';
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('origin');
my $other = PostgreSQL::Test::Cluster->new('target');
foreach my $server ($node, $other)
{
	$server->init;
	$server->start;
	$server->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE DATABASE lab OWNER owner');
}
my @as_owner = (extra_params => [ '-U', 'owner' ]);

# A table, a partitioned table, a stored view, and a study whose source was dropped. Some names need
# quotes. The extension has its own schema.
$node->safe_psql('lab', q{
	CREATE SCHEMA "the imaging";
	CREATE EXTENSION cell_binary SCHEMA "the imaging";
	SET search_path = public, "the imaging";
	CREATE TABLE "Cell table" (sample text, cell_id bigint, x float8, y float8, "CD3 ""e""" boolean, cd8 integer,
		"the intensities" real[], PRIMARY KEY (sample, cell_id));
	INSERT INTO "Cell table" SELECT 'sample ' || i % 4, i, i * 1.25, i % 17 - 3.5, i % 3 = 0, i % 2, ARRAY[i % 19 / 19.0, i % 23 / 23.0] FROM generate_series(1, 5000) i;
	SELECT cell_register_study('the "study"', '"Cell table"', feature_columns => '{"CD3 \"e\"",cd8}', features => '{CD3 é,CD8}', intensities => 'the intensities');
	CREATE TABLE part (sample integer, cell_id bigint, x integer, y integer, phenotypes bigint) PARTITION BY LIST (sample);
	CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
	CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
	INSERT INTO part SELECT 1 + i % 2, i, i, i, i FROM generate_series(1, 5000) i;
	SELECT cell_register_study('part', 'part', phenotypes => 'phenotypes', features => '{a,b}');
	CREATE VIEW seen AS SELECT sample, max(cell_id) AS cell_id, x, y, phenotypes FROM part GROUP BY sample, x, y, phenotypes;
	SELECT cell_register_study('view', 'seen', phenotypes => 'phenotypes', features => '{a,b}', store => true);
	CREATE TABLE gone AS TABLE part;
	SELECT cell_register_study('gone', 'gone', phenotypes => 'phenotypes', features => '{a}');
	DROP TABLE gone;
	SELECT count(cell_data('part', sample)) FROM cell_samples('part') sample}, @as_owner);

my $contents = q{
	SET search_path = public, "the imaging";
	SELECT study, sample, layout, coding, head.*, md5(cell_data(study, sample, layout, coding))
	FROM unnest(ARRAY['the "study"', 'part', 'view']) study, cell_samples(study) sample,
		unnest('{compact,spt,dense,arrow}'::text[]) layout, unnest('{identity,gzip}'::text[]) coding,
		cell_data_head(study, sample, layout, coding) head ORDER BY 1, 2, 3, 4;
	SELECT study, names.* FROM unnest(ARRAY['the "study"', 'part']) study, cell_feature_names(study) names;
	SELECT cell_subsample_metadata('the "study"', 100), cell_subsample('the "study"', 100, 3);
	SELECT id, study, store, registered_by FROM cell_study ORDER BY id;
	SELECT tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname LIKE 'cell_binary%' ORDER BY 1, 2};
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
		SELECT id > 4 FROM cell_study WHERE study = 'next';
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
	my $new = PostgreSQL::Test::Cluster->new('upgraded');
	$new->init;
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
