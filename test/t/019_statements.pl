# No reader gets a payload that differs from the rows that it sees, while several writers run random
# statements of every kind on sources of every shape.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use JSON::PP 'decode_json';
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('statements', "max_prepared_transactions = 20\nautovacuum_naptime = 1s");
$node->safe_psql('postgres', qq{
	\\set samples 8
	\\i test/include/source_shapes.sql
});

local @ENV{qw(PGHOST PGPORT PGDATABASE)} = ($node->host, $node->port, 'postgres');
my $result = decode_json(scalar_of('/usr/bin/python3', 'test/t/statements_fuzz.py'));
diag("STATEMENTS_SEED=$result->{seed}: ", join ', ', map { "$result->{$_} $_" } qw(seconds statements compared incomparable hits misses direct waits));
note(join ', ', map { "$_: $result->{done}{$_}" } sort keys %{ $result->{done} });
note('failures of writers: ', join ', ', map { "$_: $result->{failures}{$_}" } sort keys %{ $result->{failures} });

is($result->{stale}, 0, 'no reader gets a stale payload') or diag(join "\n", @{ $result->{wrong} });
is_deeply($result->{reader_errors}, [], 'readers have no errors');
is_deeply($result->{writer_errors}, [], 'writers have only the errors that concurrent writers must expect');
is_deeply($result->{never_done}, [], 'each kind of statement and transaction succeeded at least once');
cmp_ok($result->{statements}, '>', 200, 'there were over 200 statements');
cmp_ok($result->{compared}, '>', 1000, 'there were over 1000 comparisons');
cmp_ok($result->{hits}, '>=', 0.2 * ($result->{hits} + $result->{misses} + $result->{direct}), 'at least a fifth of the payloads came from the store');

$node->stop;
done_testing();
