"""Cancel each function at random moments, and print the outcome as JSON.

    cancels.py ROUNDS

Each round runs every statement once. Every other round runs them with parallel workers in
transactions that go on after a savepoint. The environment (PGHOST etc.) names the server.
test/t/026_cancels.pl creates the tables.
"""
import json
import random
import sys
import threading
import time

import psycopg

PAYLOAD_LOCK = "locktype = 'advisory' AND objsubid = 203"   # PAYLOAD_LOCK_KIND in payload_lock.c
# Not total_bytes: a context that grows by little can double its blocks.
MEMORY = 'SELECT sum(used_bytes)::bigint FROM pg_backend_memory_contexts'
LAYOUTS = ('compact', 'spt', 'dense', 'arrow')
CODINGS = ('gzip', 'zstd', 'br')

# Each statement takes at least some milliseconds.
STATEMENTS = [
    *(f"SELECT sha256(cell_pack({arguments})) FROM cell WHERE sample = 'large'" for arguments in (
        'x, y, phenotypes ORDER BY cell_id', 'x::float8, y::float8, phenotypes ORDER BY cell_id',
        'cell_id, x, y, phenotypes', 'cell_id, x::float8, y::float8, phenotypes',
        "cell_id, x::float8, y::float8, phenotypes, 'spt'", *(f"cell_id, x, y, phenotypes, '{layout}'" for layout in LAYOUTS))),
    'SELECT sample, sha256(cell_pack(cell_id, x, y, phenotypes)) FROM cell GROUP BY sample ORDER BY sample',
    "SELECT sha256(cell_pack_intensities(cell_id, intensities)), sha256(cell_pack_intensities(cell_id, intensities::float8[])) FROM cell WHERE sample = 'large'",
    'SELECT count(cell_empty(layout)) FROM payload, generate_series(1, 20000)',
    "SELECT count(detail) FROM generate_series(1, 200) n, cell_scans('s', left('large', n + 5))",
    *(f"SELECT count(*), sum(x), bit_or(phenotypes) FROM payload, cell_unpack(payload, layout) WHERE layout = '{layout}'" for layout in LAYOUTS),
    *(f"SELECT cell_info(payload, layout), cell_count(payload, 1, 2, layout) FROM payload WHERE layout = '{layout}'" for layout in LAYOUTS),
    *(f"SELECT sha256(cell_encode(payload, '{coding}')) FROM payload WHERE layout = 'compact'" for coding in CODINGS),
    *(f"SELECT sha256(cell_decode(encoded, coding)) FROM encoded WHERE coding = '{coding}'" for coding in CODINGS),
    'SELECT sum(chunk), sum(length(body)) FROM payload, cell_chunks(payload, 100)',
    'SELECT bit_or(cell_phenotypes(cd3, x > 9, y > 9)), bit_or(cell_minifloat_encode(x / 1e6)), count(cell_minifloat_decode((x % 256)::smallint)), count(cell_positive(cd3::integer)) FROM cell',
    'SELECT sum(mask) FROM (SELECT cell_phenotypes_agg(feature::integer, positive) FROM long GROUP BY cell) l (mask)',
    "SELECT bit_or(cell_collected_phenotypes(masks, cell_id)) FROM cell, (SELECT cell_collect_phenotypes(cell, feature, positive, '{0,1,2,3,4,5,6,7}') AS masks FROM long) l",
    "SELECT sum(cardinality(cell_collected_intensities(i, cell_id))) FROM cell, (SELECT cell_collect_intensities(cell, feature, intensity, '{0,1,2,3,4,5,6,7}') AS i FROM long) l",
    'SELECT sum(centroid[0]) FROM shape, generate_series(1, 20000) n, cell_shape_centroid(repeat(chr(10), n % 9) || contents) centroid',
    "SELECT count(f) FROM generate_series(1, 500) n, cell_feature_names(repeat('s', n / n)) f",
    "SELECT count(cell_feature_names_json('s')) FROM generate_series(1, 500)",
    "SELECT count(s) FROM generate_series(1, 50) n, cell_samples(repeat('s', n / n)) s",
    "SELECT count(*) FROM generate_series(1, 500) n, LATERAL (SELECT cell_invalidate('s', 'none ' || n % 9)) i",
    "DO $$BEGIN PERFORM cell_register_study('new', 'parts', phenotypes => 'phenotypes', features => '{a}'), cell_track_study('new'), cell_drop_study('new'); END$$",
    "DO $$BEGIN PERFORM cell_register_study('taker', 'parts', phenotypes => 'phenotypes', features => '{a}', store => false), "
    "cell_create_payload_view('s', 'made'); PERFORM cell_set_payloads('taker', 'made'), cell_drop_study('taker'); DROP VIEW made; END$$",
    "SELECT sha256(cell_data('taken', 'large', 'dense', 'zstd'))",
    "UPDATE cell SET x = x WHERE sample LIKE 'small%'",
    "SELECT sha256(cell_data('s', 'large'))",
    "SELECT sha256(cell_data('s', 'large', 'dense', 'zstd'))",
    "SELECT cell_data_head('s', 'large', 'spt')",
    "SELECT chunk, sha256(body) FROM cell_data_chunks('s', 'large', 'arrow', 'br', 10000)",
    "SELECT outcome FROM cell_make_ready('s', 'large', 'spt', 'gzip')",
    "CALL cell_prepare('s')",
    "SELECT sample, cells, sha256(payload) FROM cell_data_samples('s', 'dense') ORDER BY sample",
    "SELECT sha256(cell_subsample('s', 5000))",
    "SELECT cell_subsample_metadata('s', 5000)",
    "SELECT count(*), sum(cell_id) FROM cell_subsample_rows('s', 5000)",
    "SELECT sha256(cell_data('s', 'large', 'intensity', 'zstd'))",
    "SELECT sha256(cell_data('s', NULL, 'subsample_body', 'gzip'))",
    "SELECT count(*), sum(cell_id) FROM (SELECT cell_data('s', 'large', 'intensity') OFFSET 0) p (payload), cell_unpack_intensities(payload, 2)",
    "SELECT count(*) FROM cell_progress, generate_series(1, 500)",
]

connection = psycopg.connect('', autocommit=True, prepare_threshold=None)   # runs the statements
other = psycopg.connect('', autocommit=True)                                # cancels them


def one(connection, query, parameters=()):
    return connection.execute(query, parameters).fetchone()[0]


def prepare(statement):
    """Invalidate the payloads, so that the statement has to pack."""
    if any(name in statement for name in ('cell_data', 'cell_make_ready', 'cell_prepare')):
        other.execute("SELECT cell_invalidate('s')")


def run(statement):
    cursor = connection.execute(statement)
    return cursor.fetchall() if cursor.description else []


def cancel_after(seconds):
    time.sleep(seconds)
    other.execute('SELECT pg_cancel_backend(%s)', [connection.info.backend_pid])


def attempt(statement, seconds, in_transaction):
    """Run a statement and cancel it after some seconds. Return its rows, or None if cancelled."""
    prepare(statement)
    if in_transaction:
        connection.execute('BEGIN; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SAVEPOINT before')
    rows = None
    thread = threading.Thread(target=cancel_after, args=[seconds])
    thread.start()
    try:
        rows = run(statement)
    except psycopg.errors.QueryCanceled:
        pass
    thread.join()
    if in_transaction:
        connection.execute('ROLLBACK TO before')
        report['locks'] += one(connection, f'SELECT count(*) FROM pg_locks WHERE {PAYLOAD_LOCK}')
        connection.execute('COMMIT')
    report['locks'] += one(other, 'SELECT count(*) FROM pg_locks WHERE pid = %s', [connection.info.backend_pid])
    report['memory'] = max(report['memory'], one(connection, MEMORY))
    return rows


report = {'cancelled': dict.fromkeys(STATEMENTS, 0), 'wrong': [], 'locks': 0, 'memory': 0}
right, seconds = {}, {}
for statement in 2 * STATEMENTS:    # The first run takes longer. The second one counts.
    prepare(statement)
    start = time.monotonic()
    right[statement] = run(statement)
    seconds[statement] = time.monotonic() - start
report['memory_before'] = one(connection, MEMORY)
for number in range(int(sys.argv[1])):
    for statement in random.sample(STATEMENTS, len(STATEMENTS)):
        rows = attempt(statement, random.random() * seconds[statement], number % 2 == 1 and not statement.startswith('CALL'))
        if rows is None:
            report['cancelled'][statement] += 1
        elif rows != right[statement]:
            report['wrong'].append(statement)
report['wrong'] += [statement for statement in STATEMENTS if run(statement) != right[statement]]
print(json.dumps(report))
