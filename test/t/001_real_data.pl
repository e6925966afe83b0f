# Real slides: payloads equal those that SMProfiler (formerly SPT) serves and those of an
# independent packer.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = shared_data();
plan skip_all => 'no ../shared/data' if !defined $data;

my $node = start_node('real_data');


# The fixture of SMProfiler
{
	my $fixture = "$data/spt";
	load_csv($node, 'postgres', "$fixture/0.csv");

	# The channels are named "0", "1", ... in the order of their file. The bits follow the order of
	# these names as text.
	open(my $file, '<', "$fixture/elementary_phenotypes.csv") or die $!;
	my (undef, @channels) = map { [ split /,/ ] } <$file>;
	close($file);
	my @bits = sort { "$a" cmp "$b" } 0 .. $#channels;
	my $positives = join(', ', map { "\"$channels[$_][1]_Positive\" = '1'" } @bits);

	# Cell ids number the rows from 0, without repeated rows.
	my $columns = join(', ', map { "\"$_\"" } qw(XMin XMax YMin YMax), map { "$channels[$_][1]_Positive" } @bits);
	$node->safe_psql('postgres', qq{
		CREATE TABLE slide AS
		SELECT cell_pack(cell_id, x, y, phenotypes, 'spt') AS payload
		FROM (
			SELECT row_number() OVER (ORDER BY min(csv_row)) - 1 AS cell_id,
				("XMin"::float8 + "XMax"::float8) / 2 AS x,
				("YMin"::float8 + "YMax"::float8) / 2 AS y,
				cell_phenotypes($positives) AS phenotypes
			FROM csv GROUP BY to_jsonb(csv) - 'csv_row', $columns
		) cell});

	my $dump = smprofiler_dump($fixture);
	is(length $dump, 2 * 100 * 20, 'the dump has 100 cells');
	is($node->safe_psql('postgres', q{SELECT encode(substring(payload FROM 21), 'hex') FROM slide}),
		$dump, 'layout spt: the body equals the body that SMProfiler serves');
	is( $node->safe_psql('postgres', q{SELECT encode(sha256(payload), 'hex') FROM slide}),
		scalar_of('/usr/bin/python3', 'test/t/packer.py', 'spt', "$fixture/0.csv", "$fixture/elementary_phenotypes.csv") =~ s/\n//r,
		'layout spt: the header follows SMProfiler\'s rule');

	# The same cells as a study, with a column for each channel
	my $table = join(', ', map { "\"$channels[$_][1]_Positive\"::integer AS channel_$_" } @bits);
	my $quote = sub { join(', ', map { "'$_'" } @_) };
	my $register = 'SELECT cell_register_study(\'il2\', \'cell\', feature_columns => ARRAY[' . $quote->(map { "channel_$_" } @bits) .
		']::name[], features => ARRAY[' . $quote->(map { $channels[$_][0] } @bits) . '])';
	$node->safe_psql('postgres', qq{
		CREATE TABLE cell AS
		SELECT 'lesion 0_1' AS sample, row_number() OVER (ORDER BY min(csv_row)) - 1 AS cell_id,
			("XMin"::float8 + "XMax"::float8) / 2 AS x, ("YMin"::float8 + "YMax"::float8) / 2 AS y, $table
		FROM csv GROUP BY to_jsonb(csv) - 'csv_row', $columns;
		$register});
	is($node->safe_psql('postgres', q{SELECT cell_data('il2', 'lesion 0_1', 'spt') = payload FROM slide}), 't', 'cell_data serves the same payload');
	my $expected = slurp_file("$fixture/expected_bitmask_feature_names.json");
	is($node->safe_psql('postgres', qq{SELECT cell_feature_names_json('il2')::jsonb = \$json\$$expected\$json\$::jsonb}),
		't', 'cell_feature_names_json returns the names in the order of SMProfiler');
}

# Slides of melanoma
my @slides = glob("$data/moldoveanu/[0-9]*.csv");
cmp_ok(scalar @slides, '>=', 8, 'there are slides');
my @bytes;
foreach my $slide (@slides)
{
	my ($name) = $slide =~ m{/(\d+)\.csv$};
	my $database = "slide_$name";

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION cell_binary');
	load_csv($node, $database, $slide);
	system_or_bail('psql', '-X', '-q', '-d', $node->connstr($database), '-v', 'ON_ERROR_STOP=1', '-f', 'demo/csv_cells.sql');
	foreach my $layout (qw(compact spt dense))
	{
		is( $node->safe_psql($database, qq{
				SELECT encode(sha256(cell_pack(cell_id, x, y, phenotypes, '$layout' ORDER BY hashint8(cell_id))), 'hex') FROM cells}),
			scalar_of('/usr/bin/python3', 'test/t/packer.py', 'csv', $slide, $layout) =~ s/\n//r,
			"slide $name, layout $layout: the payload equals that of an independent packer");
	}
	is( $node->safe_psql($database, q{
			SELECT row_number() OVER () - 1 || ' ' || x || ' ' || y || ' ' || phenotypes
			FROM cell_unpack((SELECT cell_pack(cell_id, x, y, phenotypes) FROM cells))}) . "\n",
		scalar_of('/usr/bin/python3', 'test/t/packer.py', 'cells', $slide),
		"slide $name, layout compact: unpacking returns the packed cells");
	is( $node->safe_psql($database, q{
			SELECT count(*) FROM cells c
			JOIN cell_unpack((SELECT cell_pack(cell_id, x, y, phenotypes, 'spt') FROM cells), 'spt') u USING (cell_id, phenotypes)
			CROSS JOIN (SELECT min(x) AS min_x, min(y) AS min_y, min(x) <= 1 OR min(y) <= 1 AS shift FROM cells) m
			WHERE u.x = trunc(CASE WHEN shift THEN c.x - min_x + 1 ELSE c.x END)
				AND u.y = trunc(CASE WHEN shift THEN c.y - min_y + 1 ELSE c.y END)}),
		$node->safe_psql($database, 'SELECT count(*) FROM cells'),
		"slide $name, layout spt: unpacking returns the packed cells");
	is( $node->safe_psql($database, q{
			SELECT string_agg(cell_id || ' ' || x || ' ' || y || ' ' || phenotypes, E'\n')
			FROM cell_unpack((SELECT cell_pack(cell_id, x, y, phenotypes, 'dense') FROM cells), 'dense')}) . "\n",
		scalar_of('/usr/bin/python3', 'test/t/packer.py', 'cells', $slide),
		"slide $name, layout dense: unpacking returns the packed cells");
	push @bytes, $node->safe_psql($database, q{
		SELECT length(cell_pack(cell_id, x, y, phenotypes, 'dense'))::float8 / count(*) FROM cells});
}
my $mean = 0;
$mean += $_ / @bytes foreach @bytes;
cmp_ok($mean, '<=', 9, sprintf('layout dense: %.2f bytes a cell', $mean));

$node->stop;
done_testing();
