# pg_dump and restore keep the contents of a database whose objects use the extension.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('origin');
my $other = new_node('target');
$other->start;

$node->safe_psql('postgres', 'CREATE DATABASE lab');
$node->safe_psql('lab', q{
	CREATE SCHEMA imaging;
	CREATE EXTENSION cell_binary SCHEMA imaging;
	CREATE TABLE cell (sample text, cell_id bigint, x float8, y float8, cd3 boolean, cd8 boolean, PRIMARY KEY (sample, cell_id));
	INSERT INTO cell SELECT 'sample ' || i % 4, i, i * 1.25, i % 17 - 3.5, i % 3 = 0, i % 5 = 0 FROM generate_series(1, 5000) i;
	CREATE VIEW positive_cell AS
		SELECT sample, cell_id, x, y, imaging.cell_phenotypes(cd3, cd8) AS phenotypes FROM cell;
	CREATE VIEW slide AS
		SELECT sample, imaging.cell_pack(cell_id, x, y, phenotypes, 'spt') AS payload FROM positive_cell GROUP BY sample;
	CREATE MATERIALIZED VIEW stored_slide AS
		SELECT sample, imaging.cell_pack(cell_id, x, y, phenotypes) AS payload FROM positive_cell GROUP BY sample;
	CREATE INDEX ON stored_slide (imaging.cell_count(payload, 1));
	CREATE VIEW unpacked AS SELECT sample, u.* FROM stored_slide, imaging.cell_unpack(payload) u;
	CREATE TABLE checked (payload bytea CHECK ((imaging.cell_info(payload)).cells < 10000));
	INSERT INTO checked SELECT payload FROM stored_slide;
	CREATE FUNCTION slide_payload(sample text) RETURNS bytea LANGUAGE sql STABLE
	BEGIN ATOMIC
		SELECT imaging.cell_pack(cell_id, x, y, phenotypes) FROM positive_cell WHERE positive_cell.sample = $1;
	END});

my $contents = q{
	SELECT 'view', sample, md5(payload) FROM slide
	UNION ALL SELECT 'materialized view', sample, md5(payload) FROM stored_slide
	UNION ALL SELECT 'unpacked', sample, md5(string_agg(u::text, ';' ORDER BY u::text)) FROM unpacked u GROUP BY sample
	UNION ALL SELECT 'table', '', md5(payload) FROM checked
	UNION ALL SELECT 'function', '', md5(slide_payload('sample 1'))
	ORDER BY 1, 2, 3};
my $expected = $node->safe_psql('lab', $contents);
is(scalar(split /\n/, $expected), 17, 'there is something to restore');

foreach my $format (qw(custom plain))
{
	my $file = "$ENV{TESTDIR}/dump.$format";
	command_ok([ 'pg_dump', '-d', $node->connstr('lab'), "--format=$format", '-f', $file ], "pg_dump, $format");
	foreach my $target ($node, $other)
	{
		my $database = "restored_$format";
		$target->safe_psql('postgres', "CREATE DATABASE $database");
		command_ok(
			$format eq 'custom'
			? [ 'pg_restore', '--exit-on-error', '-d', $target->connstr($database), $file ]
			: [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $target->connstr($database), '-f', $file ],
			"restore, $format, into cluster " . $target->name);
		is($target->safe_psql($database, $contents), $expected, 'the contents are the same');
	}
	unlink $file;
}

# The dump must not contain the functions of the extension.
my ($plain) = run_command([ 'pg_dump', '-d', $node->connstr('lab'), '--schema-only' ]);
like($plain, qr/CREATE EXTENSION IF NOT EXISTS cell_binary WITH SCHEMA imaging/, 'the dump contains CREATE EXTENSION');
unlike($plain, qr/CREATE FUNCTION imaging\./, 'the dump does not contain the functions of the extension');

$node->stop;
$other->stop;
done_testing();
