# The commands of docs/cluster.md for postgres_fdw run on two servers and a coordinator, and print what
# the "text" block after them says.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my %nodes = map { $_ => new_node($_) } qw(server_1 server_2 coordinator);
foreach my $node (values %nodes)
{
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE imaging');
}
plan skip_all => 'no postgres_fdw'
	if $nodes{coordinator}->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) eq '0';

# The output of a block on a node
sub output_of
{
	my ($name, $code) = @_;
	foreach my $number (1, 2)
	{
		my $server = $nodes{"server_$number"};
		my ($host, $port) = ($server->host, $server->port);
		$code =~ s/host 'cells-$number\.lab', port '5432'/host '$host', port '$port'/g;
	}
	my ($output, $errors);
	my $ok = IPC::Run::run([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $nodes{$name}->connstr('imaging'), '-f', '-' ], '<', \$code, '>', \$output, '2>', \$errors);
	my ($title) = $code =~ /^(.*)$/m;
	ok($ok, "$name: $title") or diag($errors);
	return $output;
}

my @blocks = grep { $_->{section} eq 'postgres_fdw' && $_->{language} ne '' } blocks_of('docs/cluster.md');
cmp_ok(scalar @blocks, '>', 5, 'the document has blocks');
foreach my $block (@blocks)
{
	is($block->{language}, 'sql', 'a block is of SQL');
	if ($block->{code} =~ /^-- On cells-(\d):\n/)
	{
		output_of("server_$1", $block->{code} =~ s/^.*\n//r);
		next;
	}
	if ($block->{heading} eq 'Each server')
	{
		output_of($_, $block->{code}) foreach 'server_1', 'server_2';
		next;
	}
	my $output = output_of('coordinator', $block->{code});
	is($output =~ s/\n+$/\n/r, $block->{output}, 'the output is as documented') if defined $block->{output};
}

$_->stop foreach values %nodes;
done_testing();
