# Helpers of the tests in test/t.
package CellBinary;

use strict;
use warnings;
use Cwd ();
use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'usleep';

our @EXPORT = qw(new_node start_node wait_for_recovery shared_data load_csv smprofiler_dump scalar_of create_run run_benchmark
	blocks_of use_packages has_program);

# Create the data directory of a server, with options for PostgreSQL::Test::Cluster's new and init.
# The encoding and the sort order are the same on each machine.
sub new_node
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name, %options);
	$node->init(%options, extra => [ '--encoding=UTF8', '--no-locale', @{ $options{extra} // [] } ]);
	return $node;
}

# Start a server, with more settings if any are given, and install the extension in its database
# postgres.
sub start_node
{
	my ($name, $settings) = @_;
	my $node = new_node($name);
	$node->append_conf('postgresql.conf', "fsync = off\nmax_wal_size = 4GB\n" . ($settings // ''));
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION cell_binary');
	return $node;
}

# Wait until a server that has crashed accepts connections again. psql would not do: if it cannot
# connect, it ends before it reads its input, and then IPC::Run can fail with "Broken pipe".
sub wait_for_recovery
{
	my ($node) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if system('pg_isready', '-q', '-h', $node->host, '-p', $node->port) == 0;
		usleep(100_000);
	}
	die 'the server did not come back';
}

# Create the SQL function run(query). It returns whether statement_timeout stopped the query, and
# the milliseconds that the query took or, if it was stopped, outlasted the timeout.
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

# The folder with the real input data, or undef if it does not exist
sub shared_data
{
	return -d '../shared/data' ? '../shared/data' : undef;
}

# Load a CSV file into the table csv of a database, as the demo does. Return its header line.
sub load_csv
{
	my ($node, $database, $path) = @_;
	my ($header) = split /\n/, slurp_file($path);
	system_or_bail('psql', '-X', '-q', '-d', $node->connstr($database), '-v', 'ON_ERROR_STOP=1',
		'-v', "header=$header", '-v', 'path=' . Cwd::abs_path($path), '-f', 'demo/csv_load.sql');
	return $header;
}

# The cells in the dump of SMProfiler's fixture, in hexadecimal
sub smprofiler_dump
{
	my ($fixture) = @_;
	my $dump = '';
	foreach my $line (split /\n/, slurp_file("$fixture/celldata.dump"))
	{
		my ($octets) = $line =~ /^[0-9a-f]+: ((?:[01]{8} ){1,20})/ or die "unexpected line $line";
		$dump .= join('', map { sprintf '%02x', oct("0b$_") } split ' ', $octets);
	}
	return $dump;
}

# The output of a command. A failure is an exception.
sub scalar_of
{
	my @command = @_;
	open(my $pipe, '-|', @command) or die "cannot run @command: $!";
	local $/;
	my $output = <$pipe>;
	close($pipe) or die "@command failed";
	return $output;
}

# Run a benchmark with some environment variables. A folder gets its report and its temporary files,
# of which none may be left. Return whether it succeeded, its output and its errors.
sub run_benchmark
{
	my ($folder, $program, %variables) = @_;
	mkdir "$folder/tmp";
	local %ENV = (%ENV, TMPDIR => "$folder/tmp", OUT => "$folder/results/bench", %variables);
	my ($output, $errors);
	my $ok = IPC::Run::run([$program], '>', \$output, '2>', \$errors);
	is(join(' ', glob "$folder/tmp/*"), '', 'no temporary files are left');
	my @processes = grep { -r $_ && (eval { slurp_file($_) } // '') =~ /TMPDIR=\Q$folder\E/ }
		glob '/proc/[0-9]*/environ';
	is("@processes", '', 'no processes are left');
	return ($ok, $output, $errors);
}

# The blocks of a document in their order. Each has its section (##), its heading of any level, its
# language, its code, and the output in a "text" block after it. A block of Python continues the
# first one of its section or, if a Python block precedes all sections, that block.
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

# Let Python and Node find these sets of packages, which scripts/install-dependencies installs.
# Return a set that is missing, so that the test can be skipped. CI must have all of them.
sub use_packages
{
	my @folders = map { "/var/cache/cell_binary/$_" } @_;
	$ENV{PYTHONPATH} = join ':', map { "$_/python" } @folders;
	$ENV{NODE_PATH} = join ':', map { "$_/node_modules" } @folders;
	my ($missing) = grep { !-d } @folders;
	return ($ENV{CI} // '') eq 'true' ? undef : $missing;
}

# Whether the test of a program can run. CI must have the program, unless this release of Debian has
# no package of that name.
sub has_program
{
	my ($program) = @_;
	return 1 if grep { -x "$_/$program" } split /:/, $ENV{PATH};
	my $unavailable = '/var/cache/cell_binary/unavailable';
	return ($ENV{CI} // '') eq 'true' && !(-e $unavailable && slurp_file($unavailable) =~ /^\Q$program\E$/m);
}

1;
