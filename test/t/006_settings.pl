# cell_binary.max_payload_size: a role cannot lift the limit that an administrator set for it.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('settings');
my $limit = 'cell_binary.max_payload_size';
my $pack_2000 = 'SELECT octet_length(cell_pack(i, i, i)) FROM generate_series(1, 2000) i';
$node->safe_psql('postgres', qq{
	CREATE ROLE api LOGIN;
	CREATE ROLE dba LOGIN;
	ALTER ROLE api SET $limit = '16kB';
	GRANT SET ON PARAMETER $limit TO dba});

# Run statements as a role. Return their output, or the SQLSTATE of the error.
sub as
{
	my ($role, $sql, %environment) = @_;
	local %ENV = (%ENV, %environment);
	my ($status, $output, $errors) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$sql", extra_params => [ '-U', $role ]);
	return $status == 0 ? $output : ($errors =~ /ERROR:  (\w{5})/)[0];
}

is(as('api', $pack_2000), '54000', 'ALTER ROLE ... SET limits the role');
is(as('api', $pack_2000 =~ s/2000/1023/r), '16372', 'a payload within the limit is packed');
is(as('dba', $pack_2000), '32004', 'other roles have the default');

# The role cannot lift the limit, whether the library is loaded or not.
is(as('api', "SELECT cell_empty(); SET $limit = '1GB'") =~ s/^.*\n//r, '42501', 'SET is refused once the library is loaded');
is(as('api', "$pack_2000; SET $limit = '1GB'"), '54000', 'SET after a call does not lift the limit for that call');
is(as('api', "SET $limit = '1GB'; $pack_2000"), '54000', 'SET before the first call is discarded');
is(as('api', "SELECT set_config('$limit', '1GB', false); $pack_2000") =~ s/^.*\n//r, '54000', 'set_config before the first call is discarded');
is(as('api', "ALTER ROLE api SET $limit = '1GB'"), '42501', 'ALTER ROLE is refused');
is(as('api', "SELECT cell_empty(); RESET $limit") =~ s/^.*\n//r, '42501', 'RESET is refused');

# A role that was granted SET on the parameter can set its own limit.
is(as('dba', "SET $limit = '16kB'; $pack_2000"), '54000', 'a role with the privilege SET lowers its limit');
is(as('dba', "SET $limit = '16kB'; SET $limit = '1GB'; $pack_2000"), '32004', 'a role with the privilege SET raises it again');

# A connection option is an error at the first call, also behind a SET
is(as('api', $pack_2000, PGOPTIONS => "-c $limit=1GB"), '42501', 'a connection option is refused');
is(as('api', "SET $limit = '1GB'; $pack_2000", PGOPTIONS => "-c $limit=1GB"), '42501', 'a connection option is refused after SET');
is(as('dba', "SET $limit = '1GB'; $pack_2000", PGOPTIONS => "-c $limit=16kB"), '32004', 'a role with the privilege SET can use one');

# SET LOCAL in a transaction that is rolled back
is(as('postgres', "LOAD 'cell_binary'; BEGIN; SET LOCAL $limit = '16kB'; ROLLBACK; $pack_2000"), '32004', 'SET LOCAL ends with the transaction');

# SET in CREATE FUNCTION
$node->safe_psql('postgres', qq{
	LOAD 'cell_binary';
	CREATE FUNCTION small() RETURNS integer LANGUAGE sql SET $limit = '16kB' AS '$pack_2000'});
is(as('postgres', 'SELECT small()'), '54000', 'SET in CREATE FUNCTION limits the function');

# If the server preloads the library, a connection option is refused at the start of the session.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cell_binary'");
$node->restart;
my ($status, $output, $errors);
{
	local $ENV{PGOPTIONS} = "-c $limit=1GB";
	($status, $output, $errors) = $node->psql('postgres', $pack_2000, extra_params => [ '-U', 'api' ]);
}
like($errors, qr/FATAL:  permission denied to set parameter "\Q$limit\E"/, 'preloaded: a connection option is refused');
is(as('api', $pack_2000), '54000', 'preloaded: the limit of a role is effective');
is(as('dba', $pack_2000), '32004', 'preloaded: other roles have the default');

$node->stop;
done_testing();
