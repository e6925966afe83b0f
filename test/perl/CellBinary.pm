# What the Perl tests have in common.
package CellBinary;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(start_node shared_data scalar_of);

# A running server with the extension in database postgres.
sub start_node
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', "fsync = off\nmax_wal_size = 4GB\n");
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION cell_binary');
	return $node;
}

# The folder with the real input data, or undef where there is none.
sub shared_data
{
	return -d '../shared/data' ? '../shared/data' : undef;
}

# The output of a command, or an exception.
sub scalar_of
{
	my @command = @_;
	open(my $pipe, '-|', @command) or die "cannot run @command: $!";
	local $/;
	my $output = <$pipe>;
	close($pipe) or die "@command failed";
	return $output;
}

1;
