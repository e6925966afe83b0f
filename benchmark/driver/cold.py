"""A table that is neither in shared buffers nor in the page cache.

Before each execution, which is not timed, the server restarts with empty
buffers, and the kernel drops the files of the table from its page cache. All
sessions end with a restart, so these workloads run after all others.
"""
import ctypes
import glob
import mmap
import os

import scans
import server
import workloads

TABLE = 'cells_slide'
MOST_RESIDENT = 0.01    # of the pages of the table
libc = ctypes.CDLL(None, use_errno=True)


def files(connection):
    """The files of the table: the segments of its rows, the free space map and the visibility map."""
    path, = connection.execute("SELECT current_setting('data_directory') || '/' || pg_relation_filepath(%s)", [TABLE]).fetchone()
    return [path, *glob.glob(f'{path}.*'), *glob.glob(f'{path}_*')]


def drop(path):
    """Ask the kernel to drop the pages of a file. It keeps pages that are not on disk yet."""
    with open(path, 'rb') as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def pages(path):
    """The number of pages of a file that are in the page cache, and the number of all its pages."""
    total = -(-os.path.getsize(path) // mmap.PAGESIZE)
    if total == 0:
        return 0, 0
    # ctypes takes the address of writable memory only; nothing writes here.
    with open(path, 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        resident = (ctypes.c_ubyte * total)()
        start = ctypes.c_char.from_buffer(mapped)
        failed = libc.mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(len(mapped)), resident)
        del start
    if failed:
        raise OSError(ctypes.get_errno(), 'mincore failed')
    return sum(page & 1 for page in resident), total


class Cold:
    """A statement over the table, on a new connection for each execution."""

    def __init__(self, data, sql, scan, inspect):
        self.data, self.sql, self.scan, self.inspect = data, sql, scan, inspect
        self.connection = None

    def start(self, data):
        return lambda: self.connection.execute(self.sql).fetchall()

    def prepare(self):
        if self.connection:
            self.connection.close()
        server.restart()
        self.connection = server.connect(self.data, self.scan)
        # Load the library, and plan the statement to load the catalogs: neither is timed.
        self.connection.execute('SELECT cell_empty()')
        self.inspect(self.connection)
        paths = files(self.connection)
        for path in paths:
            drop(path)
        resident, total = map(sum, zip(*map(pages, paths)))
        if resident > MOST_RESIDENT * total:
            raise server.Unavailable(f'the kernel keeps {resident:,} of {total:,} pages of the table in memory')


COUNT = f'SELECT count(*) FROM {TABLE}'
PACK = f'SELECT octet_length(cell_pack(cell_id, x, y, phenotypes)) FROM {TABLE}'
# name, title, SQL, whether the setting is on, whether the planner uses a scan
WORKLOADS = [('cold_rows', 'count(*): table not in memory', COUNT, True, False),
             *((name, title, PACK, scan, scan) for scan, name, title in scans.variants('cold_pack', 'cell_pack: table not in memory'))]
NAMES = [name for name, *_ in WORKLOADS]
COUNT_OF = {name: NAMES[0] for name in NAMES[1:]}


def add_to(suite):
    data = f'cells_{suite.main}'
    for name, title, sql, scan, scanned in WORKLOADS:
        cold = Cold(data, sql, scan, scans.inspect(sql, scanned))
        suite.add('cold', name, title, data, cold.start, workloads.only_row, sql, cold.prepare, scan)
