# Payloads from a partition that is a foreign table are not stored, because another server can
# change it unnoticed; writes through its parent work as before.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('foreign');
plan skip_all => 'no postgres_fdw' if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) eq '0';
my ($host, $port) = ($node->host, $node->port);
$node->safe_psql('postgres', 'CREATE DATABASE far');
$node->safe_psql('far', q{CREATE TABLE cell_far (sample text, cell_id bigint, x integer, y integer, phenotypes bigint);
	INSERT INTO cell_far SELECT 'far', i, i, i, i FROM generate_series(1, 100) i});
$node->safe_psql('postgres', qq{
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'far');
	CREATE USER MAPPING FOR CURRENT_USER SERVER far;
	CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint) PARTITION BY LIST (sample);
	CREATE TABLE cell_near PARTITION OF cell FOR VALUES IN ('near');
	CREATE TABLE cell_next PARTITION OF cell FOR VALUES IN ('next');
	INSERT INTO cell SELECT s, i, i, i, i FROM generate_series(1, 100) i, unnest('{near,next}'::text[]) s;
	SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a}');
	CALL cell_prepare('s');
	CREATE FOREIGN TABLE cell_far (sample text, cell_id bigint, x integer, y integer, phenotypes bigint) SERVER far;
	ALTER TABLE cell ATTACH PARTITION cell_far FOR VALUES IN ('far')});

# The samples whose payload differs from the result of cell_pack
sub differences
{
	return $node->safe_psql('postgres', q{
		SELECT coalesce(string_agg(sample, ' '), 'none') FROM cell_samples('s') s (sample)
		WHERE cell_data('s', sample) <> (SELECT cell_pack(cell_id, x, y, phenotypes) FROM cell WHERE cell.sample = s.sample)});
}

is(differences(), 'none', 'payloads are right after a foreign partition is attached');
foreach my $statement (
	q{INSERT INTO cell VALUES ('near', 101, 1, 1, 1), ('far', 101, 1, 1, 1)},
	q{UPDATE cell SET x = x + 1 WHERE cell_id < 10},
	q{UPDATE cell SET sample = 'far', cell_id = 2020 WHERE sample = 'near' AND cell_id = 20},
	q{UPDATE cell SET sample = 'next', cell_id = 1000 + cell_id WHERE sample = 'near' AND cell_id < 5},
	q{DELETE FROM cell WHERE cell_id = 30},
	q{WITH moved AS (DELETE FROM cell WHERE cell_id = 40 RETURNING *) INSERT INTO cell SELECT 'far', 5000, x, y, phenotypes FROM moved LIMIT 1},
	qq{COPY cell FROM stdin;\nnear\t200\t1\t1\t1\nfar\t200\t1\t1\t1\n\\.\n})
{
	my ($status, undef, $errors) = $node->psql('postgres', $statement);
	is("$status $errors", '0 ', "through the parent: $statement");
	is(differences(), 'none', 'payloads are right after the statement');
}
$node->safe_psql('far', 'UPDATE cell_far SET y = -1');
is(differences(), 'none', 'payloads are right after a change by the other server');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT sample, ' ') FROM cell_payload}), 'near next', 'payloads from other partitions are stored');

my (undef, undef, $errors) = $node->psql('postgres', q{CALL cell_prepare('s', 'far')});
like($errors, qr/payloads of study "s" cannot be stored\nDETAIL:  Table "cell_far" is a foreign table/, 'cell_prepare names the partition');
unlike($errors, qr/cell_track_study/, 'cell_prepare gives no hint, because cell_track_study would not help');
is(($node->psql('postgres', q{SELECT cell_track_study('s')}))[0], 0, 'cell_track_study ignores the foreign partition');
is(differences(), 'none', 'payloads are right after cell_track_study');

(undef, undef, $errors) = $node->psql('postgres', q{SELECT cell_register_study('stored', 'cell', phenotypes => 'phenotypes', features => '{a}', store => true)});
like($errors, qr/payloads of "cell" cannot be stored\nDETAIL:  Table "cell_far" is a foreign table/, 'store => true is refused');
is($node->safe_psql('postgres', q{
	SELECT cell_register_study('default', 'cell', phenotypes => 'phenotypes', features => '{a}');
	SELECT store FROM cell_studies WHERE study = 'default'}), "\nf", 'store is false by default');
is($node->safe_psql('postgres', q{
	ALTER TABLE cell DETACH PARTITION cell_far;
	INSERT INTO cell_far VALUES ('far', 7000, 1, 1, 1);
	SELECT count(*) FROM pg_trigger WHERE tgrelid = 'cell_far'::regclass}), '0', 'a detached foreign table has no triggers');

$node->stop;
done_testing();
