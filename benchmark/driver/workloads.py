"""The workloads: the files of benchmark/suite, the clients, and the codings of payloads. serving.py, shapes.py and cold.py add more."""
import fnmatch
import glob
import math
import os
import re
import time

import psycopg

import clients
import scans
import server

# The codings and levels for each data set. SMProfiler uses brotli 11, which takes
# a second for 25,000 cells. The smallest size has the codings that
# docs/reference.md quotes, among them the default levels.
CODINGS = {
    'moldoveanu': [('gzip', 6), ('zstd', 3), ('zstd', 9), ('br', 5), ('br', 11)],
    'smallest': [('gzip', 1), ('gzip', 4), ('gzip', 6), ('zstd', 1), ('zstd', 3), ('zstd', 9), ('br', 1), ('br', 4), ('br', 5)],
    'main': [('zstd', 3)],
}
SHORT = 0.05    # seconds; a shorter workload runs several times within its turn
QUICK = 1       # seconds; before its turn, a shorter workload runs once untimed


class Workload:
    """Work that is timed repeatedly over one data set, on its own connection.

    kind is the section of the report: 'server', 'client', 'serving', 'shape', 'cold',
    'smprofiler' or 'coding'. scan is the setting cell_binary.scan of the connection.

    start(data) returns the function that does the work once and returns its
    result. check() turns this result into a value that must be the same each
    time. prepare() runs before each execution and is not timed.
    """

    def __init__(self, kind, name, title, data, start, check, error, sql, prepare, scan):
        self.kind, self.name, self.title, self.data, self.scan = kind, name, title, data, scan
        self.start, self.check, self.error, self.sql, self.prepare = start, check, error, sql, prepare
        self.run = self.result = None
        self.times = []
        self.last = math.inf    # seconds of the last execution

    def execute(self):
        self.prepare()
        begin = time.perf_counter()
        result = self.run()
        self.last = time.perf_counter() - begin
        return result

    def measure(self, least=SHORT):
        """Run one turn of at least this number of seconds. An error ends the workload; the report shows it.

        A quick workload first runs untimed. A virtual machine's host takes free memory back while other workloads run, and
        a workload that allocates much would have to wait until it gets memory again.
        """
        if self.error:
            return
        try:
            if not self.run:
                self.run = self.start(self.data)
            if least and self.last < QUICK:
                self.execute()
            times = []
            while not times or sum(times) < least:
                result = self.execute()
                times.append(self.last)
            result = self.check(result)
            if self.result not in (None, result):
                raise ValueError(f'the result is {result} and was {self.result}')
            self.result = result
            self.times.append(sorted(times)[len(times) // 2])
        except server.UNAVAILABLE + (ImportError,) as error:
            self.error = 'not available: ' + server.first_line(error)
        except Exception as error:      # including those of client libraries: the other workloads go on
            self.error = f'failed: {type(error).__name__}: {server.first_line(error)}'
        if self.error:
            self.run, self.times = None, []


def statement(sql, scan, inspect):
    """A start function for SQL. inspect, if not None, gets the connection before the first execution, and can raise an error."""
    def start(data):
        connection = server.connect(data, scan)
        if inspect:
            inspect(connection)
        return lambda: server.execute(connection, sql)
    return start


def suite_names(pattern):
    """The names of the files of benchmark/suite that match a pattern."""
    return sorted(os.path.basename(path)[:-len('.sql')] for path in glob.glob(f'{server.BENCHMARK}/suite/{pattern}.sql'))


def only_row(rows):
    if len(rows) != 1 or not any(rows[0]):
        raise ValueError(f'the result is {rows[:2]}')
    return tuple(str(value) for value in rows[0])


class Suite:
    """All workloads of a run, in the order of a round.

    sizes maps the name of each size to its number of cells; the data set of a
    size is cells_NAME. The main size, for comparisons, is the largest with at
    most 5,000,000 cells. smprofiler_cells and shape_cells are the numbers of cells
    in the tables of SMProfiler and of each shape, or 0 if they are not made.
    """

    def __init__(self, sizes, only):
        self.sizes = sizes
        self.cells = {f'cells_{name}': cells for name, cells in sizes.items()}
        self.only = only.split()
        self.smallest = min(sizes, key=sizes.get)
        self.main = max((name for name in sizes if sizes[name] <= 5_000_000), key=sizes.get, default=self.smallest)
        self.smprofiler_cells = min(sizes[self.smallest], server.SMPROFILER_CELLS)
        self.shape_cells = sizes[self.main]
        self.workloads = []
        self.absent = {}    # (data, table of payloads or study): the reason why it does not exist

    def table_bytes(self):
        """The size of all tables, a little more than measured."""
        of_main = 3 * (server.ROW_BYTES + 16) + server.SERVING_BYTES
        return (sum(self.sizes.values()) * server.ROW_BYTES + self.sizes[self.main] * of_main
                + self.shape_cells * server.SHAPES_BYTES + self.smprofiler_cells * server.SMPROFILER_BYTES)

    def wants(self, names):
        """Whether ONLY matches one of these workloads, with or without the scan."""
        return any(fnmatch.filter([*names, *(name + scans.SUFFIX for name in names)], pattern) for pattern in self.only)

    def add(self, kind, name, title, data, start, check, sql=None, prepare=lambda: None, scan=True):
        """Add a workload if ONLY matches its name. It gets an error at once if a table that it reads does not exist."""
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in self.only):
            return
        error = next((f'not available: {why}' for (absent_data, table), why in self.absent.items()
                      if data == absent_data and re.search(rf'\b{table}\b', sql or '')), None)
        self.workloads.append(Workload(kind, name, title, data, start, check, error, sql, prepare, scan))

    def add_statement(self, kind, name, title, data, sql, scan=True, inspect=None, **options):
        self.add(kind, name, title, data, statement(sql, scan, inspect), only_row, sql, scan=scan, **options)

    def add_files(self):
        """Add the files of benchmark/suite. Those of kind 'server' measure the executor: a scan would replace it."""
        for name in suite_names('*'):
            sql = server.read(f'{server.BENCHMARK}/suite/{name}.sql')
            title = re.match(r'-- (.*)', sql)[1]
            where = re.search(r'^-- sizes: (every|smallest|smprofiler)$', sql, re.MULTILINE)
            where = where[1] if where else 'main'
            if where == 'smprofiler':
                if 'smprofiler' not in self.cells:
                    continue
                if scans.are_compared(sql):
                    scans.add(self, 'smprofiler', 'smprofiler', (name, title, sql))
                else:
                    self.add_statement('smprofiler', name, title, 'smprofiler', sql)
                continue
            for size in self.sizes:
                if where == 'every' or size == getattr(self, where):
                    self.add_statement('server', name, title, f'cells_{size}', sql, scan=False)

    def same_cells(self, data):
        """A function that checks that the arrays of a client have the cells of the data set."""
        baseline = server.read(f'{server.BENCHMARK}/suite/aggregate_baseline.sql')
        with server.connect(data) as connection:
            x, y, phenotypes = connection.execute(baseline).fetchone()
        expected = x, y, phenotypes & 2**64 - 1

        def check(arrays):
            if clients.summary(arrays) != expected:
                raise ValueError('the client got wrong cells')
            return expected
        return check

    def add_clients(self):
        data = f'cells_{self.main}'
        check = self.same_cells(data)
        for client in clients.CLIENTS:
            self.add('client', client.__name__, client.__doc__, data, client, check)

    def codings(self, data):
        if data == 'moldoveanu':
            return CODINGS['moldoveanu']
        return CODINGS['smallest' if data == f'cells_{self.smallest}' else 'main']

    def add_codings(self):
        """Add workloads for each data set and layout: pack the samples, read the payloads, and code them.

        The result is the mean of the samples' bytes per cell.
        """
        for data in dict.fromkeys(['moldoveanu', f'cells_{self.smallest}', f'cells_{self.main}']):
            if data not in self.cells:
                continue
            for layout in server.LAYOUTS:
                def add(name, title, sql):
                    self.add_statement('coding', name, f'{title}, layout {layout}', data, sql, scan=False)
                pack = f"SELECT cell_pack(cell_id, x, y, phenotypes, '{layout}') AS payload FROM samples GROUP BY sample"
                mean = f'SELECT avg(octet_length(%s) / cells::float8) FROM payload_{layout}'
                add(f'samples_{layout}', 'pack the samples', f'SELECT sum(octet_length(payload)) FROM ({pack}) packed')
                add(f'read_{layout}', 'read the payloads', mean % 'substring(payload FROM 1)')
                for coding, level in self.codings(data):
                    add(f'encode_{layout}_{coding}_{level}', f'code the payloads with {coding} {level}',
                        mean % f"cell_encode(payload, '{coding}', {level})")

    def get(self, name, data):
        """The workload of a name and data set. Raises LookupError with the reason if it has no times."""
        for workload in self.workloads:
            if (workload.name, workload.data) == (name, data):
                if workload.error:
                    raise LookupError(workload.error)
                return workload
        raise LookupError('not measured')
