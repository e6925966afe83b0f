# make demo: with its own tissue, with a CSV, interrupted, and with bad input.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'sleep';

my $folder = PostgreSQL::Test::Utils::tempdir_short();
local $ENV{TMPDIR} = "$folder/tmp";
mkdir $ENV{TMPDIR};

# What a demo that is over leaves: nothing.
sub left_behind
{
	return join ' ', glob "$folder/tmp/*";
}

# The synthetic tissue
{
	my ($output, $errors) = run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload" ]);
	is($errors, '', 'make demo');
	like($output, qr/cell_pack +\| +100000 \| +1600004 \| +16\.0 \| +[0-9.]+\n/, 'size and time of cell_pack');
	like($output, qr/json_agg +\| +100000 \| +\d{7} \|/, 'and of json_agg');
	like($output, qr/PanCK +\| +39\d\d\d /, 'cells of a feature');
	like($output, qr/positive for.*\n.*\n( *\d+ \| +\d+ \| +\d+ \| DAPI.*\n){3}/, 'the first cells');
	is(scalar(() = $output =~ /^ +\d+ \| \w+ +\| +\d+ \| +[0-9.]+$/mg), 30, '30 features');
	is(-s "$folder/payload", 1_600_004, 'the payload is in a file');
	my $digest = scalar_of('sha256sum', "$folder/payload");
	run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload" ]);
	is(scalar_of('sha256sum', "$folder/payload"), $digest, 'and the same the next time');
	is(left_behind(), '', 'nothing is left');

	($output) = run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload", 'CELLS=12345' ]);
	is(-s "$folder/payload", 4 + 16 * 12345, 'another number of cells');
	run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload", 'CELLS=0' ]);
	is(-s "$folder/payload", 4, 'no cells');
}

# A CSV: the header quoted, DOS line ends, integers and fractions, in a folder
# that only its owner can read
{
	mkdir "$folder/private", 0700;
	append_to_file("$folder/private/a slide.csv", join '', map { "$_\r\n" }
		'"XMin","XMax",YMin,YMax,"CD3 Positive",CD3 Intensity,PanCK Positive',
		'10,21,5,6,1,0.25,0', '-3.5,-2.5,7,8,0,1.5,1', '1,1,1,1,0,0,0');
	my ($output, $errors) = run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload", "DATA=$folder/private/a slide.csv" ]);
	is($errors, '', 'make demo DATA=');
	is(unpack('H*', slurp_file("$folder/payload")), join('', '03000000', '0f00000005000000' . '0100000000000000',
		'fdffffff07000000' . '0200000000000000', '0100000001000000' . '0000000000000000'), 'its payload');
	like($output, qr/0 \| CD3 +\| +1 \| +33\.3\n +1 \| PanCK/, 'its features');
}

# Bad input ends with a message and a status
foreach my $bad (
	[ "a,b\n1,2\n", qr/must have the columns XMin, XMax, YMin, YMax, or x, y/ ],
	[ "x,y,CD3 Positive\n1,2,5x\n", qr/invalid input syntax for type boolean: "5x"/ ],
	[ "x,y,CD3 Positive\n1,2,2\n", qr/type boolean: "2"/ ],
	[ "x,y,CD3 Positive\n1,2,1\n\\.\n\\! touch $folder/pwned\n", qr/line 3 of .* is "\\\."/ ],
	[ "x,y,CD3 Positive\n1,2,\n", qr/feature 0 must not be null/ ],
	[ "x,y,CD3 Positive\n1\n", qr/missing data for column "y"/ ],
	[ '', qr/has no header line/ ])
{
	my ($csv, $message) = @$bad;
	unlink "$folder/bad.csv";
	append_to_file("$folder/bad.csv", $csv);
	unlink "$folder/payload";
	append_to_file("$folder/payload", 'earlier');
	my ($output, $errors);
	my $ok = IPC::Run::run([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload", "DATA=$folder/bad.csv" ], '>', \$output, '2>', \$errors);
	ok(!$ok, 'a bad CSV is refused');
	like($errors, $message, 'and the message says why');
	is(left_behind(), '', 'nothing is left');
	is(slurp_file("$folder/payload"), 'earlier', 'an earlier payload is still there');
}
ok(!-e "$folder/pwned", 'nothing in a CSV is a command');

# No features, a byte order mark
{
	unlink "$folder/plain.csv";
	append_to_file("$folder/plain.csv", "\xEF\xBB\xBFx,y\n1,2\n");
	my ($output, $errors) = run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload", "DATA=$folder/plain.csv" ]);
	like($errors, qr/WARNING:  no column is called "NAME Positive"/, 'a CSV without features is pointed out');
	is(unpack('H*', slurp_file("$folder/payload")), '0100000001000000020000000000000000000000', 'and packed');
}

# Settings that lead to other servers, and bad arguments
{
	local %ENV = (%ENV, PGHOSTADDR => '127.0.0.1', PGSERVICE => 'nowhere', PGOPTIONS => '-c search_path=nowhere', PGCLIENTENCODING => 'LATIN1');
	my ($output, $errors) = run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload", 'CELLS=7' ]);
	is($errors, '', 'settings for other servers are ignored');
	is(-s "$folder/payload", 4 + 16 * 7, 'and the payload is made');
	($output, $errors) = run_command([ 'make', '-s', 'demo', 'CELLS=1e6' ]);
	like($errors, qr/CELLS must be a number of cells, not "1e6"/, 'CELLS must be a number');
	($output, $errors) = run_command([ 'make', '-s', 'demo', 'PG_CONFIG=/no/pg_config' ]);
	like($errors, qr{PG_CONFIG is "/no/pg_config", which does not work}, 'PG_CONFIG must be one');
}

# Ctrl-C: the signal goes to all processes of the terminal's foreground group
{
	my ($output, $errors) = ('', '');
	my $demo = IPC::Run::start([ 'make', 'demo', "PAYLOAD=$folder/payload", 'CELLS=3000000' ], '>', \$output, '2>', \$errors,
		init => sub { setpgrp; $SIG{INT} = 'DEFAULT' });
	for (1 .. 600)
	{
		$demo->pump_nb;
		last if $output =~ /Making a synthetic tissue/;
		sleep 0.1;
	}
	like($output, qr/Making a synthetic tissue/, 'the demo is on its way');
	sleep 0.5;
	my ($pid_file) = glob "$folder/tmp/*/data/postmaster.pid";
	my ($server) = split /\n/, slurp_file($pid_file);
	ok(readlink "/proc/$server/exe", 'its server runs');
	kill 'INT', -$demo->{KIDS}[0]{PID};
	$demo->finish;
	isnt($demo->full_result(0), 0, 'interrupted');
	ok(!readlink "/proc/$server/exe", 'its server is gone');
	is(left_behind(), '', 'nothing is left');
}

done_testing();
