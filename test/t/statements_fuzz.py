"""Run random statements of every kind beside readers, and print the outcome as JSON.

Writers run transactions of random statements on the sources of test/include/source_shapes.sql.
Meanwhile readers compare payloads with the rows that the same snapshot sees. After each round, when
nobody writes, all samples are compared. The environment names the server (PGHOST etc.), and sets:

    STATEMENTS_SEED          the seed of the random values; it does not determine which statements
                             run at the same time
    STATEMENTS_SECONDS       the minimum duration
    STATEMENTS_COMPARISONS   the minimum number of comparisons
    STATEMENTS_ONLY          a regular expression that selects kinds of statements
    STATEMENTS_SHAPES        a regular expression that selects sources
"""
import collections
import json
import os
import random
import re
import threading
import time

import psycopg

from statement_kinds import Draw, all_kinds, read_shapes

WRITERS, READERS, ROUND_SECONDS = 4, 3, 5
WAYS = ['directly in a part', 'RELEASE a savepoint', 'ROLLBACK TO a savepoint', 'ROLLBACK', 'COMMIT PREPARED', 'ROLLBACK PREPARED',
        'in the role of a replica', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE']
LAYOUTS = [('compact', 'identity')] * 8 + [('spt', 'identity'), ('dense', 'zstd')]

# Errors that several writers cause each other: serialization failures, lock timeouts, violations of
# unique and foreign keys and of partition bounds (also by a trigger), a cursor without a row, and
# rows that one statement would change twice
EXPECTED_ERRORS = {'40001', '40P01', '55P03', '23505', '23503', '23514', '0A000', '24000', '21000', '27000'}


def connect():
    # A statement that waits forever is an error, too.
    return psycopg.connect('', autocommit=True, options='-c statement_timeout=60s')


def transcript(steps, shape=None):
    """Return the statements of a transaction, on one shape or on all, as one line."""
    return '; '.join(re.sub(r'\s+', ' ', text) for study, text in steps if shape is None or study in (None, shape.study))


class Run:
    """The state that all threads share: kinds, shapes, counters, errors and wrong payloads."""

    def __init__(self, connection, seed):
        only, shapes = os.environ.get('STATEMENTS_ONLY', ''), os.environ.get('STATEMENTS_SHAPES', '')
        version = connection.info.server_version
        self.seed, self.started = seed, time.monotonic()
        self.shapes = [shape for shape in read_shapes(connection) if re.search(shapes, shape.study)]
        self.kinds = [kind for kind in all_kinds() if version >= kind.since and re.search(only, kind.name)]
        self.kinds = [kind for kind in self.kinds if any(map(kind.when, self.shapes))]
        self.counts, self.tried, self.done = collections.Counter(), collections.Counter(), collections.Counter()
        self.failures = collections.Counter()          # of writers, by SQLSTATE
        self.reader_errors, self.writer_errors, self.stale = [], [], {}
        self.prepared = collections.deque()
        self.lock = threading.Lock()
        self.writers = [Writer(self, number) for number in range(WRITERS)]
        self.readers = [Reader(self, number) for number in range(READERS)]

    def seconds(self):
        return time.monotonic() - self.started

    def never_done(self):
        return [name for name in [kind.name for kind in self.kinds] + WAYS if not self.done[name]]

    def compare(self, connection, shape, samples, how, layout='compact', coding='identity', served_first=True, quiet=False):
        rows = connection.execute('SELECT * FROM compared(%s, %s, %s, %s, %s)', [shape.study, samples, layout, coding, served_first]).fetchall()
        with self.lock:
            for sample, comparable, same, served_cells, right_cells in rows:
                self.counts['compared' if comparable or quiet else 'incomparable'] += 1
                if (comparable or quiet) and not same:
                    self.counts['stale'] += 1
                    self.note_stale(shape, f'sample {sample}, {layout}, {how}: {served_cells} cells served, {right_cells} in the rows')

    def note_stale(self, shape, what):
        """Record the first wrong payload of a shape, with the last transactions on that shape."""
        if shape.study in self.stale:
            return
        transactions = [f'  writer {writer.number}: {transcript(steps, shape)}' for writer in self.writers for steps in list(writer.last[shape.study])]
        self.stale[shape.study] = '\n'.join([f'{shape.study}, after {self.seconds():.1f} s and {self.counts["compared"]} comparisons: {what}', *transactions])


class Writer:
    def __init__(self, run, number):
        self.shared, self.number, self.random = run, number, random.Random(f'{run.seed} writer {number}')
        # the last transactions on each shape, as lists of (shape or None, statement)
        self.last = collections.defaultdict(lambda: collections.deque(maxlen=3))
        self.kinds, self.shapes = [], collections.defaultdict(list)    # the cards of deal()
        self.steps, self.transactions = [], 0

    def shuffled(self, things):
        return self.random.sample(things, len(things))

    def deal(self):
        """Return a kind of statement and a shape, like a card from a shuffled deck.

        A kind comes again only after all other kinds, and on a shape only after all other shapes.
        """
        if not self.kinds:
            self.kinds = self.shuffled([kind for kind in self.shared.kinds for _ in range(kind.weight)])
        kind = self.kinds.pop()
        if not self.shapes[kind.name]:
            self.shapes[kind.name] = self.shuffled([shape for shape in self.shared.shapes if kind.when(shape)])
        return kind, self.shapes[kind.name].pop()

    def execute(self, step, shape=None):
        self.steps.append((shape and shape.study, step))
        command, _, lines = step.partition('\n') if step.startswith('COPY') else (step, '', '')
        if not lines:
            return self.connection.execute(command).rowcount
        with self.connection.cursor() as cursor:
            with cursor.copy(command) as copy:
                copy.write(lines)
            return cursor.rowcount

    def run_kind(self, kind, draw):
        changed = [self.execute(draw.fill(step), draw.shape) != 0 for step in kind.steps]
        return [kind.name] * (any(changed) or kind.idle) + ['directly in a part'] * (draw.directly and any(changed))

    def run_in_savepoint(self, kind, draw):
        end = self.random.choice([None, None, None, 'RELEASE', 'ROLLBACK TO'])
        if end is None:
            return self.run_kind(kind, draw)
        self.execute('SAVEPOINT one', draw.shape)
        done = self.run_kind(kind, draw)
        self.execute(f'{end} one', draw.shape)
        return [f'{end} a savepoint'] + (done if end == 'RELEASE' else [])

    def transaction(self):
        chosen = [self.deal() for _ in range(self.random.choice([1, 1, 2, 3]))]
        draws = [Draw(shape, self.random) for _, shape in chosen]
        level = self.random.choice(['READ COMMITTED'] * 3 + ['REPEATABLE READ', 'SERIALIZABLE'])
        end = self.random.choice(['COMMIT'] * 7 + ['ROLLBACK', 'PREPARE TRANSACTION', 'PREPARE TRANSACTION'])
        role = self.random.choice([None] * 8 + ['replica'])
        alone = len(chosen) == 1 and len(chosen[0][0].steps) == 1 and self.random.random() < 0.3
        self.steps = []
        for study in {shape.study for _, shape in chosen}:
            self.last[study].append(self.steps)
        self.shared.tried.update([kind.name for kind, _ in chosen])

        if alone:
            return self.run_kind(chosen[0][0], draws[0])
        done = [level]
        self.execute(f'BEGIN ISOLATION LEVEL {level}')
        if role is not None:
            self.execute(f'SET LOCAL session_replication_role = {role}')
            done += ['in the role of a replica']
        for (kind, shape), draw in zip(chosen, draws):
            done += self.run_in_savepoint(kind, draw)
        if self.random.random() < 0.15:
            self.shared.compare(self.connection, shape, draw.chosen, f'by writer {self.number} itself')
        if end != 'PREPARE TRANSACTION':
            self.execute(end)
            return done if end == 'COMMIT' else [end]
        self.transactions += 1
        name = f'{self.number} {self.transactions}'
        self.execute(f"PREPARE TRANSACTION '{name}'")
        self.shared.prepared.append((name, self.steps, done))
        return []

    def finish_prepared(self, name, steps, done):
        """Commit or roll back a transaction that any writer has prepared."""
        end = self.random.choice(['COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK'])
        steps.append((None, f'{end} PREPARED'))
        self.connection.execute(f"{end} PREPARED '{name}'")
        return [f'{end} PREPARED'] + (done if end == 'COMMIT' else [])

    def take_turn(self):
        try:
            if self.shared.prepared and self.random.random() < 0.7:
                done = self.finish_prepared(*self.shared.prepared.popleft())
            else:
                done = self.transaction()
            with self.shared.lock:
                self.shared.done.update(done)
        except IndexError:    # Another writer has finished the last prepared transaction.
            pass
        except psycopg.Error as error:
            self.steps.append((None, f'-- {error.sqlstate}'))
            with self.shared.lock:
                self.shared.failures[error.sqlstate] += 1
                if error.sqlstate not in EXPECTED_ERRORS:
                    self.shared.writer_errors.append(f'{error} ({error.sqlstate}): {transcript(self.steps)}')
            self.connection.rollback()

    def run(self, stop):
        with connect() as self.connection:
            # A writer stops waiting before PostgreSQL looks for deadlocks, so that PostgreSQL never
            # chooses a reader as the victim.
            self.connection.execute("SET lock_timeout = '100ms'")
            while not stop.is_set():
                self.take_turn()
                time.sleep(self.random.random() * 0.02)


class Reader:
    def __init__(self, run, number):
        self.shared, self.random = run, random.Random(f'{run.seed} reader {number}')

    def compare(self, how):
        shape = self.random.choice(self.shared.shapes)
        samples = self.random.sample(shape.samples, self.random.choice([1, len(shape.samples), len(shape.samples)]))
        self.shared.compare(self.connection, shape, samples, how, *self.random.choice(LAYOUTS), served_first=self.random.random() < 0.5)

    def compare_by_one_snapshot(self):
        self.connection.execute('BEGIN ISOLATION LEVEL REPEATABLE READ')
        if self.random.random() < 0.3:     # an older snapshot
            self.connection.execute('SELECT 1 FROM cell')
            time.sleep(self.random.random() * 0.05)
        for _ in range(self.random.choice([1, 1, 2])):
            self.compare('REPEATABLE READ')
        self.connection.execute(self.random.choice(['COMMIT'] * 9 + ['ROLLBACK']))

    def run(self, stop):
        with connect() as self.connection:
            while not stop.is_set():
                try:
                    if self.random.random() < 0.5:
                        self.compare_by_one_snapshot()
                    else:
                        self.compare('READ COMMITTED')
                except psycopg.Error as error:
                    self.shared.reader_errors.append(f'{error} ({error.sqlstate})')
                    self.connection.rollback()


def play_round(run, connection, seconds):
    """Run writers and readers for some seconds. Then compare all samples while nobody writes.

    Samples are compared twice, because the second call serves payloads that the first one stored.
    """
    for shape in run.shapes:
        connection.execute('SELECT cell_track_study(%s), fill(%s, 2)', [shape.study, shape.study])
    stop = threading.Event()
    writers, readers = [[threading.Thread(target=session.run, args=[stop]) for session in sessions] for sessions in (run.writers, run.readers)]
    for thread in writers + readers:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for writer in writers:
        writer.join()
    for name, steps, _ in run.prepared:    # Readers may wait for these transactions.
        connection.execute(f"COMMIT PREPARED '{name}'")
        steps.append((None, 'COMMIT PREPARED'))
    run.prepared.clear()
    for reader in readers:
        reader.join()
    for shape in run.shapes * 2:
        run.compare(connection, shape, shape.samples, 'READ COMMITTED, nobody writes', quiet=True)


def main():
    seed = os.environ.get('STATEMENTS_SEED', str(int(time.time())))
    seconds = float(os.environ.get('STATEMENTS_SECONDS', 30))
    comparisons = int(os.environ.get('STATEMENTS_COMPARISONS', 0))
    connection = connect()
    run = Run(connection, seed)
    threading.excepthook = lambda failure: run.reader_errors.append(f'a thread ended: {failure.exc_value!r}')
    # A busy machine needs more rounds until each kind of statement has succeeded.
    while run.seconds() < seconds or run.counts['compared'] < comparisons or run.never_done() and run.seconds() < 10 * seconds:
        play_round(run, connection, max(1, min(ROUND_SECONDS, seconds - run.seconds())))
    store = connection.execute('SELECT sum(hits)::integer, sum(misses)::integer, sum(direct)::integer, sum(waits)::integer FROM cell_store_stats').fetchone()
    names = [kind.name for kind in run.kinds]
    print(json.dumps({
        'seed': seed,
        'seconds': round(run.seconds(), 1),
        **{name: run.counts[name] for name in ('compared', 'incomparable', 'stale')},
        **dict(zip(('hits', 'misses', 'direct', 'waits'), store)),
        'statements': sum(run.done[name] for name in names),
        'done': {name: f'{run.done[name]} of {run.tried[name]}' if name in names else run.done[name] for name in names + WAYS},
        'never_done': run.never_done(),
        'wrong': list(run.stale.values()),
        'reader_errors': run.reader_errors,
        'writer_errors': run.writer_errors[:20],
        'failures': run.failures,
    }))


main()
