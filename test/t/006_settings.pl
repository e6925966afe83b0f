# cell_binary.max_payload_size on roles, and its guard against the role itself.
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

# The output, or the SQLSTATE, as a role.
sub as
{
	my ($role, $sql, %environment) = @_;
	local %ENV = (%ENV, %environment);
	my ($status, $output, $errors) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$sql", extra_params => [ '-U', $role ]);
	return $status == 0 ? $output : ($errors =~ /ERROR:  (\w{5})/)[0];
}

is(as('api', $pack_2000), '54000', 'a limit that the DBA put on a role holds');
is(as('api', $pack_2000 =~ s/2000/1023/r), '16372', 'and what is within it is packed');
is(as('dba', $pack_2000), '32004', 'other roles have the default');

# The role can't lift it: once the library is loaded, before it is, or with
# the connection.
is(as('api', "SELECT cell_empty(); SET $limit = '1GB'") =~ s/^.*\n//r, '42501', 'SET');
is(as('api', "$pack_2000; SET $limit = '1GB'"), '54000', 'SET after use');
is(as('api', "SET $limit = '1GB'; $pack_2000"), '54000', 'SET before the first use');
is(as('api', "SELECT set_config('$limit', '1GB', false); $pack_2000") =~ s/^.*\n//r, '54000', 'set_config before the first use');
is(as('api', "ALTER ROLE api SET $limit = '1GB'"), '42501', 'ALTER ROLE');
is(as('api', "SELECT cell_empty(); RESET $limit") =~ s/^.*\n//r, '42501', 'RESET');

# A role that was granted SET can, for itself.
is(as('dba', "SET $limit = '16kB'; $pack_2000"), '54000', 'granted SET');
is(as('dba', "SET $limit = '16kB'; SET $limit = '1GB'; $pack_2000"), '32004', 'granted SET, and back');

# In a transaction that is rolled back
is(as('postgres', "LOAD 'cell_binary'; BEGIN; SET LOCAL $limit = '16kB'; ROLLBACK; $pack_2000"), '32004', 'SET LOCAL');

# On a function
$node->safe_psql('postgres', qq{
	LOAD 'cell_binary';
	CREATE FUNCTION small() RETURNS integer LANGUAGE sql SET $limit = '16kB' AS '$pack_2000'});
is(as('postgres', 'SELECT small()'), '54000', 'on a function');

# With a connection option, a role can push its own limit aside before the
# library is loaded; not if the server loads it at its start.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cell_binary'");
$node->restart;
my ($status, $output, $errors);
{
	local $ENV{PGOPTIONS} = "-c $limit=1GB";
	($status, $output, $errors) = $node->psql('postgres', $pack_2000, extra_params => [ '-U', 'api' ]);
}
like($errors, qr/FATAL:  permission denied to set parameter "\Q$limit\E"/, 'preloaded: connection option');
is(as('api', $pack_2000), '54000', 'preloaded: the limit on a role holds');
is(as('dba', $pack_2000), '32004', 'preloaded: other roles have the default');

$node->stop;
done_testing();
