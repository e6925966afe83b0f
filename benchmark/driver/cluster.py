"""Cells on three servers: packing and fetching them through postgres_fdw, compared with one server.

The servers are databases of the benchmark's own server. Each connection of postgres_fdw has a
process there, as on another machine.
"""
import psycopg

import server

SERVERS, SAMPLES = 3, 6
LAYOUTS = 'compact', 'dense'
NAMES = [f'serve_apart_{layout}{suffix}' for layout in LAYOUTS for suffix in ('', '_without')] + [
    'serve_elsewhere', 'serve_elsewhere_without']

CELL = 'sample text, cell_id bigint, x integer, y integer, phenotypes bigint'
PAYLOAD = 'sample text, layout text, coding text, cells bigint, bytes bigint, etag text, payload bytea'
# Sample S1 has the first sixth of the cells, and so on.
SELECT = f"SELECT 'S' || 1 + (row_number() OVER (ORDER BY cell_id) - 1) * {SAMPLES} / count(*) OVER (), cell_id, x, y, phenotypes FROM cells"


def samples_of(number):
    """The samples of a server, for SQL."""
    return ', '.join(f"'S{sample}'" for sample in range(1, SAMPLES + 1) if sample % SERVERS == number)


def create_server(number, features, source):
    """Create the database of a server with its samples, its study and the view of its payloads."""
    with psycopg.connect(autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE apart_{number}')
    with psycopg.connect(dbname=f'apart_{number}', autocommit=True) as connection:
        connection.execute(f'CREATE EXTENSION cell_binary; CREATE TABLE cell ({CELL})')
        rows = f'COPY (SELECT * FROM together WHERE sample IN ({samples_of(number)})) TO STDOUT (FORMAT binary)'
        with source.cursor().copy(rows) as copy_out, connection.cursor().copy('COPY cell FROM STDIN (FORMAT binary)') as copy_in:
            for block in copy_out:
                copy_in.write(block)
        connection.execute('CREATE INDEX ON cell (sample)')
        connection.execute('VACUUM (FREEZE, ANALYZE) cell')
        connection.execute("SELECT cell_register_study('apart', 'cell', phenotypes => 'phenotypes', features => %s::text[])", [features])
        connection.execute("SELECT cell_create_payload_view('apart', 'payload')")


def create(data):
    """Create a table of all samples, the servers, and the partitioned tables. Return the reason for each study that cannot be made."""
    with server.connect(data) as connection:
        connection.execute(f'CREATE TABLE together ({CELL}); INSERT INTO together {SELECT}; CREATE INDEX ON together (sample)')
        connection.execute('VACUUM (FREEZE, ANALYZE) together')
        try:
            connection.execute('CREATE EXTENSION postgres_fdw')
        except psycopg.Error as error:
            return dict.fromkeys(['apart', 'elsewhere'], server.first_line(error))
        features = connection.execute(f'SELECT {server.FEATURES}').fetchone()[0]
        folder, port = connection.execute("SELECT current_setting('unix_socket_directories'), current_setting('port')").fetchone()
        connection.execute(f'CREATE TABLE apart ({CELL}) PARTITION BY LIST (sample); CREATE TABLE payload ({PAYLOAD}) PARTITION BY LIST (sample)')
        for number in range(SERVERS):
            create_server(number, features, connection)
            connection.execute(f"""
                CREATE SERVER apart_{number} FOREIGN DATA WRAPPER postgres_fdw
                    OPTIONS (host '{folder}', port '{port}', dbname 'apart_{number}', extensions 'cell_binary', async_capable 'true');
                CREATE USER MAPPING FOR CURRENT_USER SERVER apart_{number};
                CREATE FOREIGN TABLE apart_{number} PARTITION OF apart FOR VALUES IN ({samples_of(number)})
                    SERVER apart_{number} OPTIONS (schema_name 'public', table_name 'cell', fetch_size '1');
                CREATE FOREIGN TABLE payload_{number} PARTITION OF payload FOR VALUES IN ({samples_of(number)})
                    SERVER apart_{number} OPTIONS (schema_name 'public', table_name 'payload', fetch_size '1')""")
        absent = server.register(connection, 'together', server.PHENOTYPES) | server.register(connection, 'apart', server.PHENOTYPES)
        connection.execute('CREATE VIEW elsewhere AS TABLE apart')
        absent |= server.register(connection, 'elsewhere', server.PHENOTYPES, store='false')
        if 'elsewhere' not in absent:
            connection.execute("SELECT cell_set_payloads('elsewhere', 'payload')")
        return absent


def add_to(suite):
    data = f'cells_{suite.main}'
    for layout in LAYOUTS:
        for study, suffix, where in ('apart', '', 'three servers pack'), ('together', '_without', 'this server packs'):
            suite.add_statement('serving', f'serve_apart_{layout}{suffix}', f'cell_data_samples of {SAMPLES} samples, layout {layout}; {where}', data,
                                f"SELECT count(*), sum(octet_length(payload)) FROM cell_data_samples('{study}', '{layout}')")
    for study, suffix, where in ('elsewhere', '', 'another server has it'), ('together', '_without', 'this server has it'):
        suite.add_statement('serving', f'serve_elsewhere{suffix}', f'cell_data of a ready payload in layout dense with coding zstd; {where}', data,
                            f"SELECT sha256(cell_data('{study}', 'S1', 'dense', 'zstd'))")
