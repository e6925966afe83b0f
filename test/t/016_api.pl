# make api serves slides and the viewer until a signal ends it; the load test writes its report.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use IO::Socket::INET;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'sleep';

my $tools = '/var/cache/cell_binary/test';
plan skip_all => "no $tools: scripts/install-dependencies tools" if !-d $tools && ($ENV{CI} // '') ne 'true';

my $folder = PostgreSQL::Test::Utils::tempdir_short();
local $ENV{TMPDIR} = "$folder/tmp";
mkdir $ENV{TMPDIR};

sub left_behind
{
	return join ' ', glob "$folder/tmp/*";
}

# Start make api with CELLS= or DATA=, fetch some paths with curl, and end it with a signal. SIGINT
# goes to the process group, as from a terminal. SIGTERM goes only to make.
sub serve
{
	my ($input, $signal, @paths) = @_;
	my $port = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport;
	my ($output, $errors) = ('', '');
	my $api = IPC::Run::start([ 'make', '-s', 'api', "PORT=$port", $input ], '>', \$output, '2>', \$errors,
		init => sub { setpgrp; $SIG{INT} = 'DEFAULT' });
	for (1 .. 1200)
	{
		$api->pump_nb;
		last if $errors =~ /running on/ || !$api->pumpable;
		sleep 0.1;
	}
	like($errors, qr{running on http://127\.0\.0\.1:$port}, "make api $input starts the service");
	my @answers = map { scalar_of('curl', '--silent', '--location', '--write-out', ' %{http_code}', "http://127.0.0.1:$port$_") } @paths;
	my $make = $api->{KIDS}[0]{PID};
	kill $signal, $signal eq 'INT' ? -$make : $make;
	$api->finish;
	ok(!IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port"), "SIG$signal ends the service");
	unlike($errors, qr/Traceback/, 'the service ends without a traceback');
	is(left_behind(), '', 'no temporary files are left');
	return @answers;
}

my @answers = serve('CELLS=2000', 'INT', '/', '/samples/?study=demo', '/cell-data-binary-feature-names/?study=demo');
like($answers[0], qr/<title>Slide viewer.* 200$/s, 'the service has the viewer');
like($answers[1], qr/"large", "medium", "small".* 200$/, 'the service lists the samples');
like($answers[2], qr/"PanCK".* 200$/, 'the service lists the features');

append_to_file("$folder/a slide.csv", "x,y,CD3 Positive\n1,2,1\n3,4,0\n");
@answers = serve("DATA=$folder/a slide.csv", 'TERM', '/samples/?study=demo', '/cell-data-binary/?study=demo&sample=a%20slide&layout=arrow');
is($answers[0], '{"samples" : ["a slide"]} 200', 'DATA= names a CSV file, which is the only sample');
like($answers[1], qr/ 200$/, 'the sample is served');

{
	my ($output, $errors) = run_command([ 'make', '-s', 'api', 'PORT=x' ]);
	like($errors, qr/PORT must be a number, not "x"/, 'PORT must be a number');
}

{
	local %ENV = (%ENV, OUT => "$folder/load", CELLS => 20000, ROUNDS => 1, SECONDS_OF_LOAD => 1);
	my ($output, $errors) = run_command([ 'api/load/load' ]);
	diag($errors) if $output eq '';
	like($output, qr/nginx with the same bytes as a file \| <= 2 \| \d+\.\d\d \(/, 'the load test compares the service with nginx');
	like($output, qr/p99 \(p50, maximum\) in ms \| <= 50 \| \d+\.\d/, 'the load test measures answers while clients download');
	like($output, qr/packings; failed downloads \| 8; 0 \| 8; 0/, 'the load test has a proxy that gives up');
	is(scalar(() = $output =~ /^\| .* \| \d+ \(\d+-\d+\) \| <= 1000 \|$/mg), 5, 'the load test measures five faults');
	like($output, qr/clients that send half a request header: p99 of the other clients .*; slide \d+\.\d\d \(/, 'the load test has clients that stall');
	like($output, qr/viewer, 1,000,000 cells, .*: transfer \d+, decode \d+, upload \d+, draw \d+/, 'the load test measures the viewer');
	is($output =~ s/\n+$//r, slurp_file("$folder/load.md") =~ s/\n+$//r, 'the report is printed and stored');
	is(left_behind(), '', 'no temporary files are left');
}

done_testing();
