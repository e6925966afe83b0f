# make demo: with the synthetic tissue, with CSV files, with bad input, and interrupted.
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

# Return the temporary files that a finished demo has left.
sub left_behind
{
	return join ' ', glob "$folder/tmp/*";
}

# The synthetic tissue
{
	my ($output, $errors) = run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload" ]);
	is($errors, '', 'make demo writes no errors');
	like($output, qr/cell_pack +\| +100000 \| +1600004 \| +16\.0 \| +[0-9.]+\n/, 'the report has size and time of cell_pack');
	like($output, qr/json_agg +\| +100000 \| +\d{7} \|/, 'the report has size and time of json_agg');
	like($output, qr/PanCK +\| +39\d\d\d /, 'the report has the positive cells of a feature');
	like($output, qr/positive for.*\n.*\n( *\d+ \| +\d+ \| +\d+ \| DAPI.*\n){3}/, 'the report has the first cells');
	is(scalar(() = $output =~ /^ +\d+ \| \w+ +\| +\d+ \| +[0-9.]+$/mg), 30, 'the report has 30 features');
	is(-s "$folder/payload", 1_600_004, 'the payload is in a file');
	my $digest = scalar_of('sha256sum', "$folder/payload");
	run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload" ]);
	is(scalar_of('sha256sum', "$folder/payload"), $digest, 'a second run makes the same payload');
	is(left_behind(), '', 'no temporary files are left');

	($output) = run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload", 'CELLS=12345' ]);
	is(-s "$folder/payload", 4 + 16 * 12345, 'CELLS sets the number of cells');
	run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload", 'CELLS=0' ]);
	is(-s "$folder/payload", 4, 'CELLS can be 0');
}

# A CSV file with a quoted header, DOS line endings, integers and fractions, in a
# folder that only its owner can read
{
	mkdir "$folder/private", 0700;
	append_to_file("$folder/private/a slide.csv", join '', map { "$_\r\n" }
		'"XMin","XMax",YMin,YMax,"CD3 Positive",CD3 Intensity,PanCK Positive',
		'10,21,5,6,1,0.25,0', '-3.5,-2.5,7,8,0,1.5,1', '1,1,1,1,0,0,0');
	my ($output, $errors) = run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload", "DATA=$folder/private/a slide.csv" ]);
	is($errors, '', 'make demo DATA= writes no errors');
	is(unpack('H*', slurp_file("$folder/payload")), join('', '03000000', '0f00000005000000' . '0100000000000000',
		'fdffffff07000000' . '0200000000000000', '0100000001000000' . '0000000000000000'), 'the payload has the cells of the CSV file');
	like($output, qr/0 \| CD3 +\| +1 \| +33\.3\n +1 \| PanCK/, 'the report has its features');
}

# Bad input: a message and a nonzero exit status
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
	ok(!$ok, 'the demo refuses a bad CSV file');
	like($errors, $message, 'the message says why');
	is(left_behind(), '', 'no temporary files are left');
	is(slurp_file("$folder/payload"), 'earlier', 'the earlier payload is unchanged');
}
ok(!-e "$folder/pwned", 'psql executes nothing in a CSV file');

# A CSV file without features, and with a byte order mark
{
	unlink "$folder/plain.csv";
	append_to_file("$folder/plain.csv", "\xEF\xBB\xBFx,y\n1,2\n");
	my ($output, $errors) = run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload", "DATA=$folder/plain.csv" ]);
	like($errors, qr/WARNING:  no column is named "NAME Positive"/, 'a CSV file without features causes a warning');
	is(unpack('H*', slurp_file("$folder/payload")), '0100000001000000020000000000000000000000', 'the demo packs its cells');
}

# Environment variables that name other servers, and bad arguments
{
	local %ENV = (%ENV, PGHOSTADDR => '127.0.0.1', PGSERVICE => 'nowhere', PGOPTIONS => '-c search_path=nowhere', PGCLIENTENCODING => 'LATIN1');
	my ($output, $errors) = run_command([ 'make', '-s', 'demo', "PAYLOAD=$folder/payload", 'CELLS=7' ]);
	is($errors, '', 'the demo ignores settings for other servers');
	is(-s "$folder/payload", 4 + 16 * 7, 'the demo makes the payload');
	($output, $errors) = run_command([ 'make', '-s', 'demo', 'CELLS=1e6' ]);
	like($errors, qr/CELLS must be a number of cells, not "1e6"/, 'CELLS must be a number');
	($output, $errors) = run_command([ 'make', '-s', 'demo', 'PG_CONFIG=/no/pg_config' ]);
	like($errors, qr{PG_CONFIG is "/no/pg_config", which does not work}, 'PG_CONFIG must work');
}

# Ctrl-C: the signal goes to all processes of the terminal's foreground group
{
	my ($output, $errors) = ('', '');
	my $demo = IPC::Run::start([ 'make', 'demo', "PAYLOAD=$folder/payload", 'CELLS=3000000' ], '>', \$output, '2>', \$errors,
		init => sub { setpgrp; $SIG{INT} = 'DEFAULT' });
	for (1 .. 600)
	{
		$demo->pump_nb;
		last if $output =~ /Generating a synthetic tissue/;
		sleep 0.1;
	}
	like($output, qr/Generating a synthetic tissue/, 'the demo is running');
	sleep 0.5;
	my ($pid_file) = glob "$folder/tmp/*/data/postmaster.pid";
	my ($server) = split /\n/, slurp_file($pid_file);
	ok(readlink "/proc/$server/exe", 'its server is running');
	kill 'INT', -$demo->{KIDS}[0]{PID};
	$demo->finish;
	isnt($demo->full_result(0), 0, 'the demo reports the interruption by its exit status');
	ok(!readlink "/proc/$server/exe", 'its server has ended');
	is(left_behind(), '', 'no temporary files are left');
}

done_testing();
