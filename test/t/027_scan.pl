# The scan of src/scan returns the bytes and the errors that the executor returns, for random queries
# on random tables.
#
# test/t/scan_sameness.py describes the environment variables, such as SCAN_SEED and SCAN_TABLES.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use JSON::PP 'decode_json';
use PostgreSQL::Test::Utils;
use Test::More;

# In a small buffer cache, even small tables are read as large ones are, and would be read from different
# pages on, which changes the number of the first row with an error. Without autovacuum, a seed
# determines the pages.
my $node = start_node('scan', "max_prepared_transactions = 5\nshared_buffers = 1MB\nautovacuum = off\nsynchronize_seqscans = off");
plan skip_all => 'no file_fdw' if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'file_fdw'}) eq '0';
$node->safe_psql('postgres', q{
	CREATE EXTENSION file_fdw;
	CREATE SERVER nothing FOREIGN DATA WRAPPER file_fdw;
	\i test/include/scan_sameness.sql
});

local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres');
my $result = decode_json(scalar_of('/usr/bin/python3', 'test/t/scan_sameness.py'));
my ($counts, $wrong) = @$result{qw(counts wrong)};
diag("SCAN_SEED=$result->{seed}: $result->{tables} tables, $result->{seconds} seconds, ", join ', ', map { ($counts->{$_} // 0) . " $_" } 'compared', 'planned', 'ran', 'left to the executor', 'equal errors');
note(join ', ', map { "$_: $result->{done}{$_}" } sort keys %{ $result->{done} });
note('equal errors: ', join ', ', map { "$_: $result->{errors}{$_}" } sort keys %{ $result->{errors} });

my %tests = (
	'differences' => 'results and errors are the same with and without the scan',
	'unexpected errors' => 'all errors are those of rows that the aggregates refuse, or of a lack of privileges',
	'unplanned' => 'the planner chooses the scan wherever it must',
	'left' => 'the scan computes all that it must, without the executor',
	'not left' => 'the scan leaves serializable transactions to the executor',
	'setup errors' => 'the statements that make and change the tables succeed');
foreach my $kind (sort keys %tests)
{
	is($counts->{$kind} // 0, 0, $tests{$kind}) or diag(join "\n\n", @{ $wrong->{$kind} });
}
cmp_ok($counts->{compared}, '>=', 8 * $result->{tables}, 'there are over 8 comparisons for each table');
cmp_ok($counts->{ran}, '>', $counts->{compared} / 3, 'the scan computes over a third of the results');
cmp_ok($counts->{'equal errors'}, '>', $counts->{compared} / 20, 'over a twentieth of the results are errors');
SKIP:
{
	skip 'fewer than 1000 tables do not have all kinds', 1 if $result->{tables} < 1000;
	is_deeply($result->{never_done}, [], 'the scan computes some result for each kind of table and query');
}

$node->stop;
done_testing();
