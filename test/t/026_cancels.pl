# After a cancel of any function at a random moment the session goes on, and no lock, memory or
# partial payload is left behind.
#
# CANCELS is the number of runs of each statement.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use JSON::PP 'decode_json';
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{CANCELS} // 8;
my $node = start_node('cancels');
$node->safe_psql('postgres', q{
	CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, phenotypes bigint, cd3 boolean, intensities real[], PRIMARY KEY (sample, cell_id));
	INSERT INTO cell SELECT 'large', i * 7919 % 1000003, i % 4000, i / 40, hashint8(i) & 255, i % 2 = 1, ARRAY[i % 100 / 100.0, i % 77 / 77.0] FROM generate_series(1, 50000) i;
	INSERT INTO cell SELECT 'small ' || n, i, i, i, i, true, ARRAY[i / 100.0, 0.5] FROM generate_series(1, 20) n, generate_series(1, 100) i;
	CREATE TABLE long AS
	SELECT cell_id::text AS cell, feature::text, phenotypes >> feature & 1 = 1 AS positive, feature / 8.0::float8 AS intensity
	FROM cell, generate_series(0, 7) feature WHERE sample = 'large' AND cell_id % 4 = 0;
	CREATE TABLE payload AS
	SELECT layout, cell_pack(cell_id, x, y, phenotypes, layout) AS payload
	FROM cell, unnest('{compact,spt,dense,arrow}'::text[]) layout WHERE sample = 'large' GROUP BY layout;
	CREATE TABLE encoded AS
	SELECT coding, cell_encode(payload, coding) AS encoded FROM payload, unnest('{gzip,zstd,br}'::text[]) coding WHERE layout = 'compact';
	CREATE TABLE parts (LIKE cell) PARTITION BY HASH (sample);
	SELECT format('CREATE TABLE part_%s PARTITION OF parts FOR VALUES WITH (MODULUS 20, REMAINDER %s)', n, n) FROM generate_series(0, 19) n \gexec
	CREATE TABLE shape (contents text);
	INSERT INTO shape VALUES ('
		AAAnCgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAdugDAAAFAAAAAAAAAACatEAAAAAAAAAYwAAAAAAAurRAAAAAAAAAMkAA
		AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAABABQAAAAAAAAAAmrRAAAAAAAAAGMAAAAAAALq0QAAA
		AAAAADJAAQAAAAUAAAAAAAAAAAAAAACatEAAAAAAAAAYwAAAAAAAmrRAAAAAAAAAMkAAAAAAALq0QAAAAAAAADJAAAAA
		AAC6tEAAAAAAAAAYwAAAAAAAmrRAAAAAAAAAGMA=');
	ANALYZE;
	SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', features => '{a,b}', intensities => 'intensities');
	SELECT cell_create_payload_view('s', 'ready');
	SELECT cell_register_study('taken', 'cell', phenotypes => 'phenotypes', features => '{a,b}', store => false);
	SELECT cell_set_payloads('taken', 'ready')});

# The statement that writes covers the trigger functions and their conditions.
my $statements = slurp_file('test/t/cancels.py');
is(join(' ', grep { $statements !~ /\b\Q$_\E\(/ } split /\n/, $node->safe_psql('postgres', q{
	SELECT DISTINCT proname FROM pg_proc JOIN pg_depend ON classid = 'pg_proc'::regclass AND objid = oid AND deptype = 'e'
	WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cell_binary')
		AND prorettype <> 'trigger'::regtype AND obj_description(oid, 'pg_proc') !~ '^(support function|condition) of'})), '', 'the statements call every function');

local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres', PGUSER => 'postgres');
my $result = decode_json(scalar_of('/usr/bin/python3', 'test/t/cancels.py', $rounds));
my $number = 0;
foreach my $statement (sort keys %{ $result->{cancelled} })
{
	note("cancelled $result->{cancelled}{$statement} times of $rounds: $statement");
	$number += $result->{cancelled}{$statement};
}
note("memory of the session: $result->{memory_before}, and at most $result->{memory}");
cmp_ok($number, '>', $rounds * keys(%{ $result->{cancelled} }) / 2, "over half of the runs are cancelled ($number)");
is_deeply($result->{wrong}, [], 'other runs return the results of runs without a cancel');
is($result->{locks}, 0, 'no lock is held');
cmp_ok($result->{memory}, '<', $result->{memory_before} + 256 * 1024, 'the session has at most 256 kB more memory');
is($node->safe_psql('postgres', q{
	SELECT count(*) FILTER (WHERE length(payload) <> bytes OR etag <> format('"%s"', encode(sha256(payload), 'hex'))),
		(SELECT count(*) FROM pg_ls_tmpdir()), (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'), (SELECT count(*) FROM cell_studies)
	FROM cell_payload}), '0|0|0|2', 'no partial payload, temporary file, worker or study is left');

$node->stop;
done_testing();
