# Arbitrary rows in the extension's own tables cause at most an error, never a crash, and give no
# role a privilege.
#
# pg_restore and the owner of the extension can write such rows. SEED chooses the random rows, and
# BATCHES is their number.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // 1;
my $batches = $ENV{BATCHES} // 12;
note("SEED=$seed BATCHES=$batches");

my $node = new_node('own_tables');
$node->append_conf('postgresql.conf', q{
	fsync = off
	jit = off
	restart_after_crash = on      # so that one crash does not hide another
	log_statement = none
	log_line_prefix = '%e '
	statement_timeout = 60s});
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE lab LOGIN; CREATE ROLE reader LOGIN; CREATE DATABASE lab OWNER owner');
$node->safe_psql('lab', 'CREATE SCHEMA imaging; GRANT USAGE ON SCHEMA imaging TO PUBLIC; CREATE EXTENSION cell_binary SCHEMA imaging',
	extra_params => [ '-U', 'owner' ]);

# Relations of all kinds, with columns of many types
$node->safe_psql('lab', q{
	CREATE SCHEMA tissue AUTHORIZATION lab;
	CREATE FOREIGN DATA WRAPPER none;
	CREATE SERVER none FOREIGN DATA WRAPPER none;
	GRANT USAGE ON FOREIGN SERVER none TO lab;
	SET SESSION AUTHORIZATION lab;
	GRANT USAGE ON SCHEMA tissue TO PUBLIC;
	ALTER DEFAULT PRIVILEGES IN SCHEMA tissue GRANT SELECT ON TABLES TO reader;
	SET search_path = tissue;
	CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	CREATE DOMAIN code AS text CHECK (value <> 'missing');
	CREATE TABLE cell (sample text, cell_id bigint, x integer, y double precision, cd3 boolean, cd8 integer, phenotypes bigint, intensities real[],
		"words" text[], "note" text COLLATE any_case, "when" timestamptz, "a ""b"" 'c'; \" numeric, PRIMARY KEY (sample, cell_id));
	INSERT INTO cell SELECT 'S' || 1 + i % 2, i, i, i / 2.0, i % 2 = 0, i % 3 % 2, i % 4, ARRAY[i % 5 / 5.0, i % 7 / 7.0] FROM generate_series(1, 20) i;
	CREATE TABLE part (sample varchar(10), cell_id integer, x numeric, y real, cd3 boolean, cd8 smallint, phenotypes bigint, intensities float8[]) PARTITION BY LIST (sample);
	CREATE TABLE part_1 PARTITION OF part FOR VALUES IN ('1');
	CREATE TABLE part_2 PARTITION OF part DEFAULT;
	INSERT INTO part SELECT 1 + i % 2, i, i, i / 2.0, i % 2 = 0, i % 3 % 2, i % 4, ARRAY[i % 5 / 5.0, i % 7 / 7.0] FROM generate_series(1, 20) i;
	CREATE VIEW seen AS SELECT sample::code, cell_id::integer, x, y, cd3, cd8, phenotypes, intensities FROM cell;
	CREATE MATERIALIZED VIEW kept AS SELECT * FROM seen;
	CREATE FOREIGN TABLE far (sample text, cell_id bigint, x integer, y integer, cd3 boolean, cd8 integer, phenotypes bigint) SERVER none;
	CREATE TYPE pair AS (sample text, cell_id bigint);
	CREATE SEQUENCE number;
	CREATE TABLE gone (LIKE cell);
	SELECT imaging.cell_register_study('columns', 'cell', feature_columns => '{cd3,cd8}', intensities => 'intensities');
	SELECT imaging.cell_register_study('mask', 'cell', phenotypes => 'phenotypes', features => '{a,b}', intensities => 'intensities');
	SELECT imaging.cell_register_study('places', 'cell', phenotypes => 'phenotypes', features => '{}');
	SELECT imaging.cell_register_study('part', 'part', feature_columns => '{cd3,cd8}', features => '{CD3,CD8}');
	SELECT imaging.cell_register_study('view', 'seen', phenotypes => 'phenotypes', features => '{a,b}', store => true);
	SELECT count(imaging.cell_data(study, sample, layout, coding))
	FROM (VALUES ('columns'), ('mask'), ('part'), ('view')) study (study), imaging.cell_samples(study) sample,
		(VALUES ('compact'), ('dense')) layout (layout), (VALUES ('identity'), ('gzip')) coding (coding);
	UPDATE part SET x = 7 WHERE sample = '1'});
$node->safe_psql('lab', q{
	CREATE TABLE relation AS
		SELECT oid FROM pg_class WHERE relnamespace = 'tissue'::regnamespace
		UNION
		SELECT reltoastrelid FROM pg_class WHERE relnamespace = 'tissue'::regnamespace
		UNION
		SELECT unnest('{pg_authid,pg_statistic,pg_settings,0,1,4294967295}'::regclass[]);
	DROP TABLE tissue.gone} . ';' . slurp_file('test/include/mutate.sql') . slurp_file('test/include/random_rows.sql') . q{
	CREATE SCHEMA genuine;
	SELECT format('CREATE TABLE genuine.%1$I AS SELECT * FROM imaging.%1$I', relname) FROM pg_class
	WHERE relnamespace = 'imaging'::regnamespace AND relkind = 'r' \gexec
	});
my @tables = split /\n/, $node->safe_psql('lab', q{SELECT relname FROM pg_class WHERE relnamespace = 'genuine'::regnamespace AND relkind = 'r' ORDER BY 1});
note("tables: @tables");

my $started = $node->safe_psql('lab', 'SELECT pg_postmaster_start_time()');
my (%fate, @faults);
my $crashes = 0;

# Put random rows into the tables, and call all functions that read them. Count the rows by outcome,
# and collect crashes and internal errors.
sub run_batch
{
	my ($number) = @_;
	my $first = 1000 * (1000 * $seed + $number);
	my $offset = -s $node->logfile;
	$node->safe_psql('lab', 'CALL reset_tables()');
	foreach my $table (@tables)
	{
		my $last = $first + ($table eq 'cell_study' ? 60 : 40) - 1;
		my $fates = $node->safe_psql('lab', "SELECT insert_random('imaging.$table', seed) FROM generate_series($first, $last) seed");
		$fate{"$table: $_"}++ foreach split /\n/, $fates;
	}

	my $isolation = $number % 2 ? 'read committed' : 'repeatable read';
	$node->psql('lab', qq{
		\\set VERBOSITY sqlstate
		\\o /dev/null
		SET default_transaction_isolation = '$isolation';
		SELECT * FROM random_calls($first) \\gexec}, on_error_stop => 0);
	wait_for_recovery($node);

	my $fault;
	foreach my $line (split /\n/, slurp_file($node->logfile, $offset))
	{
		$fault = $line if $line =~ /^XX000|cache lookup failed|could not open relation|floating-point exception|division by zero|statement timeout|PANIC|TRAP|terminated by signal/;
		next if !defined $fault || $line !~ /(?:STATEMENT|was running):  ?(.{1,300})/;
		push @faults, "batch $number: $1: $fault";
		undef $fault;
		next if $line !~ /was running/;
		$crashes++;
		my ($study) = $line =~ /\((?:study => )?('(?:[^']|'')*')/;
		$faults[-1] .= ', with ' . $node->safe_psql('lab', "SELECT left(s::text, 500) FROM imaging.cell_study s WHERE study = $study") if defined $study;
	}
	return;
}

# The first half of the batches has the tables' constraints. The second half drops them, because the
# C code must be safe without them.
foreach my $number (1 .. $batches)
{
	last if $crashes == 5;
	if ($number == 1 + int($batches / 2))
	{
		note('without the constraints: ' . $node->safe_psql('lab', q{
			SELECT string_agg(conname, ' ') FROM pg_constraint WHERE conrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'imaging'::regnamespace) AND contype = 'c'}));
		$node->safe_psql('lab', q{
			SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
			FROM pg_constraint WHERE conrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'imaging'::regnamespace) AND contype = 'c' \gexec
			});
	}
	run_batch($number);
}
note("$_: $fate{$_}") foreach sort keys %fate;
cmp_ok($fate{"$_: inserted"} // 0, '>', 10 * $batches, "$_ got random rows") foreach $crashes ? () : @tables;
is($crashes, 0, 'the server does not crash');
is(join("\n", @faults), '', 'there are no internal errors');
is($node->safe_psql('lab', 'SELECT pg_postmaster_start_time()'), $started, 'the server was not restarted');

# The owner of the extension can insert studies, as pg_restore does, with any relation as source and
# any role as registrar. Such a study must not let a role read a relation that it could not read
# before. A role that drops such a study must not lock a relation of another role.
$node->safe_psql('lab', q{
	CALL reset_tables();
	CREATE TABLE tissue.private AS TABLE tissue.cell});
my %inserted = (
	'tissue.private' => q{"sample_column": "sample", "cell_id_column": "cell_id", "x_column": "x", "y_column": "y", "feature_columns": ["cd3"]},
	'pg_authid' => q{"sample_column": "rolpassword", "cell_id_column": "rolconnlimit", "x_column": "rolconnlimit", "y_column": "rolconnlimit", "feature_columns": ["rolsuper"]});
my %reading = map { split /\|/ } split /\n/, $node->safe_psql('lab', q{
	SELECT proname, random_call(function, '{"study": "inserted", "sample": "S1", "layout": "compact", "coding": "gzip", "cells": 9, "seed": 1, "chunk_bytes": 9, "number": 1, "samples": 1}', 0)
	FROM study_function WHERE proname NOT IN ('cell_register_study', 'cell_invalidate', 'cell_drop_study', 'cell_prepare_samples')});
cmp_ok(scalar(keys %reading), '>=', 12, 'there are functions that read a source');
foreach my $source (sort keys %inserted)
{
	foreach my $registrar ('owner', 'reader', 'postgres')
	{
		my $name = "$source, registered by $registrar";
		my $row = $node->safe_psql('lab', qq{
			SELECT to_jsonb(s) || '{"id": 999, "study": "inserted", "source": "$source", "registered_by": "$registrar", "store": false, "features": ["a"], $inserted{$source}}'
			FROM genuine.cell_study s WHERE study = 'columns'});
		my ($status, undef, $errors) = $node->psql('lab', "INSERT INTO imaging.cell_study SELECT * FROM jsonb_populate_record(NULL::imaging.cell_study, '$row')",
			extra_params => [ '-U', 'owner' ]);
		note("$name: " . ($status == 0 ? 'inserted' : "refused: $errors"));
		next if $status != 0;
		foreach my $role ('owner', 'reader')
		{
			my (undef, $states) = $node->psql('lab', join("\n", map { "$reading{$_};\n\\echo $_ :SQLSTATE" } sort keys %reading),
				on_error_stop => 0, extra_params => [ '-U', $role ]);
			is($states, join("\n", map { "$_ 42501" } sort keys %reading), "$name: $role cannot read it");
			my (undef, $locks) = $node->psql('lab', qq{
				\\o /dev/null
				BEGIN;
				SELECT imaging.cell_drop_study('inserted');
				\\o
				SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = '$source'::regclass AND mode <> 'AccessShareLock'},
				on_error_stop => 0, extra_params => [ '-U', $role ]);
			is($locks, '', "$name: $role drops the study and locks nothing");
		}
		$node->safe_psql('lab', q{DELETE FROM imaging.cell_study WHERE study = 'inserted'});
	}
}

# The tables can have more columns than this library knows.
$node->safe_psql('lab', q{
	CALL reset_tables();
	TRUNCATE imaging.cell_study;
	CREATE TABLE tissue.more AS TABLE tissue.part;
	SELECT imaging.cell_register_study('more', 'tissue.more', phenotypes => 'phenotypes', features => '{a,b}', intensities => 'intensities')});
my $cells = q{SELECT cells FROM imaging.cell_data_head('more', '1')};
foreach my $columns (1, 300)
{
	my $before = $node->safe_psql('lab', $cells);
	$node->safe_psql('lab', join(';', map { "ALTER TABLE imaging.cell_study ADD COLUMN added_${columns}_$_ text DEFAULT 'x'" } 1 .. $columns));
	is($node->safe_psql('lab', "$cells; SELECT stored_payloads FROM imaging.cell_store_stats WHERE study = 'more'"), "$before\n1", "with $columns more columns, the payload is ready");
	$node->safe_psql('lab', "INSERT INTO tissue.more (sample, cell_id, x, y, phenotypes, intensities) VALUES ('1', 100 + $columns, 1, 1, 1, '{1,1}')");
	is($node->safe_psql('lab', $cells), $before + 1, "with $columns more columns, a change is noticed");
}
# A stored subsample without metadata
is($node->safe_psql('lab', q{
	SELECT imaging.cell_data('more', NULL, 'subsample') IS NULL;
	UPDATE imaging.cell_payload SET payload = '' WHERE layout = 'subsample' RETURNING coding}), "f\nidentity", 'a subsample is stored');
foreach my $part ('subsample_metadata', 'subsample_body')
{
	my (undef, undef, $errors) = $node->psql('lab', qq{SELECT imaging.cell_data('more', NULL, '$part')});
	like($errors, qr/ERROR:  stored subsample has no metadata/, "$part of a stored subsample without metadata");
}

$node->stop;
done_testing();
