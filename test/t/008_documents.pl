# The commands of README.md, CONTRIBUTING.md and docs/*.md run, and print what the "text" block after
# them says. The links of all documents lead to files and headings.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir_short();

# make install goes to the sandbox, sudo is not needed there; make test, api,
# load and perf would take too long.
my $programs = "$folder/programs";
mkdir $programs;
append_to_file("$programs/sudo", "#!/bin/sh\nexec \"\$\@\"\n");
chmod 0755, "$programs/sudo";
local $ENV{PATH} = "$programs:$ENV{PATH}";
local $ENV{DESTDIR} = "$ENV{SANDBOX}/install";
local $ENV{TMPDIR} = $folder;

use_packages('test', 'api', 'out');

# The sandbox's server, which the test modules hide.
local @ENV{qw(PGHOST PGPORT PGUSER)} = ($ENV{SANDBOX}, 5432, 'postgres');

sub run_shell
{
	my ($document, $command) = @_;
	my %endless = (test => 'scripts/sandbox --with-shared-data test/run', api => 'api/demo', load => 'api/load/load', perf => 'cbperf/demo');
	if ($command =~ /^make (\w+)$/ && $endless{$1})
	{
		# With DESTDIR, make test takes the run for a package build.
		delete local $ENV{DESTDIR};
		my ($plan) = run_command([ 'make', '-n', $1 ]);
		like($plan, qr{^$endless{$1}$}m, "$document: $command");
		return;
	}
	$command =~ s{PG_CONFIG=\S+}{PG_CONFIG=$ENV{PG_CONFIG}};
	my ($output, $errors);
	my $ok = IPC::Run::run([ 'bash', '-e', '-c', $command ], '<', \undef, '>', \$output, '2>', \$errors);
	ok($ok, "$document: $command") or diag($output, $errors);
	return;
}

# The output of a block of SQL, or of a Python program, which may leave files
sub output_of
{
	my ($language, $code) = @_;
	my @command = $language eq 'sql'
		? ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', '-')
		: ('/usr/bin/python3', '-');
	my ($output, $errors);
	my $ok = IPC::Run::run(\@command, 'init', sub { chdir $folder }, '<', \$code, '>', \$output, '2>', \$errors);
	return ($ok, $output, $errors);
}

# The example slide of the README
append_to_file('slide.csv', "x,y,CD3 Positive\n1,2,1\n3,4,0\n");

# What leads nowhere, of the links of a document to other files and to headings
sub broken_links
{
	my ($document) = @_;
	my ($folder) = $document =~ m{^(.*/)?};
	my $text = slurp_file($document) =~ s/^```.*?^```$//msgr;
	my @broken;
	while ($text =~ /\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)
	{
		my ($link, $heading) = ($1, $2);
		my $file = $link eq '' ? $document : ($folder // '') . $link;
		push @broken, $link if !-e $file;
		push @broken, "$link#$heading" if -e $file && defined $heading && !grep { $_ eq $heading } anchors_of($file);
	}
	return @broken;
}

# The names that GitHub gives to the headings of a document
sub anchors_of
{
	my $text = slurp_file($_[0]) =~ s/^```.*?^```$//msgr;
	return map { lc(s/[^\w\s-]//gr) =~ s/ /-/gr } $text =~ /^#+ (.*)$/mg;
}

# 029_cluster_document.pl runs the commands of docs/cluster.md.
foreach my $document ('README.md', 'CONTRIBUTING.md', grep { $_ ne 'docs/cluster.md' } sort glob 'docs/*.md')
{
	my $database = lc($document =~ s/\W/_/gr);
	is(system('createdb', $database), 0, "$document: has a database");
	local $ENV{PGDATABASE} = $database;
	output_of('sql', 'CREATE EXTENSION cell_binary') if slurp_file($document) !~ /^CREATE EXTENSION/m;

	foreach my $block (blocks_of($document))
	{
		my ($language, $code, $expected) = @$block{qw(language code output)};
		if ($language eq 'sh')
		{
			run_shell($document, $_) foreach split /\n/, $code;
		}
		elsif ($language eq 'sql' || $language eq 'python')
		{
			# Each block is a session of its own; what it sets, the next ones have.
			system('psql', '-X', '-q', '-c', "ALTER DATABASE $database $1") if $code =~ /^(SET search_path.*);$/m;
			my ($title) = $code =~ /^(?:(?:import|from) .*\n)*\n*(.*)$/m;
			if (my $first = $block->{first})
			{
				$code = "$first->{code}\n$code";
				$expected = ($first->{output} // '') . $expected if defined $expected;
			}
			my ($ok, $output, $errors) = output_of($language, $code);
		  SKIP:
			{
				skip "$document: $title: $1", 1 if !$ok && ($ENV{CI} // '') ne 'true' && $errors =~ /^(ModuleNotFoundError: .*)/m;
				ok($ok, "$document: $title") or diag($errors);
				is($output =~ s/\n+$/\n/r, $expected, "$document: $title: output") if defined $expected;
			}
		}
		elsif ($language ne '' && $language !~ /^(nginx|vcl)$/)   # which api/tests/test_proxies.py runs
		{
			fail("$document: a block of unknown language $language");
		}
	}
}
system('psql', '-X', '-q', '-c', 'DROP ROLE IF EXISTS api');

foreach my $document (grep { !/node_modules/ } sort glob '{*,*/*,*/*/*}.md')
{
	is_deeply([ broken_links($document) ], [], "$document: links lead to files and headings");
}

done_testing();
