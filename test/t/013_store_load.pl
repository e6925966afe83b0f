# Many sessions at once: one session packs and all get the same payload; while a writer changes the
# cells, each session gets the cells of its own snapshot.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use JSON::PP 'decode_json';
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('store_load');
$node->safe_psql('postgres', q{
	CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint, intensities real[], PRIMARY KEY (sample, cell_id));
	CREATE TABLE large (LIKE cell);
	INSERT INTO large SELECT 'large', i, i, i, i, ARRAY[i % 1000 / 1000.0, 0.5, 0.25] FROM generate_series(1, 1000000) i;
	INSERT INTO large SELECT 'sample ' || s, i, i, i, i, ARRAY[i / 10000.0, 0.5, 0.25] FROM generate_series(1, 19) s, generate_series(1, 5000) i;
	INSERT INTO cell SELECT 'small ' || s, i, 0, i, i, ARRAY[0, i / 3000.0] FROM generate_series(1, 4) s, generate_series(1, 500 * s) i;
	SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a,b}', intensities => 'intensities', subsample_cells => 300);
	SELECT cell_register_study('large', 'large', phenotypes => 'phenotypes', features => '{a,b,c}', intensities => 'intensities');
	ANALYZE large, cell;
	ALTER SYSTEM SET deadlock_timeout = '100ms';
	SELECT pg_reload_conf()});

sub load
{
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres', PGUSER => 'postgres');
	return decode_json(scalar_of('/usr/bin/python3', 'test/t/store_load.py', @_));
}

# The session that packs is stopped until the other 63 wait. Then the fault happens to it.
foreach my $case ((map { [ $_, 'compact' ] } qw(none client terminate cancel)),
	map { ([ 'none', $_ ], [ 'terminate', $_ ]) } qw(intensity subsample))
{
	my ($fault, $layout) = @$case;
	$node->safe_psql('postgres', q{SELECT cell_invalidate('large')});
	my $result = load('sessions', 64, $fault, $layout);
	my $what = "64 sessions, layout $layout, fault of the first: $fault";
	is_deeply($result->{errors}, [], "$what: the others have no errors");
	is($result->{results}, $fault eq 'none' ? 64 : 63, "$what: all others have a result");
	is($result->{distinct}, 1, "$what: all results are the same");
	ok($result->{right}, "$what: the result is right");
	is($result->{packings}, 1, "$what: the payload is packed once");
	is($result->{most_at_once}, 1, "$what: one session at a time packs");
}

my $result = load('writers', 30);
note(join ', ', map { "$_ $result->{$_}" } qw(compared intensity subsample hits misses waits direct packings commits));
is_deeply($result->{errors}, [], 'a writer and 8 readers: there are no errors');
foreach my $name (qw(stale torn uncommitted deadlocks))
{
	is($result->{$name}, 0, "a writer and 8 readers: 0 $name");
}
foreach my $name (qw(compared intensity subsample hits misses commits))
{
	cmp_ok($result->{$name}, '>', 20, "a writer and 8 readers: over 20 $name");
}

$node->stop;
done_testing();
