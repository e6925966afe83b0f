# cell_encode and cell_decode agree with independent coders, and bound memory and the delay of
# cancels, also for decompression bombs.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

# Shared buffers that the backend has touched count as its memory, and so does the JIT compiler.
my $node = start_node('coding', "autovacuum = off\nshared_buffers = '1MB'\njit = off");
my $megabyte = 1024 * 1024;
my $folder = PostgreSQL::Test::Utils::tempdir();
chmod 0755, $folder;

# Run the independent coder with an input, and return its output.
sub coder
{
	my ($input, @command) = @_;
	my $output;
	IPC::Run::run([ '/usr/bin/python3', 'test/t/coder.py', @command ], '<', \$input, '>', \$output) or die "coder.py @command failed";
	chomp $output;
	return $output;
}

# Each side decodes the output of the other, at every level.
{
	my $lines = $node->safe_psql('postgres', q{
		SELECT format('%s %s %s', coding, encode(cell_encode(payload, coding, level), 'hex'), encode(payload, 'hex'))
		FROM (VALUES ('identity', NULL, NULL), ('gzip', 1, 9), ('zstd', 1, 19), ('br', 0, 11)) coding (coding, min_level, max_level),
			LATERAL (SELECT NULL::integer UNION ALL SELECT generate_series(min_level, max_level)) l (level),
			(SELECT cell_pack(i, i % 77 * 13, hashint8(i)::bigint & 255) AS payload FROM generate_series(1, 20000) i
			UNION ALL SELECT '' UNION ALL SELECT '\x00'
			UNION ALL SELECT string_agg(sha512(int4send(i)), '') FROM generate_series(1, 3000) i) p});
	is(coder("$lines\n", 'check'), 4 * (1 + 10 + 20 + 13) . ' 0', 'independent decoders decode every level of every coding');

	my $theirs = coder('', 'encode');
	append_to_file("$folder/theirs", "$theirs\n");
	is($node->safe_psql('postgres', qq{
		CREATE TABLE theirs (coding text, encoded text, payload text);
		COPY theirs FROM '$folder/theirs' (DELIMITER ' ');
		SELECT count(*), count(*) FILTER (WHERE cell_decode(decode(encoded, 'hex'), coding) = decode(payload, 'hex')) FROM theirs}),
		'295|295', 'cell_decode decodes the output of independent coders, also in several streams');
}

# RFC 9659 allows a window of at most 8 MB. The content has 9 MB.
{
	my $frames = $node->safe_psql('postgres', q{
		SELECT level || ' ' || encode(substring(cell_encode(payload, 'zstd', level) FOR 100), 'hex')
		FROM generate_series(1, 19) level, (SELECT cell_pack(i, i, 0) AS payload FROM generate_series(1, 600000) i) p});
	my @frames = split /\n/, coder("$frames\n", 'frames');
	is(scalar @frames, 19, 'zstd: there is a frame of every level');
	is_deeply([ grep { (split / /)[1] > 8 * $megabyte } @frames ], [], 'zstd: no frame has a window over 8 MB');
	is_deeply([ grep { !/ 9600004 1$/ } @frames ], [], 'zstd: each frame has a content size and a checksum');
}

# Memory as the kernel counts it: VmRSS is the memory of the backend, VmHWM its peak since the last
# reset.
$node->safe_psql('postgres', q{
	CREATE FUNCTION kilobytes(what text) RETURNS bigint LANGUAGE sql
	RETURN substring(pg_read_file('/proc/self/status') FROM what || ':\s+(\d+)')::bigint;

	-- The megabytes that a query adds to the backend's memory, and its result
	CREATE PROCEDURE measure(query text, INOUT megabytes integer, INOUT result text) LANGUAGE plpgsql AS $$
	DECLARE
		before bigint;
	BEGIN
		COPY (SELECT 5) TO '/proc/self/clear_refs';
		before := kilobytes('VmRSS');
		BEGIN
			EXECUTE query INTO result;
		EXCEPTION WHEN OTHERS THEN
			result := SQLSTATE || ' ' || SQLERRM;
		END;
		megabytes := (kilobytes('VmHWM') - before) / 1024;
	END $$});

sub measure
{
	my ($query, $settings) = @_;
	my ($megabytes, $result) = split /\|/, $node->safe_psql('postgres', sprintf(q{
		LOAD 'cell_binary';
		%s;
		CALL measure('SELECT 1', NULL, NULL) \g /dev/null
		CALL measure($query$%s$query$, NULL, NULL)}, $settings // '', $query));
	note("$megabytes MB: $query");
	return ($megabytes, $result);
}

# Decompression bombs: 10 GB of zeros
foreach my $coding (qw(gzip zstd br))
{
	my $file = "$folder/bomb.$coding";
	system_or_bail('bash', '-c', "/usr/bin/python3 test/t/coder.py bomb $coding >$file");
	my $size = (-s $file) / $megabyte;
	my $bomb = "SELECT octet_length(cell_decode(pg_read_binary_file('$file'), '$coding'))";

	my ($megabytes, $result) = measure($bomb, q{SET cell_binary.max_payload_size = '32MB'});
	is($result, qq{54000 payload decoded from coding "$coding" would exceed 33554432 bytes}, "bomb, $coding: cell_decode refuses it");
	cmp_ok($megabytes, '>', 16, "bomb, $coding: the refusal comes at the limit, not before");
	cmp_ok($megabytes, '<', 2 * $size + 32 + 20, "bomb, $coding: it takes little memory");
	unlink $file if $coding ne 'zstd';
}
{
	my ($megabytes, $result) = measure("SELECT octet_length(cell_decode(pg_read_binary_file('$folder/bomb.zstd'), 'zstd'))");
	is($result, '54000 payload decoded from coding "zstd" would exceed 1073741819 bytes', 'cell_decode refuses a payload over the 1 GB of a bytea');
	cmp_ok($megabytes, '<', 1024 + 20, 'cell_decode decodes no more than 1 GB');

	# The content repeats every 16 MB, which is outside the window of the coder.
	system_or_bail('bash', '-c', "head -c 16777216 /dev/urandom >$folder/part; for i in {1..64}; do cat $folder/part; done | head -c 1073741819 >$folder/large");
	($megabytes, $result) = measure("SELECT octet_length(cell_encode(pg_read_binary_file('$folder/large', 0, 1073741819), 'zstd', 1))");
	is($result, '54000 payload encoded in coding "zstd" would exceed 1073741819 bytes', 'cell_encode refuses a payload over the 1 GB of a bytea');
	cmp_ok($megabytes, '<', 2048 + 20, 'cell_encode encodes no more than 1 GB');
	unlink "$folder/large", "$folder/bomb.zstd";
}

# Memory is at most that of the input, the output, the library as docs/reference.md specifies it,
# and 8 MB.
$node->safe_psql('postgres', q{
	CREATE TABLE slide (cells integer, payload bytea);
	ALTER TABLE slide ALTER payload SET STORAGE EXTERNAL;
	INSERT INTO slide
	SELECT cells, cell_pack(i, hashint8(i) & 16383, hashint8(i + 1) & 16383, hashint8(i + 2)::bigint & 255) FROM unnest('{200000,500000,6000000}'::integer[]) cells, generate_series(1, cells) i
	GROUP BY cells});
foreach my $case ([ 'gzip', 'NULL', 6000000, 1, 1 ], [ 'zstd', 'NULL', 6000000, 2, 10 ], [ 'br', 'NULL', 6000000, 48, 17 ],
	[ 'gzip', 9, 500000, 1, 1 ], [ 'zstd', 19, 500000, 95, 10 ], [ 'br', 9, 500000, 52, 17 ], [ 'br', 11, 200000, 52, 17 ])
{
	my ($coding, $level, $cells, $encoder, $decoder) = @$case;
	my $input = (4 + 16 * $cells) / $megabyte;
	my ($megabytes, $output) = measure("SELECT octet_length(cell_encode(payload, '$coding', $level)) FROM slide WHERE cells = $cells");
	$output /= $megabyte;
	cmp_ok($megabytes, '<', $input + $output + $encoder + 8, sprintf '%s, level %s, %.0f to %.0f MB: memory to encode is bounded', $coding, $level, $input, $output);
	$node->safe_psql('postgres', "CREATE TABLE encoded AS SELECT cell_encode(payload, '$coding', $level) AS encoded FROM slide WHERE cells = $cells; ALTER TABLE encoded ALTER encoded SET STORAGE EXTERNAL");
	($megabytes, my $length) = measure("SELECT octet_length(cell_decode(encoded, '$coding')) FROM encoded");
	is($length, 4 + 16 * $cells, "$coding, level $level: the payload is decoded");
	cmp_ok($megabytes, '<', $input + $output + $decoder + 8, "$coding, level $level: memory to decode is bounded");
	$node->safe_psql('postgres', 'DROP TABLE encoded');
}

# An error frees all memory, that of the extension and that of the libraries.
foreach my $coding (qw(gzip zstd br))
{
	my ($failures, $megabytes) = split /\|/, $node->safe_psql('postgres', qq{
		CREATE TEMP TABLE result (failures integer, kilobytes bigint);
		DO \$\$
		DECLARE
			cut bytea := (SELECT substring(e FOR octet_length(e) - 1) FROM cell_encode(decode(repeat('00', 12000000), 'hex'), '$coding') e);
			decoded bytea;
			failures integer := 0;
			before bigint;
		BEGIN
			FOR i IN 1 .. 60 LOOP
				IF i = 11 THEN
					before := kilobytes('VmRSS');
				END IF;
				BEGIN
					decoded := cell_decode(cut, '$coding');
				EXCEPTION WHEN invalid_binary_representation THEN
					failures := failures + 1;
				END;
			END LOOP;
			INSERT INTO result SELECT failures, kilobytes('VmRSS') - before;
		END \$\$;
		SELECT failures, kilobytes / 1024 FROM result});
	is($failures, 60, "$coding: a cut payload is refused");
	cmp_ok($megabytes, '<', 10, "$coding: an error frees its memory");
}

# The delay of statement_timeout at ten moments, in one session, so that the session's memory shows
# whether cancels free it
create_run($node);
foreach my $case ([ 'gzip, encoding', 9, q{cell_encode(payload, 'gzip', 9)}, 6000000, 90 ],
	[ 'zstd, encoding', 19, q{cell_encode(payload, 'zstd', 19)}, 6000000, 90 ],
	[ 'br, encoding', 11, q{cell_encode(payload, 'br', 11)}, 6000000, 90 ],
	[ 'gzip, decoding', 1, q{cell_decode(encoded, 'gzip')}, 6000000, 15 ],
	[ 'zstd, decoding', 1, q{cell_decode(encoded, 'zstd')}, 6000000, 5 ],
	[ 'br, decoding', 1, q{cell_decode(encoded, 'br')}, 6000000, 15 ])
{
	my ($name, $level, $call, $cells, $step) = @$case;
	my ($coding) = $name =~ /^(\w+)/;
	$node->safe_psql('postgres', "CREATE TABLE encoded AS SELECT cell_encode(payload, '$coding', 1) AS encoded FROM slide WHERE cells = $cells") if $name =~ /decoding/;
	my $from = $name =~ /decoding/ ? 'encoded' : "slide WHERE cells = $cells";
	my $query = "SELECT octet_length($call) FROM $from";
	my $memory = q{SET statement_timeout = 0; SELECT kilobytes('VmRSS');};
	my $whole = $node->safe_psql('postgres', "SET statement_timeout = 2000; SELECT CASE WHEN stopped THEN 2000 ELSE milliseconds END FROM run(\$\$$query\$\$)");
	my ($first, $before, @outcomes) = split /\n/, $node->safe_psql('postgres', join("\n",
		"SET statement_timeout = 60; SELECT * FROM run(\$\$$query\$\$);", $memory,
		(map { "SET statement_timeout = " . (30 + $_ * $step) . "; SELECT * FROM run(\$\$$query\$\$);" } 1 .. 10), $memory));
	my $after = pop @outcomes;
	my @late = sort { $a <=> $b } map { /^t\|(.*)/ ? $1 : () } @outcomes;
	note(sprintf '%s was late by %s ms; memory %d kB more', $name, join(', ', map { sprintf '%.0f', $_ } @late), $after - $before);
	cmp_ok(scalar @late, '>=', 6, "$name: statement_timeout stops it");
	# A busy machine delays some of the stops, but not most of them by such a part of the query.
	cmp_ok($late[$#late / 2], '<', $whole / ($name =~ /encoding/ ? 10 : 4), "$name: the delay is short");
	# malloc keeps up to 64 MB.
	cmp_ok($after - $before, '<', 80 * 1024, "$name: a cancel frees its memory");
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS encoded');
}

# Out of memory is an ordinary error. By itself, brotli's encoder would end the process.
foreach my $case ([ 'zstd', 19, 'The library zstd, which implements coding "zstd", could not allocate memory.' ], [ 'br', 11, 'in memory context "cell_binary coding"' ], [ 'br', 4, 'in memory context "cell_binary coding"' ])
{
	my ($coding, $level, $detail) = @$case;
	my ($status, $output, $errors) = $node->psql('postgres', qq{
		\\set VERBOSITY verbose
		CREATE TEMP TABLE p AS SELECT payload FROM slide WHERE cells = 200000;
		SELECT octet_length(cell_encode(payload, '$coding', 1)) FROM p \\g /dev/null
		COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; size=\$(sed -n "s/VmSize:[^0-9]*\\([0-9]*\\).*/\\1/p" /proc/\$PPID/status); prlimit --pid \$PPID --as=\$(((size + 8192) * 1024))';
		SELECT octet_length(cell_encode(payload, '$coding', $level)) FROM p;
		SELECT 'the session goes on';}, on_error_stop => 0);
	like($errors, qr/ERROR:  53200: out of memory\nDETAIL:  .*\Q$detail\E/, "$coding, level $level: out of memory is an error");
	is($output, 'the session goes on', "$coding, level $level: the session goes on after it");
}

$node->stop;
done_testing();
