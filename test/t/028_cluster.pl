# A coordinator and three servers, each with a third of the samples: the servers pack their cells, only
# payloads travel, and the payloads and ETags are those of one server with all cells.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my @layouts = qw(compact spt dense arrow intensity);
my $columns = 'sample text, number integer, code uuid, cell_id bigint, x integer, y integer, phenotypes bigint, cd3 boolean, cd8 smallint, intensities real[]';
# The cells of server $1, samples S1 to S6, two to a server
my $rows = q{SELECT 'S' || s, s, md5(s::text)::uuid, i, i * 7919 % 20000, i % 1000 * s, i & 3, i % 2 = 0, i % 3 / 2, ARRAY[i % 100 / 100.0, i % 7]
	FROM generate_series(2 * %d - 1, 2 * %d) s, generate_series(1, 5000 + 500 * s) i};
my $features = q{phenotypes => 'phenotypes', features => '{a,b}', intensities => 'intensities'};

my $node = start_node('coordinator', "shared_preload_libraries = 'auto_explain'\nauto_explain.log_min_duration = 0\n"
	. "auto_explain.log_nested_statements = on\nauto_explain.log_verbose = on\n");
plan skip_all => 'no postgres_fdw' if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) eq '0';
my $psql = sub { $node->safe_psql('postgres', @_) };
my %relays;
END { local $?; $_->kill_kill for values %relays }

$psql->(qq{
	CREATE EXTENSION postgres_fdw;
	CREATE TABLE cell ($columns) PARTITION BY LIST (sample);
	CREATE TABLE numbered ($columns) PARTITION BY RANGE (number);
	CREATE TABLE coded ($columns) PARTITION BY HASH (code);
	CREATE TABLE payload (sample text, layout text, coding text, cells bigint, bytes bigint, etag text, payload bytea) PARTITION BY LIST (sample);
	CREATE TABLE every_cell ($columns)});
my (@servers, @counts);
foreach my $number (1 .. 3)
{
	my $server = start_node("server_$number");
	my $folder = PostgreSQL::Test::Utils::tempdir_short();
	my $count = "$folder/count";
	$relays{$number} = IPC::Run::start([ '/usr/bin/python3', 'test/t/byte_relay.py', $folder, 5432, $server->host . '/.s.PGSQL.' . $server->port, $count ]);
	$node->poll_query_until('postgres', "SELECT (pg_stat_file('$folder/.s.PGSQL.5432', true)).size IS NOT NULL") or die 'the relay does not listen';
	my $cells = sprintf $rows, $number, $number;
	$server->safe_psql('postgres', qq{
		CREATE TABLE cell ($columns);
		CREATE TABLE coded ($columns);
		INSERT INTO cell $cells;
		CREATE INDEX ON cell (sample);
		ANALYZE cell;
		SELECT cell_register_study('lab', 'cell', $features);
		SELECT cell_create_payload_view('lab', 'payload')});
	my ($first, $last) = (2 * $number - 1, 2 * $number);
	my $remainder = $number - 1;
	$psql->(qq{
		INSERT INTO every_cell $cells;
		CREATE SERVER server_$number FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$folder', port '5432', dbname 'postgres', extensions 'cell_binary', async_capable 'true');
		CREATE USER MAPPING FOR CURRENT_USER SERVER server_$number;
		CREATE FOREIGN TABLE cell_$number PARTITION OF cell FOR VALUES IN ('S$first', 'S$last') SERVER server_$number OPTIONS (table_name 'cell');
		CREATE FOREIGN TABLE numbered_$number PARTITION OF numbered FOR VALUES FROM ($first) TO ($last + 1) SERVER server_$number OPTIONS (table_name 'cell');
		CREATE FOREIGN TABLE coded_$number PARTITION OF coded FOR VALUES WITH (MODULUS 3, REMAINDER $remainder) SERVER server_$number OPTIONS (table_name 'coded');
		CREATE FOREIGN TABLE payload_$number PARTITION OF payload FOR VALUES IN ('S$first', 'S$last') SERVER server_$number OPTIONS (table_name 'payload', fetch_size '1')});
	push @servers, $server;
	push @counts, $count;
}
$psql->(qq{
	INSERT INTO coded SELECT * FROM every_cell;
	CREATE VIEW seen AS SELECT * FROM cell WHERE cell_id > 0;
	SELECT cell_register_study('every', 'every_cell', $features);
	SELECT cell_register_study('every_wide', 'every_cell', feature_columns => '{cd3,cd8}');
	SELECT cell_register_study('partitions', 'cell', $features);
	SELECT cell_register_study('wide', 'cell', feature_columns => '{cd3,cd8}');
	SELECT cell_register_study('one table', 'cell_2', $features);
	SELECT cell_register_study('view', 'seen', $features, store => false);
	SELECT cell_register_study('numbered', 'numbered', sample => 'number', $features);
	SELECT cell_register_study('coded', 'coded', sample => 'code', $features);
	SELECT cell_register_study('ready', 'cell', $features);
	SELECT cell_set_payloads('ready', 'payload');
	SELECT cell_register_study('stored view', 'seen', $features, store => true)});

# The bytes that the servers have sent so far
sub sent
{
	my $sent = 0;
	$sent += unpack 'Q<', slurp_file($_) for @counts;
	return $sent;
}

# Run a query. Return its result, the bytes that the servers sent, and the plans.
sub traced
{
	my ($query) = @_;
	my ($before, $start) = (sent(), -s $node->logfile);
	my $result = $psql->($query);
	return ($result, sent() - $before, slurp_file($node->logfile, $start));
}

# Test one call: its result, that every foreign scan packs at its server, and that not much more travels than
# the bytes of the payloads.
sub test_call
{
	my ($name, $query, $expected, $pattern, $most) = @_;
	my ($result, $bytes, $plans) = traced($query);
	is($result, $expected, "$name: the result is that of one server");
	my @remote = $plans =~ /Remote SQL: (.*)/g;
	cmp_ok(scalar @remote, '>', 0, "$name: a query is sent");
	is(join("\n", grep { !/$pattern/ } @remote), '', "$name: each query is as expected") or diag($plans);
	cmp_ok($bytes, '<', $most, "$name: $bytes bytes travel");
	return;
}

my %of = ('one table' => [ 'S3', 'S3' ], numbered => [ '3', 'S3' ], coded => [ $psql->("SELECT md5('3')::uuid"), 'S3' ]);
foreach my $study ('partitions', 'wide', 'one table', 'view', 'stored view', 'numbered', 'coded', 'ready')
{
	my ($sample, $name) = @{ $of{$study} // [ 'S5', 'S5' ] };
	my $every = $study eq 'wide' ? 'every_wide' : 'every';
	foreach my $layout ($study eq 'wide' ? @layouts[ 0 .. 3 ] : @layouts)
	{
		my $expected = $psql->("SELECT md5(cell_data('$every', '$name', '$layout')), cell_data_head('$every', '$name', '$layout')");
		my $size = $psql->("SELECT octet_length(cell_data('$every', '$name', '$layout'))");
		my $call = $study eq 'ready' ? qr/^SELECT payload FROM public.payload WHERE/ : qr/^SELECT public.cell_pack(_intensities)?\(.* FROM public.(cell|coded) WHERE/;
		test_call("$study, $layout: cell_data", "SELECT md5(cell_data('$study', '$sample', '$layout'))", (split /\|/, $expected)[0], $call, 2.05 * $size + 3000);
		next if $study eq 'stored view' || ($layout ne 'dense' && $layout ne 'intensity');   # the head is stored with the payload
		test_call("$study, $layout: cell_data_head", "SELECT cell_data_head('$study', '$sample', '$layout')", (split /\|/, $expected, 2)[1],
			$study eq 'ready' ? qr/^SELECT cells, bytes, etag FROM public.payload WHERE/ : $call, $study eq 'ready' ? 1000 : 2.05 * $size + 3000);
	}
}
foreach my $study ('partitions', 'view', 'numbered', 'ready')
{
	my $sample = $study eq 'numbered' ? q{'S' || sample} : 'sample';
	my $expected = $psql->(q{SELECT string_agg(concat_ws(' ', sample, cells, md5(payload)), ',' ORDER BY sample) FROM cell_data_samples('every', 'dense')});
	my $size = $psql->(q{SELECT sum(octet_length(payload)) FROM cell_data_samples('every', 'dense')});
	test_call("$study: cell_data_samples", "SELECT string_agg(concat_ws(' ', $sample, cells, md5(payload)), ',' ORDER BY sample) FROM cell_data_samples('$study', 'dense')", $expected,
		$study eq 'ready' ? qr/^SELECT sample, cells, payload FROM public.payload WHERE/ : qr/^SELECT (sample, )?public.cell_pack\(.*GROUP BY [12]$/, 2.05 * $size + 3000);
	test_call("$study: cell_samples", "SELECT string_agg($sample, ',') FROM cell_samples('$study') sample", 'S1,S2,S3,S4,S5,S6',
		$study eq 'ready' ? qr/^SELECT sample FROM public.payload WHERE/ : qr/^SELECT (sample|number) FROM public.cell WHERE .* GROUP BY 1$/, 3000);
}
test_call('cell_data_chunks', q{SELECT md5(string_agg(body, '' ORDER BY chunk)) FROM cell_data_chunks('partitions', 'S1', 'spt', 'gzip', 1000)},
	$psql->(q{SELECT md5(cell_data('every', 'S1', 'spt', 'gzip'))}), qr/^SELECT public.cell_pack\(/, 2.05 * $psql->(q{SELECT octet_length(cell_data('every', 'S1', 'spt'))}) + 3000);
test_call('a query of a user', q{SET enable_partitionwise_aggregate = on; SELECT sample, md5(cell_pack(cell_id, x, y, phenotypes, 'dense'::cell_layout)) FROM cell GROUP BY sample ORDER BY sample},
	$psql->(q{SELECT sample, md5(cell_pack(cell_id, x, y, phenotypes, 'dense')) FROM every_cell GROUP BY sample ORDER BY sample}), qr/^SELECT sample, md5\(public.cell_pack\(.*GROUP BY 1/, 400_000);

# The statistics of ANALYZE can be old: the cells are packed where they are, all the same.
$psql->(q{BEGIN; CREATE TABLE kept AS TABLE cell; DELETE FROM cell; ANALYZE cell, cell_1, cell_2, cell_3; INSERT INTO cell TABLE kept; DROP TABLE kept; COMMIT});
is($psql->(q{SELECT string_agg(DISTINCT reltuples::text, ' ') FROM pg_class WHERE relname LIKE 'cell__'}), '0', 'for the planner, the tables are empty');
test_call('old statistics: cell_data', q{SELECT md5(cell_data('partitions', 'S5'))}, $psql->(q{SELECT md5(cell_data('every', 'S5'))}), qr/^SELECT public.cell_pack\(/, 400_000);
test_call('old statistics of one table: cell_data', q{SELECT md5(cell_data('one table', 'S3'))}, $psql->(q{SELECT md5(cell_data('every', 'S3'))}), qr/^SELECT public.cell_pack\(/, 400_000);
test_call('old statistics: cell_data_samples', q{SELECT count(*) FROM cell_data_samples('partitions')}, 6, qr/^SELECT sample, public.cell_pack\(/, 2_000_000);

# The stores of the servers
{
	my (undef, undef, $notices) = $node->psql('postgres', q{CALL cell_prepare('ready', layout => 'spt', coding => 'br')});
	like($notices, qr/sample "S6" \(6 of 6\): is served where its cells are, 8000 cells/, 'cell_prepare makes payloads ready at the servers');
	my $stored = join ' ', map { $_->safe_psql('postgres', q{SELECT count(*) FROM cell_payload WHERE (layout, coding) = ('spt', 'br')}) } @servers;
	is($stored, '2 2 2', 'the servers store them');
	my $misses = $servers[0]->safe_psql('postgres', q{SELECT misses FROM cell_store_stats});
	is($psql->(q{SELECT count(cell_data('ready', 'S1', 'spt', 'br')) FROM generate_series(1, 3)}), 3, 'a payload is requested three times');
	is($servers[0]->safe_psql('postgres', q{SELECT misses FROM cell_store_stats}), $misses, 'the server has packed nothing');
	(undef, undef, my $errors) = $node->psql('postgres', q{CALL cell_prepare('partitions', 'S1')});
	like($errors, qr/payloads of study "partitions" cannot be stored/, 'without a relation of payloads, cell_prepare has nothing to store');
}

# Changes through the coordinator, in the same transaction and after it. After the rows of COPY, psql reads no
# other statement of the transaction.
foreach my $statement (q{UPDATE cell SET x = x + 1 WHERE sample = 'S4' AND cell_id < 9}, q{DELETE FROM cell WHERE sample = 'S4' AND cell_id = 9},
	q{INSERT INTO cell (sample, cell_id, x, y, phenotypes) VALUES ('S4', 99999, 1, 1, 1), ('S1', 99999, 2, 2, 2)},
	qq{COPY cell (sample, cell_id, x, y, phenotypes) FROM stdin;\nS4\t100001\t1\t1\t1\nS6\t100001\t1\t1\t1\n\\.\n})
{
	my $same = q{SELECT string_agg((cell_data('ready', sample) = (SELECT cell_pack(cell_id, x, y, phenotypes) FROM cell c WHERE c.sample = s.sample))::text, ' ')
		FROM unnest('{S1,S4,S6}'::text[]) s (sample)};
	if ($statement =~ /^COPY/)
	{
		$psql->($statement);
	}
	else
	{
		is($psql->("BEGIN; SELECT length(cell_data('ready', 'S4')) \\g /dev/null\n$statement;\n$same; COMMIT"), 'true true true', "the transaction itself sees: $statement");
	}
	is($psql->($same), 'true true true', "another transaction sees: $statement");
}

# The HTTP service on the coordinator
my ($port, $api) = (PostgreSQL::Test::Cluster::get_free_port());
END { local $?; $api->kill_kill if $api }
my $packages = '/var/cache/cell_binary/api/python';
if (-d $packages || ($ENV{CI} // '') eq 'true')
{
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres', PGUSER => 'postgres', PYTHONPATH => $packages);
	$api = IPC::Run::start([ '/usr/bin/python3', '-m', 'cell_binary_api.server', '--port', $port ], init => sub { chdir 'api' },
		'>', '/dev/null', '2>', "$ENV{TESTLOGDIR}/028_cluster_api.log");
	scalar_of('curl', '--silent', '--retry', 60, '--retry-connrefused', '--retry-delay', 1, "http://127.0.0.1:$port/studies/");
}

# What the service answers: the status and the body, or its MD5 if it is a payload
sub answer
{
	my ($path, $study, $query, @options) = @_;
	return scalar_of('curl', '--silent', @options, '--write-out', ' %{http_code}', "http://127.0.0.1:$port/$path/?study=$study$query");
}
SKIP:
{
	skip "no $packages: scripts/install-dependencies api", 7 if !$api;
	foreach my $study ('partitions', 'ready')
	{
		is(answer('samples', $study, ''), '{"samples" : ["S1", "S2", "S3", "S4", "S5", "S6"]} 200', "HTTP, $study: the samples");
		my $headers = answer('cell-data-binary', $study, '&sample=S6&layout=dense', '--dump-header', '-', '--output', '/dev/null');
		my ($etag) = $headers =~ /^etag: (\S+)/mi;
		is($etag, $psql->(q{SELECT etag FROM cell_data_head('partitions', 'S6', 'dense')}), "HTTP, $study: the ETag");
		like(answer('cell-data-binary', $study, '&sample=S6&layout=dense', '--header', "If-None-Match: $etag", '--output', '/dev/null'), qr/ 304$/, "HTTP, $study: a payload that the client has");
	}
	is(answer('cell-data-binary', 'ready', '&sample=S9', '--output', '/dev/null'), ' 404', 'HTTP: an unknown sample');
}

# One server is down.
$servers[1]->stop('immediate');
if ($api)
{
	is(answer('cell-data-binary', 'ready', '&sample=S1', '--output', '/dev/null'), ' 200', 'HTTP: a sample of another server');
	is(answer('cell-data-binary', 'ready', '&sample=S3', '--output', '/dev/null'), ' 503', 'HTTP: a sample of the server that is down');
}
foreach my $study ('partitions', 'ready')
{
	is($psql->("SELECT count(cell_data('$study', sample)) FROM unnest('{S1,S2,S5,S6}'::text[]) sample"), 4, "$study: a server is down, and the samples of the others are served");
	foreach my $call ("cell_data('$study', 'S3')", "cell_samples('$study')", "cell_data_samples('$study')")
	{
		(undef, undef, my $errors) = $node->psql('postgres', "SELECT $call");
		like($errors, qr/server "server_2"/, "$call: the error names the server");
	}
}
# Also in a session that was connected
my $session = $node->background_psql('postgres', on_error_stop => 0);
is($session->query(q{SELECT count(cell_data('ready', 'S1'))}), 1, 'a session gets a payload');
$servers[1]->start;
foreach my $study ('partitions', 'ready')
{
	is($session->query("SELECT count(cell_data('$study', sample)) FROM cell_samples('$study') sample"), 6, "$study: a server that comes back is used");
}
$servers[1]->restart;
is($session->query(q{SELECT count(cell_data('ready', 'S3'))}), 1, 'a server that was restarted is used by a session that was connected');
is(answer('cell-data-binary', 'ready', '&sample=S3', '--output', '/dev/null'), ' 200', 'HTTP: a server that comes back is used') if $api;
$session->quit;

$_->stop for @servers;
$node->stop;
done_testing();
