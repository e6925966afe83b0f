"""Call cell_data in many sessions at once, and print the outcome as JSON.

    store_load.py sessions NUMBER FAULT LAYOUT
        NUMBER sessions request a payload of study "large" that is not ready: of its sample "large"
        or, if LAYOUT is subsample, of the study. One session comes first. FAULT happens to it
        while it packs: none, cancel, terminate or client (its client is killed).
    store_load.py writers SECONDS
        One writer changes samples of study "s". 8 readers compare payloads with the rows.

The environment (PGHOST etc.) names the server. The tables of the studies are "large" and "cell".
"""
import collections
import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import psycopg

PAYLOAD_LOCK = "locktype = 'advisory' AND objsubid = 203"   # PAYLOAD_LOCK_KIND in payload_lock.c
SUBSAMPLE_CELLS = {'s': 300, 'large': 1000000}   # the size in the studies' registrations


def packed(connection, table, sample, layout):
    """The payload that the rows give, without the store."""
    if layout == 'subsample':
        study, cells = {'cell': 's'}.get(table, table), SUBSAMPLE_CELLS[{'cell': 's'}.get(table, table)]
        return one(connection, f"""
            SELECT convert_to(cell_subsample_metadata('{study}', {cells})::text, 'UTF8') || '\\x1c'
                || cell_subsample('{study}', {cells}, 10001)""")
    aggregate = 'cell_pack_intensities(cell_id, intensities)' if layout == 'intensity' else f"cell_pack(cell_id, x, y, phenotypes, '{layout}')"
    return one(connection, f'SELECT {aggregate} FROM {table} WHERE sample = %s', [sample])


def connect():
    return psycopg.connect('', autocommit=True)


def one(connection, query, parameters=()):
    return connection.execute(query, parameters, binary=True).fetchone()[0]


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.005)


@contextlib.contextmanager
def stopped(backend):
    """Stop a backend. Every 3 seconds it runs for a moment, because it may hold a lock of shared
    memory that all other sessions need."""
    ended = threading.Event()

    def keep_stopped():
        with contextlib.suppress(ProcessLookupError):
            while not ended.wait(3):
                os.kill(backend, signal.SIGCONT)
                time.sleep(0.002)
                os.kill(backend, signal.SIGSTOP)
            os.kill(backend, signal.SIGCONT)

    os.kill(backend, signal.SIGSTOP)
    thread = threading.Thread(target=keep_stopped)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def sessions(number, fault, layout):
    """Run the sessions. The first one is stopped while it packs, until all others wait for it."""
    number = int(number)
    sample = None if layout == 'subsample' else 'large'
    call = f"cell_data('large', {'NULL' if sample is None else repr(sample)}, '{layout}')"
    watcher = connect()
    before = one(watcher, "SELECT packings FROM cell_store_stats WHERE study = 'large'")
    results, errors = [], []
    first = subprocess.Popen(['psql', '-X', '-q', '-A', '-t', '-c', f'SELECT sha256({call})'],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    holders = lambda: [pid for pid, in watcher.execute(f'SELECT pid FROM pg_locks WHERE {PAYLOAD_LOCK} AND granted')]
    waiters = lambda: one(watcher, f'SELECT count(*) FROM pg_locks WHERE {PAYLOAD_LOCK} AND NOT granted')
    wait_until(holders)
    backend, = holders()

    def ask(connection):
        try:
            results.append(hashlib.sha256(one(connection, f'SELECT {call}')).hexdigest())
        except psycopg.Error as error:
            errors.append(str(error))

    with stopped(backend):
        threads = [threading.Thread(target=ask, args=[connect()]) for _ in range(number - 1)]
        for thread in threads:
            thread.start()
        wait_until(lambda: waiters() == number - 1)

        if fault == 'cancel':
            watcher.execute('SELECT pg_cancel_backend(%s)', [backend])
        elif fault == 'terminate':
            watcher.execute('SELECT pg_terminate_backend(%s)', [backend])
        elif fault == 'client':
            first.kill()
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, len(holders()))
        time.sleep(0.002)
    output = first.communicate()[0].strip().removeprefix('\\x')
    if output:
        results.append(output)
    return {
        'results': len(results),
        'distinct': len(set(results)),
        'right': results[0] == hashlib.sha256(packed(watcher, 'large', sample, layout)).hexdigest(),
        'errors': errors,
        'packings': one(watcher, "SELECT packings FROM cell_store_stats WHERE study = 'large'") - before,
        'most_at_once': most,
    }


class Writer(threading.Thread):
    """Sets x and an intensity of all cells of a sample to a new version, in several ways. Some
    changes roll back."""

    def __init__(self, samples, stop):
        super().__init__()
        self.samples, self.stop, self.random = samples, stop, random.Random(1)
        self.committed = dict.fromkeys(samples, 0)
        self.started = dict.fromkeys(samples, 0)
        self.commits, self.errors = 0, []

    def change(self, cursor, sample):
        version = self.started[sample] = self.started[sample] + 1
        kind = self.random.randrange(4)
        if kind == 0:
            cells = one(cursor, 'SELECT count(*) FROM cell WHERE sample = %s', [sample])
            cursor.execute('DELETE FROM cell WHERE sample = %s', [sample])
            cursor.execute('INSERT INTO cell SELECT %s, i, %s, i, i, ARRAY[%s / 100.0, i / 3000.0] FROM generate_series(1, %s) i', [sample, version, version % 100, cells])
        elif kind == 1:
            cursor.execute('SAVEPOINT one')
            cursor.execute('DELETE FROM cell WHERE sample = %s', [sample])
            cursor.execute('ROLLBACK TO one')
            self.update(cursor, sample, version)
        else:
            self.update(cursor, sample, version)
        return version

    @staticmethod
    def update(cursor, sample, version):
        cursor.execute('UPDATE cell SET x = %s, intensities[1] = %s / 100.0 WHERE sample = %s', [version, version % 100, sample])

    def run(self):
        try:
            with psycopg.connect('') as connection:
                while not self.stop.is_set():
                    chosen = self.random.sample(self.samples, self.random.choice([1, 1, 1, 2]))
                    versions = {sample: self.change(connection.cursor(), sample) for sample in chosen}
                    if self.random.random() < 0.2:
                        connection.rollback()
                        continue
                    connection.commit()
                    self.committed.update(versions)
                    self.commits += 1
                    time.sleep(self.random.choice([0, 0, 0.01, 0.05]))
        except psycopg.Error as error:
            self.errors.append(str(error))


class Reader(threading.Thread):
    """Compares payloads with the rows in the same snapshot, or with the versions of the writer."""

    def __init__(self, number, writer, stop):
        super().__init__()
        self.writer, self.stop, self.random = writer, stop, random.Random(100 + number)
        self.counts, self.errors = collections.Counter(), []

    def same_snapshot(self, connection, sample):
        layout, coding = self.random.choice([
            ('compact', 'identity'), ('spt', 'identity'), ('dense', 'zstd'), ('intensity', 'identity'), ('intensity', 'zstd'),
            ('subsample', 'identity'), ('subsample', 'gzip')])
        if layout == 'subsample':
            sample = None
        with connection.transaction():
            connection.execute('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
            if self.random.random() < 0.5:
                connection.execute('SELECT 1 FROM cell LIMIT 1')
                time.sleep(self.random.random() * 0.02)
            served = one(connection, "SELECT cell_decode(cell_data('s', %s, %s, %s), %s)", [sample, layout, coding, coding])
            right = packed(connection, 'cell', sample, layout)
        self.counts['compared'] += 1
        self.counts[layout] += 1
        self.counts['stale'] += served != right

    def current(self, connection, sample):
        before = self.writer.committed[sample]
        payload = one(connection, "SELECT cell_data('s', %s)", [sample])
        after = self.writer.started[sample]
        versions = {int.from_bytes(payload[i:i + 4], 'little') for i in range(4, len(payload), 16)}
        self.counts['compared'] += 1
        self.counts['torn'] += len(versions) != 1
        self.counts['stale'] += not before <= min(versions)
        self.counts['uncommitted'] += not max(versions) <= after

    def run(self):
        connection = connect()
        while not self.stop.is_set():
            try:
                self.random.choice([self.same_snapshot, self.current, self.current])(connection, self.random.choice(self.writer.samples))
            except psycopg.Error as error:
                self.errors.append(str(error))


def writers(seconds):
    stop = threading.Event()
    watcher = connect()
    samples = [sample for sample, in watcher.execute('SELECT DISTINCT sample FROM cell ORDER BY 1')]
    writer = Writer(samples, stop)
    readers = [Reader(number, writer, stop) for number in range(8)]
    for thread in [writer, *readers]:
        thread.start()
    time.sleep(float(seconds))
    stop.set()
    for thread in [writer, *readers]:
        thread.join()
    counts = sum((reader.counts for reader in readers), collections.Counter())
    stats = watcher.execute("SELECT hits, misses, waits, direct, packings FROM cell_store_stats WHERE study = 's'")
    names = [column.name for column in stats.description]
    return {
        **{name: counts[name] for name in ('compared', 'intensity', 'subsample', 'stale', 'torn', 'uncommitted')},
        **dict(zip(names, stats.fetchone())),
        'commits': writer.commits,
        'errors': writer.errors + [error for reader in readers for error in reader.errors],
        'deadlocks': one(watcher, 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'),
    }


print(json.dumps({'sessions': sessions, 'writers': writers}[sys.argv[1]](*sys.argv[2:])))
