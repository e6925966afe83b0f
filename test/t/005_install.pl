# CREATE EXTENSION: the roles, schemas and versions for which it works; upgrade and drop. The archive
# for PGXN.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('install');
$node->start;

# Of the sources, only the control file contains the version.
my ($version) = slurp_file('cell_binary.control') =~ /^default_version = '([^']+)'/m;
ok(defined $version, "version $version");
command_ok([ 'make', '-s', 'META.json' ], 'make META.json');
my @versions = slurp_file('META.json') =~ /^ *"version": "([^"]+)"/mg;
is_deeply(\@versions, [ $version, $version, '1.0.0' ], 'META.json gets the version');
like(slurp_file('CHANGELOG.md'), qr/^## \[\Q$version\E\]/m, 'CHANGELOG.md has the version');
is(scalar_of('bash', '-c', q{grep -rlF "$0" --include='*.sql' --include='*.c' --include='*.h' --include='*.control' --include='Makefile' --include='*.in' . | grep -v '/sql/cell_binary--' | sort}, "'$version'"),
	"./cell_binary.control\n", 'no other file repeats the version');

# make dist writes an archive that PGXN accepts: one folder, with a README and a META.json by the
# rules of https://pgxn.org/meta/spec.txt, whose files are in the archive.
my $checkout = PostgreSQL::Test::Utils::tempdir_short() . '/checkout';
system_or_bail('cp', '-a', '.', $checkout);
my @git = ('git', '-C', $checkout, '-c', 'user.name=test', '-c', 'user.email=test@example.com');
system_or_bail(@$_) foreach [ @git, 'init', '-q' ], [ @git, 'add', '.' ], [ @git, 'commit', '-q', '-m', 'test' ];
my @dist = ('make', '-s', '-C', $checkout, 'dist', 'REPOSITORY=https://example.com/cell_binary.git');
command_fails([ @dist, 'MAINTAINER=somebody' ], 'make dist wants an address');
command_ok([ @dist, 'MAINTAINER=A Name <name@example.com>' ], 'make dist');
my @archived = split /\n/, scalar_of('python3', '-c', 'import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist(), sep="\n")',
	"$checkout/cell_binary-$version.zip");
my $top = "cell_binary-$version/";
is_deeply([ grep { index($_, $top) } @archived ], [], 'all files of the archive are in one folder');
my $meta = decode_json(slurp_file("$checkout/META.json"));
my ($provided) = values %{ $meta->{provides} };
foreach my $file ('META.json', 'README.md', 'LICENSE', 'Makefile', "$meta->{name}.control", @$provided{qw(file docfile)})
{
	is(scalar(grep { $_ eq "$top$file" } @archived), 1, "the archive has $file");
}
is_deeply([ grep { m{^$top(?:api|debian|test/t)/} } @archived ], [], 'the archive has only the extension');
is_deeply([ grep { !$meta->{$_} } qw(abstract license maintainer meta-spec name provides version) ], [], 'META.json has the required fields');
like($_, qr/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/, "$_ is a semantic version")
	foreach $meta->{version}, $provided->{version}, $meta->{'meta-spec'}{version}, values %{ $meta->{prereqs}{runtime}{requires} };
is_deeply([ grep { !m{^[^\s/\\[:cntrl:]][^/\\[:cntrl:]]{1,255}$} } @{ $meta->{tags} } ], [], 'tags are short, and have no slash');

# The extension is trusted: any role with CREATE on the database can install it.
$node->safe_psql('postgres', q{
	CREATE ROLE owner LOGIN;
	CREATE ROLE reader LOGIN;
	CREATE DATABASE lab OWNER owner});
my @as_owner = (extra_params => [ '-U', 'owner' ]);
$node->safe_psql('lab', 'CREATE SCHEMA imaging; CREATE EXTENSION cell_binary SCHEMA imaging', @as_owner);
is($node->safe_psql('lab', q{SELECT extversion, extnamespace::regnamespace FROM pg_extension WHERE extname = 'cell_binary'}),
	"$version|imaging", 'the owner of a database installs the extension in a schema of choice');
is($node->safe_psql('lab', q{
	SELECT count(*) FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
	WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
		AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cell_binary')
		AND pronamespace <> 'imaging'::regnamespace}), '0', 'all functions are in that schema');
my ($status, undef, $errors) = $node->psql('lab', 'CREATE EXTENSION cell_binary SCHEMA public', extra_params => [ '-U', 'reader' ]);
like($errors, qr/ERROR:/, 'a role without CREATE cannot install the extension');

# Other roles use the extension under any search_path, even behind functions of the same name.
$node->safe_psql('lab', 'GRANT USAGE ON SCHEMA imaging TO reader; GRANT CREATE ON DATABASE lab TO reader', @as_owner);
is($node->safe_psql('lab', q{
	CREATE SCHEMA trick;
	CREATE FUNCTION trick.int8or(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 666::bigint';
	CREATE FUNCTION trick.cell_pack_transfn(bigint, integer, integer, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 666::bigint';
	SET search_path = trick, pg_catalog;
	SELECT imaging.cell_pack(i, i, i), imaging.cell_phenotypes_agg(i, true), (imaging.cell_info(imaging.cell_empty())).cells
	FROM generate_series(1, 2) i}, extra_params => [ '-U', 'reader' ]),
	'\x0200000001000000010000000100000000000000' . '02000000020000000200000000000000|6|0', 'the extension works under another search_path');

# JIT compiles and inlines the functions of the server. It must not copy functions of the library,
# which call others that only the library sees.
is($node->safe_psql('lab', q{
	SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0;
	SET search_path = imaging, pg_catalog;
	SELECT sum(cell_positive(i % 2)::integer), sum(cell_phenotypes(i % 2 = 0, true)), (cell_info(cell_pack(i, i, i))).cells
	FROM generate_series(1, 10) i}), '5|25|10', 'queries work with JIT and inlining');
is(scalar_of('find', "$ENV{SANDBOX}/install", '-path', '*bitcode*cell_binary*'), '', 'no bitcode is installed');

# Drop and create again. Nothing must stay behind.
my $objects = q{SELECT count(*) FROM pg_proc WHERE proname LIKE 'cell\_%'};
cmp_ok($node->safe_psql('lab', $objects), '>=', 23, 'there are functions before the drop');
$node->safe_psql('lab', 'DROP EXTENSION cell_binary', @as_owner);
is($node->safe_psql('lab', $objects), '1', 'only the user\'s own function is left after the drop');
$node->safe_psql('lab', 'CREATE EXTENSION cell_binary SCHEMA imaging', @as_owner);
cmp_ok($node->safe_psql('lab', $objects), '>=', 23, 'the functions are there again');

# An upgraded extension must equal a fresh installation in every row of the catalogs. test/upgrade has the
# scripts that install the released versions. In a database that is not upgraded yet, the new library works.
my $extension_folder = "$ENV{SANDBOX}/install" . (scalar_of($ENV{PG_CONFIG}, '--sharedir') =~ s/\n//r) . '/extension';
my @released = map { m{cell_binary--([0-9.]+)\.sql$} } sort glob 'test/upgrade/*.sql';
cmp_ok(scalar @released, '>=', 1, 'there are released versions');
foreach my $older (@released)
{
	system_or_bail('cp', "test/upgrade/cell_binary--$older.sql", $extension_folder);
	$node->safe_psql('postgres', 'CREATE DATABASE upgraded; CREATE DATABASE fresh');
	$node->safe_psql('fresh', 'CREATE EXTENSION cell_binary');
	$node->safe_psql('upgraded', "CREATE EXTENSION cell_binary VERSION '$older'");
	my $served = q{SELECT md5(cell_data('s', '1')), md5(cell_data('s', '1', 'dense', 'br')), cell_data_head('s', '1', 'spt'), md5(string_agg(payload, '' ORDER BY sample))
		FROM cell_data_samples('s', 'arrow')};
	foreach my $database (qw(fresh upgraded))
	{
		$node->safe_psql($database, q{
			CREATE TABLE cell (sample text, cell_id bigint, x integer, y integer, a boolean, b boolean);
			INSERT INTO cell SELECT i % 3, i, i, i, i % 2 = 0, i % 5 = 0 FROM generate_series(1, 300) i;
			SELECT cell_register_study('s', 'cell', feature_columns => '{a,b}');
			CALL cell_prepare('s')});
	}
	my $expected = $node->safe_psql('fresh', $served);
	is($node->safe_psql('upgraded', $served), $expected, "the library serves a database with version $older");
	is($node->safe_psql('upgraded', q{UPDATE cell SET a = false WHERE cell_id = 1; SELECT count(*) FROM cell_samples('s'), cell_feature_names('s')}), '6', 'writes and lists work there');
	# A role without privileges gives another type the name that the library looks for in a later version.
	$node->safe_psql('upgraded', q{GRANT CREATE ON SCHEMA public TO reader; SET ROLE reader; CREATE TYPE public.cell_layout AS ENUM ('compact', 'spt', 'dense', 'arrow')});
	is($node->safe_psql('upgraded', q{SELECT md5(cell_data('s', '0', 'arrow'))}), $node->safe_psql('fresh', q{SELECT md5(cell_data('s', '0', 'arrow'))}), 'a planted type is not used');
	$node->safe_psql('upgraded', q{DROP TYPE public.cell_layout; DROP OWNED BY reader});
	$node->safe_psql('fresh', q{UPDATE cell SET a = false WHERE cell_id = 1});
	my $stored = $node->safe_psql('upgraded', q{SELECT sum(misses) FROM cell_store_stats});
	$node->safe_psql('upgraded', 'ALTER EXTENSION cell_binary UPDATE');
	is($node->safe_psql('upgraded', 'SELECT extversion FROM pg_extension WHERE extname = $$cell_binary$$'), $version, "version $older is upgraded");
	is($node->safe_psql('upgraded', $served), $node->safe_psql('fresh', $served), 'the upgraded database serves the same');
	# The UPDATE has changed sample 1, which was requested in three layouts. Sample 2 is stored.
	is($node->safe_psql('upgraded', q{SELECT cell_data('s', '2') IS NULL; SELECT sum(misses) FROM cell_store_stats}), "f\n" . ($stored + 3), 'the upgrade keeps the stored payloads of unchanged samples');
	my @rows;
	foreach my $database (qw(fresh upgraded))
	{
		$node->safe_psql($database, q{SELECT cell_drop_study('s'); DROP TABLE cell});
		system_or_bail('psql', '-X', '-q', '-d', $node->connstr($database), '-f', 'test/include/extension_rows.sql');
		push @rows, [ split /\n/, $node->safe_psql($database, 'SELECT line FROM extension_rows() line ORDER BY line COLLATE "C"') ];
	}
	cmp_ok(scalar @{ $rows[0] }, '>', 500, 'the catalogs have many rows of the extension');
	my %fresh = map { $_ => 1 } @{ $rows[0] };
	my %upgraded = map { $_ => 1 } @{ $rows[1] };
	is(join("\n", grep { !$upgraded{$_} } @{ $rows[0] }), '', "an upgrade from $older lacks no row");
	is(join("\n", grep { !$fresh{$_} } @{ $rows[1] }), '', "an upgrade from $older has no other row");
	$node->safe_psql('postgres', 'DROP DATABASE upgraded; DROP DATABASE fresh');
	unlink "$extension_folder/cell_binary--$older.sql" or die "cannot remove the script of version $older";
}

# Another user has installed the extension on the machine. A sandbox must not contain any of it.
my $machine = PostgreSQL::Test::Utils::tempdir_short() . '/machine';
my ($bindir, $sharedir, $pkglibdir) = map { my $path = scalar_of($ENV{PG_CONFIG}, $_); chomp $path; "$machine$path" } qw(--bindir --sharedir --pkglibdir);
system_or_bail('cp', '-a', "$ENV{SANDBOX}/install", $machine);
system_or_bail('ln', '-s', '/usr/include', "$machine/usr/include");
mkdir $_ for "$pkglibdir/bitcode", "$pkglibdir/bitcode/cell_binary";
append_to_file("$pkglibdir/$_", 'of the machine') for 'bitcode/cell_binary.index.bc', 'bitcode/cell_binary/planted.bc', 'cell_binary.so';
append_to_file("$sharedir/extension/cell_binary--0.0.1.sql", 'of the machine');
{
	local $ENV{PG_CONFIG} = "$bindir/pg_config";
	my $look = 'find -L "$SANDBOX/install" -path "*bitcode/cell_binary*" -o -name cell_binary--0.0.1.sql;'
		. ' psql -XAqtc "CREATE EXTENSION cell_binary; SELECT cell_chunk_count(1, 1)"';
	is(scalar_of('scripts/sandbox', 'bash', '-c', $look), "1\n", 'a sandbox contains nothing of an installed extension');
}

$node->stop;
done_testing();
