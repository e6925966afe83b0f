# Memory and limits: many small samples, long tables, and samples around the largest payload.
use strict;
use warnings;
use lib 'test/perl';
use CellBinary;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('limits');
my $megabyte = 1024 * 1024;

# 10,000 samples at once. The scalar subqueries run for the first result row, when all states exist.
foreach my $form ([ 'without ids', 'x, y, phenotypes' ], [ 'with ids', 'cell_id, x, y, phenotypes' ])
{
	my ($name, $arguments) = @$form;
	my ($samples, $cells, $contexts, $bytes) = split /\|/, $node->safe_psql('postgres', qq{
		SET work_mem = '20GB';   -- 10,000 times the planner's estimate for a sample
		SET enable_sort = off;
		SELECT count(*), sum(cells), max(contexts), max(bytes)
		FROM (
			SELECT sample, (cell_info(cell_pack($arguments))).cells,
				(SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'cell_binary cell sets') AS contexts,
				(SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'cell_binary cell sets') AS bytes
			FROM (SELECT i % 10000 AS sample, i AS cell_id, i AS x, i AS y, i::bigint AS phenotypes FROM generate_series(1, 1000000) i) cell
			GROUP BY sample
		) packed});
	is($samples, 10_000, "$name: 10,000 samples");
	is($cells, 1_000_000, "$name: they have 1,000,000 cells in all");
	is($contexts, 1, "$name: they share one memory context");
	cmp_ok($bytes, '>', 16_000_000, "$name: the memory context holds the cells");
	cmp_ok($bytes, '<', 64 * $megabyte, "$name: the memory context has less than 64 MB");
	note("$name: $bytes bytes");
}

# Sorted groups are packed one after the other. Each frees its memory before the next begins.
{
	my ($cells, $contexts, $bytes) = split /\|/, $node->safe_psql('postgres', q{
		SET enable_hashagg = off;
		SELECT sum(cells), max(contexts), max(bytes)
		FROM (
			SELECT sample, (cell_info(cell_pack(x, y, phenotypes))).cells,
				(SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'cell_binary cell sets' AND sample >= 0) AS contexts,
				(SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'cell_binary cell sets' AND sample >= 0) AS bytes
			FROM (SELECT i % 1000 AS sample, i AS x, i AS y, i::bigint AS phenotypes FROM generate_series(1, 100000) i) cell
			GROUP BY sample
		) packed});
	is($cells, 100_000, 'sorted groups: all cells are packed');
	is($contexts, 1, 'sorted groups: there is one memory context');
	cmp_ok($bytes, '<', $megabyte, 'sorted groups: memory is that of one sample');
}

# Samples that together exceed work_mem. The planner and the hash aggregate know the size of the
# states, and process a few samples at a time.
{
	my $plan = $node->safe_psql('postgres', q{
		SET cell_binary.scan = off;
		SET work_mem = '4MB';
		SET hash_mem_multiplier = 2;
		SET enable_sort = off;
		SET max_parallel_workers_per_gather = 0;
		CREATE TABLE interleaved AS SELECT i % 40 AS sample, i AS cell_id, i AS x, i AS y, i::bigint AS phenotypes FROM generate_series(1, 4000000) i;
		ANALYZE interleaved;
		EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
			SELECT sample, cell_pack(cell_id, x, y, phenotypes) FROM interleaved GROUP BY sample});
	my ($kilobytes) = $plan =~ /HashAggregate.*Memory Usage: (\d+)kB/s;
	cmp_ok($kilobytes // 0, '>', 1000, 'large samples are hashed');
	cmp_ok($kilobytes // 0, '<', 20_000, 'a few samples at a time: 80 MB of cells need less than 20 MB');
	note("$kilobytes kB");
}

# A long table with 3,000,000 rows of 100,000 cells. Memory depends on the cells and not on the
# rows, even if the rows come in the worst order, which is feature by feature.
foreach my $case ([ 'in the order of the cells', 'n / 30 AS cell, n % 30 AS feature', 20 ], [ 'feature by feature', 'n % 100000 AS cell, n / 100000 AS feature', 80 ])
{
	my ($name, $columns, $bytes) = @$case;
	my $features = join(',', 0 .. 29);
	my ($before, $length, $after) = split /\n/, $node->safe_psql('postgres', qq{
		SET jit = off;   -- LLVM takes 50 MB
		SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\\s+(\\d+)') WHERE cell_empty() IS NOT NULL;
		SELECT octet_length(cell_collect_phenotypes(cell::text, feature::text, feature < 5, '{$features}'))
		FROM (SELECT $columns FROM (SELECT generate_series(0, 2999999) AS n) rows) long;
		SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\\s+(\\d+)')});
	is($length, 4 + 12 * 100_000, "long table, $name: all cells are collected");
	cmp_ok(1024 * ($after - $before), '<', $bytes * 100_000 + 2 * $megabyte,
		"long table, $name: memory is that of the cells, not of the rows");
	note("$name: " . ($after - $before) . ' kB');
}

# One payload at the size limit of bytea. VmHWM is the peak memory of a backend, and each session
# has its own backend.
sub at_the_limit
{
	my ($cells, $pack) = @_;
	my ($status, $output, $errors) = $node->psql('postgres', qq{
		SET max_parallel_workers_per_gather = 0;
		SELECT octet_length($pack) FROM (SELECT generate_series(1, $cells) AS i) cell;
		SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\\s+(\\d+)')}, on_error_stop => 0);
	my @lines = split /\n/, $output;
	note("$cells cells in $pack: at most " . int($lines[-1] / 1024) . ' MB');
	return ($lines[0], $errors, $lines[-1] * 1024);
}

foreach my $limit (
	[ 'compact', 67_108_863, 'cell_pack(i, i, i)' ],
	[ 'compact', 67_108_863, 'cell_pack(i, i, i, 0)' ],
	[ 'spt', 53_687_089, q{cell_pack(i, i, i, 0, 'spt')} ],
	[ 'spt', 53_687_089, q{cell_pack(i, i::float8, i, 0, 'spt')} ],
	[ 'arrow', 53_687_056, q{cell_pack(i, i, i, 0, 'arrow')} ],
	[ 'dense', 67_108_863, q{cell_pack(i, i, i, 0, 'dense')} ])
{
	my ($layout, $max_cells, $pack) = @$limit;
	my (undef, $errors, $peak) = at_the_limit($max_cells + 1, $pack);
	like($errors, qr/ERROR:  payload in layout "$layout" would exceed 1073741819 bytes
DETAIL:  At most $max_cells cells fit; the limit is the maximum size of a bytea.
HINT:  Pack the sample in parts/, "$pack: one cell too many is refused");
	cmp_ok($peak, '<', 2048 * $megabyte, "$pack: the refusal comes before the backend has 2 GB");
}
my ($bytes, undef, $peak) = at_the_limit(67_108_863, 'cell_pack(i, i, i)');
is($bytes, 4 + 16 * 67_108_863, 'the largest number of cells is packed');
cmp_ok($peak, '<', 1150 * $megabyte, 'the payload is never in memory twice');

# The peak memory of the backend, minus its memory before the query: the payload, and the memory for
# ids that come in another order. The rows come from a function that keeps none of them.
foreach my $case (
	[ 'compact',                          'cell_pack(i, i, 0)',                                    16, 1.15 ],
	[ 'compact, ids in sequence',         'cell_pack(i, i, i, 0)',                                 16, 1.15 ],
	[ 'compact, ids in random order',     'cell_pack(shuffled, i, i, 0)',                          16, 1.15 ],
	[ 'spt',                              q{cell_pack(i, i, i, 0, 'spt')},                         20, 1.15 ],
	[ 'spt, ids in random order',         q{cell_pack(shuffled, i, i, 0, 'spt')},                  20, 1.15 ],
	[ 'spt from double precision',        q{cell_pack(i, i + 0.1::float8, i, 0, 'spt')},           20, 1.2 ],
	[ 'spt from double, random order',    q{cell_pack(shuffled, i + 0.1::float8, i, 0, 'spt')},    20, 1.4 ],
	[ 'arrow, the set and the payload',   q{cell_pack(i, i, i, 0, 'arrow')},                       20, 1.8 ],
	[ 'dense, the set',                   q{cell_pack(i, i % 1000, i / 1000, i & 3, 'dense')},     16, 1.2 ])
{
	my ($name, $pack, $width, $allowed) = @$case;
	my $cells = 4_000_000;
	my ($before, $length, $after) = split /\n/, $node->safe_psql('postgres', qq{
		SET max_parallel_workers_per_gather = 0;
		SET jit = off;   -- LLVM takes 50 MB
		SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\\s+(\\d+)') FROM (SELECT length($pack) FROM (SELECT 1 AS i, 2 AS shuffled) one) warm;
		SELECT length($pack) FROM (SELECT i, i * 1234577::bigint % 4000037 AS shuffled FROM (SELECT generate_series(1, $cells) AS i) g) cell;
		SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\\s+(\\d+)')});
	my $peak = ($after - $before) * 1024;
	cmp_ok($peak, '<=', $allowed * $width * $cells + 16 * $megabyte,
		sprintf('memory, %s: %.2f times %d bytes a cell', $name, $peak / $width / $cells, $width));
}

$node->stop;
done_testing();
