"""Call cell_data in many sessions at once, and print the outcome as JSON.

    store_load.py sessions NUMBER FAULT   NUMBER sessions request one sample that is not ready. One
                                          of them comes first. FAULT happens to it while it packs:
                                          none, cancel, terminate or client (its client is killed).
    store_load.py writers SECONDS         One writer changes samples. 8 readers compare payloads
                                          with the rows.

The environment (PGHOST etc.) names the server. The table cell is registered as study "s".
"""
import collections
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
PACK = 'SELECT cell_pack(cell_id, x, y, phenotypes, %s) FROM cell WHERE sample = %s'


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


def sessions(number, fault):
    """Run the sessions. The first one is stopped while it packs, until all others wait for it."""
    number = int(number)
    watcher = connect()
    before = one(watcher, "SELECT packings FROM cell_store_stats WHERE study = 's'")
    results, errors = [], []
    first = subprocess.Popen(['psql', '-X', '-q', '-A', '-t', '-c', "SELECT sha256(cell_data('s', 'large'))"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    holders = lambda: [pid for pid, in watcher.execute(f'SELECT pid FROM pg_locks WHERE {PAYLOAD_LOCK} AND granted')]
    waiters = lambda: one(watcher, f'SELECT count(*) FROM pg_locks WHERE {PAYLOAD_LOCK} AND NOT granted')
    wait_until(holders)
    backend, = holders()
    os.kill(backend, signal.SIGSTOP)

    def ask(connection):
        try:
            results.append(hashlib.sha256(one(connection, "SELECT cell_data('s', 'large')")).hexdigest())
        except psycopg.Error as error:
            errors.append(str(error))

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
    os.kill(backend, signal.SIGCONT)
    while any(thread.is_alive() for thread in threads):
        most = max(most, len(holders()))
        time.sleep(0.002)
    output = first.communicate()[0].strip().removeprefix('\\x')
    if output:
        results.append(output)
    return {
        'results': len(results),
        'distinct': len(set(results)),
        'right': results[0] == hashlib.sha256(one(watcher, PACK, ['compact', 'large'])).hexdigest(),
        'errors': errors,
        'packings': one(watcher, "SELECT packings FROM cell_store_stats WHERE study = 's'") - before,
        'most_at_once': most,
    }


class Writer(threading.Thread):
    """Sets x of all cells of a sample to a new version, in several ways. Some changes roll back."""

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
            cursor.execute('INSERT INTO cell SELECT %s, i, %s, i, i FROM generate_series(1, %s) i', [sample, version, cells])
        elif kind == 1:
            cursor.execute('SAVEPOINT one')
            cursor.execute('DELETE FROM cell WHERE sample = %s', [sample])
            cursor.execute('ROLLBACK TO one')
            cursor.execute('UPDATE cell SET x = %s WHERE sample = %s', [version, sample])
        else:
            cursor.execute('UPDATE cell SET x = %s WHERE sample = %s', [version, sample])
        return version

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
    """Compares payloads with cell_pack in the same snapshot, or with the versions of the writer."""

    def __init__(self, number, writer, stop):
        super().__init__()
        self.writer, self.stop, self.random = writer, stop, random.Random(100 + number)
        self.counts, self.errors = collections.Counter(), []

    def same_snapshot(self, connection, sample):
        layout, coding = self.random.choice([('compact', 'identity'), ('spt', 'identity'), ('dense', 'zstd')])
        with connection.transaction():
            connection.execute('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
            if self.random.random() < 0.5:
                connection.execute('SELECT 1 FROM cell LIMIT 1')
                time.sleep(self.random.random() * 0.02)
            served = one(connection, "SELECT cell_decode(cell_data('s', %s, %s, %s), %s)", [sample, layout, coding, coding])
            right = one(connection, PACK, [layout, sample])
        self.counts['compared'] += 1
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
    samples = [sample for sample, in watcher.execute("SELECT DISTINCT sample FROM cell WHERE sample <> 'large' ORDER BY 1")]
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
        **{name: counts[name] for name in ('compared', 'stale', 'torn', 'uncommitted')},
        **dict(zip(names, stats.fetchone())),
        'commits': writer.commits,
        'errors': writer.errors + [error for reader in readers for error in reader.errors],
        'deadlocks': one(watcher, 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'),
    }


print(json.dumps({'sessions': sessions, 'writers': writers}[sys.argv[1]](*sys.argv[2:])))
