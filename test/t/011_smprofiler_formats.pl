# Formats of SMProfiler (formerly SPT): one-byte numbers, outlines and the
# subsample of a study agree with independent code.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('smprofiler_formats');

# Run smprofiler_formats.py with a file as its input, and return its output.
sub formats
{
	my ($input, @arguments) = @_;
	return scalar_of('bash', '-c', 'exec /usr/bin/python3 test/t/smprofiler_formats.py "$@" <"$0"', $input, @arguments);
}

# Create a table from lines of fields.
sub load
{
	my ($table, $columns, $lines) = @_;
	my $file = "$ENV{TESTDIR}/$table.txt";
	append_to_file($file, $lines);
	$node->safe_psql('postgres', qq{CREATE TABLE $table ($columns); COPY $table FROM '$file' (DELIMITER ' ')});
	unlink $file;
	return;
}

# Codes: all 256 numbers, and values near them
{
	my $output = formats('/dev/null', 'codes');
	load('number', 'code smallint, bits text', join '', map { "$_\n" } $output =~ /^code (.*)$/mg);
	load('value', 'value float8, code smallint', join '', map { "$_\n" } $output =~ /^value (.*)$/mg);
	is($node->safe_psql('postgres', q{
		SELECT count(*), count(*) FILTER (WHERE encode(float8send(cell_minifloat_decode(code)), 'hex') = bits) FROM number}),
		'256|256', 'cell_minifloat_decode returns the number of every code');
	is($node->safe_psql('postgres', q{SELECT value, code, cell_minifloat_encode(value) FROM value WHERE cell_minifloat_encode(value) <> code}),
		'', 'cell_minifloat_encode returns the code of every value');
	is($node->safe_psql('postgres', 'SELECT count(*) > 12000, count(DISTINCT code) FROM value'), 't|256', 'the values cover all codes');
}

# Subsamples of samples of many sizes, some without positive cells
{
	my $features = 7;
	my $file = "$ENV{TESTDIR}/rows.txt";
	my $values = join ' || \' \' || ', map { "i[$_]" } 1 .. $features;
	$node->safe_psql('postgres', qq{
		CREATE TABLE cell AS
		SELECT sample, cell_id, x, y, CASE WHEN sample = 's3' THEN -1 ELSE phenotypes END AS phenotypes, i FROM (
			SELECT 's' || s AS sample, (n * 2654435761) % 4294967296 AS cell_id, 0 AS x, 0 AS y, hashint8extended(n, s) & (127 - s * 8 % 128) AS phenotypes,
				(SELECT array_agg((hashint8extended(n * 7 + k, s) & 65535) / 50000.0::float8 - 0.1 ORDER BY k) FROM generate_series(1, $features) k) AS i
			FROM generate_series(1, 12) s, generate_series(1::bigint, s * s * s) n) made
		ORDER BY hashint8(cell_id);
		SELECT cell_register_study('s', 'cell', phenotypes => 'phenotypes', intensities => 'i',
			features => ARRAY(SELECT 'f' || k FROM generate_series(0, $features - 1) k ORDER BY k));
		COPY (SELECT sample || ' ' || cell_id || ' ' || phenotypes || ' ' || $values FROM cell ORDER BY cell_id) TO '$file'});
	foreach my $arguments ([ 0, 0 ], [ 1, 0 ], [ 17, 0 ], [ 1000, 0 ], [ 1000, -1 ], [ 1000, '9223372036854775807' ], [ 6083, 0 ], [ 6084, 0 ], [ 100_000, 5 ])
	{
		my ($cells, $seed) = @$arguments;
		is($node->safe_psql('postgres', qq{SELECT cell_subsample_metadata('s', $cells); SELECT encode(cell_subsample('s', $cells, $seed), 'hex')}) . "\n",
			formats($file, 'subsample', $cells, $seed), "subsample of $cells cells, seed $seed");
	}
	unlink $file;
}

# Outlines that pyshp writes and reads
SKIP:
{
	my $packages = '/var/cache/cell_binary/test';
	skip "no pyshp in $packages: scripts/install-dependencies tools", 3 if !-d $packages && ($ENV{CI} // '') ne 'true';
	local $ENV{PYTHONPATH} = "$packages/python";
	my @lines = split /\n/, formats('/dev/null', 'shapes');
	load('shape', 'contents text, x text, y text', join '', map { "$_\n" } grep { / / } @lines);
	load('refused', 'contents text', join '', map { "$_\n" } grep { !/ / } @lines);
	is($node->safe_psql('postgres', q{
		SELECT count(*), count(*) FILTER (WHERE encode(point_send(centroid), 'hex') = s.x || s.y)
		FROM shape s, cell_shape_centroid(contents) centroid}), '300|300', 'cell_shape_centroid returns the means of what pyshp reads, to the last bit');
	$node->safe_psql('postgres', q{
		CREATE FUNCTION state_of(contents text) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM cell_shape_centroid(contents);
			RETURN 'none';
		EXCEPTION WHEN OTHERS THEN
			RETURN SQLSTATE;
		END $$});
	is($node->safe_psql('postgres', 'SELECT DISTINCT state_of(contents) FROM refused'), '22P03', 'cell_shape_centroid refuses files without a single polygon');
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM refused'), '>', 30, 'the refused files are of many kinds');
}

$node->stop;
done_testing();
