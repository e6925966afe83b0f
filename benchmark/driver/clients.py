"""End to end: from the table to columns in numpy arrays of the client.

Each client is a function that takes the name of a data set and connects to the
server. It returns a function that fetches the cells and returns the arrays x, y
and phenotypes. The docstring of a client is its title in the report.
"""
import itertools
import json
import subprocess

import server

COLUMNS = 'x', 'y', 'phenotypes'


def payload_columns(payload):
    """The columns of a compact payload, as views of its bytes."""
    import numpy
    cells = numpy.frombuffer(payload, dtype=[('x', '<i4'), ('y', '<i4'), ('phenotypes', '<u8')], offset=4)
    return [cells[column] for column in COLUMNS]


def row_columns(rows):
    import numpy
    flat = itertools.chain.from_iterable(rows)
    return list(numpy.fromiter(flat, numpy.int64, count=3 * len(rows)).reshape(-1, 3).T)


def psycopg_fetch(data, query, binary, columns):
    connection = server.connect(data)
    return lambda: columns(connection.execute(query, binary=binary).fetchall())


def client_payload(data):
    """cell_pack, psycopg, binary; columns are views of the payload"""
    return psycopg_fetch(data, 'SELECT cell_pack(x, y, phenotypes) FROM cells', True,
                         lambda rows: payload_columns(rows[0][0]))


def client_payload_text(data):
    """cell_pack, psycopg, text: the payload in hexadecimal"""
    return psycopg_fetch(data, 'SELECT cell_pack(x, y, phenotypes) FROM cells', False,
                         lambda rows: payload_columns(rows[0][0]))


def client_payload_arrow(data):
    """cell_pack in layout arrow, psycopg, binary; pyarrow opens it without a copy"""
    import pyarrow.ipc

    def columns(rows):
        table = pyarrow.ipc.open_stream(rows[0][0]).read_all()
        return [table.column(column).chunk(0).to_numpy() for column in COLUMNS]
    return psycopg_fetch(data, "SELECT cell_pack(cell_id, x, y, phenotypes, 'arrow') FROM cells", True, columns)


def client_rows_binary(data):
    """Rows, psycopg, binary; tuples converted to columns"""
    return psycopg_fetch(data, 'SELECT x, y, phenotypes FROM cells', True, row_columns)


def client_rows_text(data):
    """Rows, psycopg, text; tuples converted to columns"""
    return psycopg_fetch(data, 'SELECT x, y, phenotypes FROM cells', False, row_columns)


def client_copy(data):
    """COPY (FORMAT binary), psql, through a pipe; columns are views of the stream"""
    # psql is faster here than psycopg, which makes a Python object for each row.
    import numpy
    command = ['psql', '-X', '-c', f'COPY {data}.cells (x, y, phenotypes) TO STDOUT (FORMAT binary)']
    row = numpy.dtype([('fields', '>i2'), ('x_length', '>i4'), ('x', '>i4'), ('y_length', '>i4'), ('y', '>i4'),
                       ('phenotypes_length', '>i4'), ('phenotypes', '>i8')])
    header, trailer = 19, 2

    def fetch():
        stream = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        cells = numpy.frombuffer(stream, row, offset=header, count=(len(stream) - header - trailer) // row.itemsize)
        return [cells[column] for column in COLUMNS]
    return fetch


def client_json(data):
    """json_agg, psycopg, text; parsed by Python's json and converted to columns"""
    import numpy

    def columns(rows):
        cells = json.loads(rows[0][0])
        return [numpy.fromiter((cell[column] for cell in cells), numpy.int64, count=len(cells)) for column in COLUMNS]
    return psycopg_fetch(data, 'SELECT json_agg(cell)::text FROM (SELECT x, y, phenotypes FROM cells) cell', False, columns)


def client_adbc(data):
    """Rows, ADBC; its PostgreSQL driver builds Arrow columns"""
    import adbc_driver_postgresql.dbapi
    connection = adbc_driver_postgresql.dbapi.connect('postgresql://')

    def fetch():
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT x, y, phenotypes FROM {data}.cells')
            table = cursor.fetch_arrow_table()
        return [table.column(column).combine_chunks().to_numpy() for column in COLUMNS]
    return fetch


CLIENTS = (client_payload, client_payload_text, client_payload_arrow, client_adbc, client_copy,
           client_rows_binary, client_rows_text, client_json)


def summary(arrays):
    """The result of aggregate_baseline.sql for these arrays, to check that a client got the right cells."""
    import numpy
    x, y, phenotypes = arrays
    return int(x.sum(dtype='i8')), int(y.sum(dtype='i8')), int(numpy.bitwise_or.reduce(phenotypes)) & 2**64 - 1
