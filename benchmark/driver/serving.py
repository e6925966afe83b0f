"""Serving: what the store saves, and what a registered table costs its writers.

Each workload NAME is compared with NAME_without: the same work without the
store, without the study, or without other sessions. A workload that writes finds
its tables unchanged: a function that is not timed undoes the earlier writes.
"""
import functools
import itertools
from concurrent.futures import ThreadPoolExecutor

import clients
import server

SESSIONS = 64       # that ask at the same time
UPDATES = 2000      # transactions in one execution


def statements(data, *sql):
    """A function that executes the statements, each in its own transaction, as VACUUM requires."""
    # One session for all calls, so that no session is still ending when the timing starts.
    session = functools.cache(lambda: server.connect(data))

    def execute():
        for statement in sql:
            session().execute(statement)
    return execute


# Keep the freed space in the table, so that neither the store nor a table has to
# grow while a workload is timed.
VACUUM = 'VACUUM (TRUNCATE false)'


def not_ready(data, sample):
    return statements(data, f"SELECT cell_invalidate('served', '{sample}')", f'{VACUUM} cell_payload')


def fetch_payload(sql):
    """A start function for a statement that returns a payload. The client receives it; columns are views of it."""
    return lambda data: clients.psycopg_fetch(data, sql, True, lambda rows: clients.payload_columns(rows[0][0]))


def fetch_bytes(sql):
    """The same for a payload that holds no coordinates: the result is its bytes."""
    def start(data):
        connection = server.connect(data)
        return lambda: connection.execute(sql, binary=True).fetchone()[0]
    return start


def update(sql, cells):
    """A start function for updates of one cell each, spread over the table. The result is the number of rows."""
    def start(data):
        connection = server.connect(data)
        connection.prepare_threshold = 0    # prepare at the first execution
        ids = (int(number * 0.618 * cells) % cells for number in itertools.count())
        return lambda: sum(connection.execute(sql, [cell_id]).rowcount for cell_id in itertools.islice(ids, UPDATES))
    return start


class Crowd:
    """Sessions that ask for the same payload at the same time. The result is the number of packings, and the payload's length."""

    def __init__(self, data, sessions, sql):
        self.invalidate = not_ready(data, 'S2')
        self.sessions, self.sql = sessions, sql

    def start(self, data):
        self.connections = [server.connect(data) for _ in range(self.sessions)]
        self.threads = ThreadPoolExecutor(self.sessions)
        return lambda: list(self.threads.map(self.ask, self.connections))

    def ask(self, connection):
        return connection.execute(self.sql, binary=True).fetchone()[0]

    def packings(self):
        return self.connections[0].execute("SELECT packings FROM cell_store_stats WHERE study = 'served'").fetchone()[0]

    def prepare(self):
        self.invalidate()
        self.before = self.packings()

    def check(self, payloads):
        if any(payload != payloads[0] for payload in payloads):
            raise ValueError('sessions got different payloads')
        return self.packings() - self.before, len(payloads[0])


def add_to(suite):
    data = f'cells_{suite.main}'
    same_cells = suite.same_cells(data)

    def add_payload(name, title, sql, prepare):
        suite.add('serving', name, title, data, fetch_payload(sql), same_cells, sql, prepare)

    cell_data = "SELECT cell_data('served', 'S1')"
    add_payload('serve_ready', 'cell_data of a ready payload, psycopg, binary', cell_data,
                statements(data, "SELECT cell_data_head('served', 'S1')"))
    add_payload('serve_ready_without', 'The same bytea selected from a table', 'SELECT payload FROM ready', lambda: None)
    add_payload('serve_cold', 'cell_data of a payload that is not ready: pack, store and send', cell_data,
                not_ready(data, 'S1'))
    add_payload('serve_cold_without', 'INSERT of cell_pack(...) into a table, RETURNING the payload',
                "INSERT INTO packed SELECT cell_pack(cell_id, x, y, phenotypes) FROM served WHERE sample = 'S1' RETURNING payload",
                statements(data, 'DELETE FROM packed', f'{VACUUM} packed'))

    for layout, sample in ('intensity', "'S1'"), ('subsample', 'NULL'):
        arguments = f"'intense', {sample}, '{layout}'"
        for suffix, title, sql, prepare in [
                ('', f'cell_data of a ready payload, layout {layout}', f'SELECT cell_data({arguments})',
                 statements(data, f'SELECT cell_data_head({arguments})')),
                ('_without', 'The same bytea selected from a table', f'SELECT payload FROM ready_{layout}', lambda: None)]:
            suite.add('serving', f'serve_{layout}{suffix}', title, data, fetch_bytes(sql), lambda payload: (len(payload),), sql, prepare)

    tables = [('registered', ''), ('unregistered', '_without')]
    for table, suffix in tables:
        # The statement writes the row but keeps its value, so that it can run any number of times.
        sql = f"UPDATE {table} SET phenotypes = phenotypes WHERE sample = 'S1' AND cell_id = %s"
        suite.add('serving', f'serve_update{suffix}', f'{UPDATES} transactions, each of which updates a row of the {table} table by its key',
                  data, update(sql, suite.sizes[suite.main]), lambda rows: [rows], sql)
    for table, suffix in tables:
        # Checkpoint here, so that no checkpoint happens while a workload is timed.
        suite.add_statement('serving', f'serve_copy{suffix}', f'COPY of a slide, a fifth of the cells, into the {table} table',
                            data, f"COPY {table} FROM '{server.slide()}' (FORMAT csv)",
                            prepare=statements(data, f"DELETE FROM {table} WHERE sample = 'S2'", f'VACUUM {table}', 'CHECKPOINT'))

    sql = "SELECT cell_data('served', 'S2')"
    for sessions, suffix in (SESSIONS, ''), (1, '_without'):
        crowd = Crowd(data, sessions, sql)
        suite.add('serving', f'serve_crowd{suffix}', f'cell_data of a payload that is not ready; sessions at the same time: {sessions}',
                  data, crowd.start, crowd.check, sql, crowd.prepare)
