"""The server of the sandbox: its settings, connections and tables."""
import glob
import os
import re
import shutil
import subprocess

import psycopg

LAYOUTS = 'compact', 'spt', 'arrow', 'dense'
BENCHMARK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROW_BYTES = 53                  # of the table cells, a little more than measured
SERVING_BYTES = 750             # per cell in all tables of serving.sql, with the rows of COPY and the store
SHAPES_BYTES = 500              # per cell in all tables of shapes.sql, with their indexes
SMPROFILER_BYTES = 2800         # per cell in the tables of smprofiler.sql, with their indexes
SMPROFILER_CELLS = 1_000_000    # the most cells in these tables


class Unavailable(Exception):
    """The machine lacks something that a workload needs. The message says what."""


UNAVAILABLE = (Unavailable, psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedObject,
               psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidParameterValue)


def read(path):
    with open(path) as file:
        return file.read()


def first_line(error):
    return str(error).strip().split('\n')[0]


def connect(data='public', scan=True):
    """A connection whose search path has the tables of one data set. Without scan, the executor computes all aggregates."""
    options = f'-c search_path={data},public' + ('' if scan else ' -c cell_binary.scan=off')
    return psycopg.connect(autocommit=True, prepare_threshold=None, options=options)


def execute(connection, sql):
    """Execute statements. Return the rows of the last one that returns any, or the number that COPY wrote."""
    cursor = connection.execute(sql)
    rows = []
    while True:
        if cursor.description:
            rows = cursor.fetchall()
        elif cursor.statusmessage.startswith('COPY'):
            rows = [(cursor.rowcount,)]
        if not cursor.nextset():
            return rows


def memory_total():
    return int(re.search(r'MemTotal: *(\d+)', read('/proc/meminfo'))[1]) * 1024


def exceeded(size):
    """The limit that tables of this size in bytes exceed on this machine, or None."""
    limits = {'a quarter of the memory': memory_total() / 4,
              'a third of the free disk': shutil.disk_usage(os.environ['SANDBOX']).free / 3}
    return next((what for what, limit in limits.items() if size > limit), None)


def affordable(sizes):
    """The sizes that fit on this machine, and a notice for each of the others."""
    kept, notices = {}, []
    for name, cells in sizes.items():
        what = exceeded(cells * ROW_BYTES)
        if what:
            notices.append(f'{name} cells were left out: their table alone would take more than {what}')
        else:
            kept[name] = cells
    return kept, notices


def restart():
    sandbox = os.environ['SANDBOX']
    subprocess.run(['pg_ctl', 'restart', '-s', '-w', '-D', f'{sandbox}/data', '-l', f'{sandbox}/server.log'], check=True)


def tune(tables):
    """Restart the server with settings under which only the queries take time.

    The buffers hold all tables, which take this number of bytes, the sorts of the peers fit in memory, a scan
    starts with the first row, and nothing runs in the background.
    """
    settings = {
        'shared_buffers': f'{int(1.1 * tables / 2**20) + 256}MB',
        'work_mem': '1GB',
        'maintenance_work_mem': '256MB',
        'jit': 'off',
        'max_parallel_workers_per_gather': '0',
        'synchronize_seqscans': 'off',
        'autovacuum': 'off',
        'wal_level': 'minimal',
        'max_wal_senders': '0',
        'checkpoint_timeout': '1d',
        'full_page_writes': 'off',
        'max_connections': '400',
    }
    with connect() as connection:
        for name, value in settings.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    restart()
    return settings


def create_extensions():
    with connect() as connection:
        connection.execute('CREATE EXTENSION cell_binary; CREATE EXTENSION pg_prewarm')
        connection.execute(read(f'{BENCHMARK}/../demo/tissue.sql'))
        for script in 'CREATE EXTENSION postgis', read(f'{BENCHMARK}/pointcloud.sql'):
            try:
                connection.execute(script)
            except psycopg.Error:
                pass    # the workload reports the missing functions


def create_tissue(data, cells, variants):
    """Create the tables of one size in their own schema."""
    with connect(data) as connection:
        connection.execute(f'CREATE SCHEMA {data}')
        connection.execute(read(f'{BENCHMARK}/tables.sql').replace(':cells', str(cells)))
        if variants:
            connection.execute(read(f'{BENCHMARK}/variants.sql'))
        connection.execute('CREATE VIEW samples AS SELECT 0 AS sample, cell_id, x, y, phenotypes FROM cells')


def create_moldoveanu():
    """Load the real samples as demo/demo does. Return the data set's name and number of cells, or {} if there are none."""
    slides = sorted(glob.glob('../shared/data/moldoveanu/[0-9]*.csv'))
    if not slides:
        return {}
    with connect('moldoveanu') as connection:
        connection.execute('CREATE SCHEMA moldoveanu')
        connection.execute('CREATE TABLE samples (sample integer, cell_id bigint, x float8, y float8, phenotypes bigint)')
        for sample, path in enumerate(slides):
            with open(path) as file:
                header = file.readline().strip()
            subprocess.run(['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', f'header={header}',
                            '-v', f'path={os.path.abspath(path)}', '-f', 'demo/csv_load.sql', '-f', 'demo/csv_cells.sql'],
                           env={**os.environ, 'PGOPTIONS': '-c search_path=moldoveanu,public'}, check=True)
            connection.execute(f'INSERT INTO samples SELECT {sample}, cell_id, x, y, phenotypes FROM cells')
            connection.execute('DROP TABLE csv, features, cells')
        return {'moldoveanu': connection.execute('SELECT count(*) FROM samples').fetchone()[0]}


def create_payloads(data):
    """Pack the samples of a data set into a table for each layout. Return the reason for each table that cannot be made."""
    absent = {}
    with connect(data) as connection:
        for layout in LAYOUTS:
            table = f'payload_{layout}'
            try:
                with connection.transaction():
                    connection.execute(f'CREATE TABLE {table} (sample integer, cells bigint, payload bytea)')
                    connection.execute(f'ALTER TABLE {table} ALTER payload SET STORAGE EXTERNAL')
                    connection.execute(f"INSERT INTO {table} SELECT sample, count(*), "
                                       f"cell_pack(cell_id, x, y, phenotypes, '{layout}') FROM samples GROUP BY sample")
            except UNAVAILABLE as error:
                absent[table] = first_line(error)
    return absent


def register(connection, study, columns, **options):
    """Register the table of the same name as a study. Return the reason why it cannot be, as {study: reason}, or {}."""
    arguments = [f'{name} => {value}' for name, value in {**columns, **options}.items()]
    try:
        connection.execute(f"SELECT cell_register_study('{study}', '{study}', {', '.join(arguments)})")
    except UNAVAILABLE as error:
        return {study: first_line(error)}
    return {}


FEATURES = 'ARRAY(SELECT feature FROM tissue.feature ORDER BY bit)'
PHENOTYPES = {'phenotypes': "'phenotypes'", 'features': FEATURES}
INTENSITIES = {**PHENOTYPES, 'intensities': "'intensities'"}
FEATURE_COLUMNS = {'feature_columns': "ARRAY(SELECT 'f' || bit FROM tissue.feature ORDER BY bit)::name[]", 'features': FEATURES}


def create_serving(data):
    """Create the tables of serving.sql, their studies, and the file for COPY. Return the reason for each study that cannot be made."""
    with connect(data) as connection:
        connection.execute(read(f'{BENCHMARK}/serving.sql'))
        connection.execute(f"COPY (SELECT * FROM served WHERE sample = 'S2') TO '{slide()}' (FORMAT csv)")
        absent = (register(connection, 'served', PHENOTYPES) | register(connection, 'registered', PHENOTYPES)
                  | register(connection, 'intense', INTENSITIES))
        if 'intense' not in absent:
            connection.execute("INSERT INTO ready_subsample SELECT cell_data('intense', NULL, 'subsample')")
        return absent


def create_shapes(data):
    """Create the tables of shapes.sql and their studies, which are never ready. Return the reason for each study that cannot be made."""
    absent = {}
    with connect(data) as connection:
        connection.execute(read(f'{BENCHMARK}/shapes.sql'))
        for table, columns in {'cells_slide': PHENOTYPES, 'cells_slides': PHENOTYPES,
                               'cells_columns': FEATURE_COLUMNS, 'cells_partitions': FEATURE_COLUMNS}.items():
            absent |= register(connection, table, columns, store='false')
        absent |= register(connection, 'cells_intense', INTENSITIES, store='false', subsample_cells=100_000)
    return absent


def create_smprofiler(data, cells):
    """Create a study in SMProfiler's tables, in its own schema, with cells of a data set. Return its name and size."""
    with connect(f'smprofiler,{data}') as connection:
        connection.execute('CREATE SCHEMA smprofiler')
        connection.execute(read(f'{BENCHMARK}/../test/include/smprofiler_tables.sql'))
        connection.execute(read(f'{BENCHMARK}/smprofiler.sql').replace(':cells', str(cells)))
        # The script has commands of psql.
        subprocess.run(['psql', '-X', '-q', '-v', 'schema=smprofiler', '-f', 'ingest/smprofiler.sql'], stdout=subprocess.DEVNULL, check=True)
        connection.execute("SELECT cell_register_study('smprofiler', 'smprofiler.cell_binary_cells', phenotypes => 'phenotypes', "
                           "features => ARRAY(SELECT symbol FROM smprofiler.cell_binary_features ORDER BY bit))")
    return {'smprofiler': cells}


def slide():
    """The file with sample S2, which COPY loads."""
    return f"{os.environ['SANDBOX']}/slide.csv"


def warm_up():
    """Freeze all tables, and read them and their TOAST tables into shared buffers."""
    with connect() as connection:
        connection.execute('VACUUM (FREEZE, ANALYZE)')
        connection.execute('CHECKPOINT')
        connection.execute("SELECT pg_prewarm(oid) FROM pg_class WHERE relkind IN ('r', 't') AND oid >= 16384")
