# Random statements of every kind on sources of every shape, by several writers at once:
# no reader is ever served a payload that differs from the rows that he sees.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use JSON::PP 'decode_json';
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('statements');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nmax_wal_size = 4GB\nmax_prepared_transactions = 20\nautovacuum_naptime = 1s\n");
$node->start;
$node->safe_psql('postgres', qq{
	CREATE EXTENSION cell_binary;
	\\set samples 8
	\\i test/include/source_shapes.sql
});

local @ENV{qw(PGHOST PGPORT PGDATABASE)} = ($node->host, $node->port, 'postgres');
my $result = decode_json(scalar_of('/usr/bin/python3', 'test/t/statements_fuzz.py'));
diag("STATEMENTS_SEED=$result->{seed}: ", join ', ', map { "$result->{$_} $_" } qw(seconds statements compared incomparable hits misses direct waits));
note(join ', ', map { "$_: $result->{done}{$_}" } sort keys %{ $result->{done} });
note('failures of writers: ', join ', ', map { "$_: $result->{failures}{$_}" } sort keys %{ $result->{failures} });

is($result->{stale}, 0, 'nobody is served what is stale') or diag(join "\n", @{ $result->{wrong} });
is_deeply($result->{reader_errors}, [], 'readers: no errors');
is_deeply($result->{writer_errors}, [], 'writers: no errors but those of several writers');
is_deeply($result->{never_done}, [], 'each kind of statement and transaction was done');
cmp_ok($result->{statements}, '>', 200, 'enough statements');
cmp_ok($result->{compared}, '>', 1000, 'enough comparisons');
cmp_ok($result->{hits}, '>=', 0.2 * ($result->{hits} + $result->{misses} + $result->{direct}), 'many payloads came from the store');

$node->stop;
done_testing();
