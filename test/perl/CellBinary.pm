# What the Perl tests have in common.
package CellBinary;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(start_node shared_data scalar_of create_run blocks_of use_packages);

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

# Create the SQL function run(query), which tells whether statement_timeout
# stopped a query, and the milliseconds that it took, or outlasted the timeout.
sub create_run
{
	my ($node) = @_;
	$node->safe_psql('postgres', q{
		CREATE FUNCTION run(query text, OUT stopped boolean, OUT milliseconds float8) LANGUAGE plpgsql AS $$
		DECLARE
			start timestamptz := clock_timestamp();
		BEGIN
			BEGIN
				EXECUTE query;
				stopped := false;
			EXCEPTION WHEN query_canceled THEN
				stopped := true;
			END;
			milliseconds := 1000 * extract(epoch FROM clock_timestamp() - start -
				current_setting('statement_timeout')::interval * stopped::integer);
		END $$});
	return;
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

# The blocks of a document, in their order: where they are (section of ##, heading
# of any level), language, code, and the output that a "text" block after them
# gives. A block of Python continues the first one of its section, or the one before all sections.
sub blocks_of
{
	my ($document) = @_;
	my (@blocks, $section, $heading, $first);
	my $text = slurp_file($document);
	while ($text =~ /^(?:(#+) ([^\n]*)|```(\w*)\n(.*?)^```)$/msg)
	{
		my ($level, $title, $language, $code) = ($1, $2, $3, $4);
		if (defined $level)
		{
			$heading = $title;
			$first = undef if $level eq '##' && $first && defined $first->{section};
			$section = $title if $level eq '##';
		}
		elsif ($language eq 'text' && @blocks && !defined $blocks[-1]{output})
		{
			$blocks[-1]{output} = $code;
		}
		else
		{
			push @blocks, { section => $section, heading => $heading, language => $language, code => $code };
			next if $language ne 'python';
			$blocks[-1]{first} = $first;
			$first //= $blocks[-1];
		}
	}
	return @blocks;
}

# Let Python and Node find the packages of these sets that scripts/install-dependencies
# brought. Returns one that is not there, so that tests can be skipped; CI must have them.
sub use_packages
{
	my @folders = map { "/var/cache/cell_binary/$_" } @_;
	$ENV{PYTHONPATH} = join ':', map { "$_/python" } @folders;
	$ENV{NODE_PATH} = join ':', map { "$_/node_modules" } @folders;
	my ($missing) = grep { !-d } @folders;
	return ($ENV{CI} // '') eq 'true' ? undef : $missing;
}

1;
