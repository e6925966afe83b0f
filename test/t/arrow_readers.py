"""Read payloads of layout arrow with one library, and compare them with the expected cells.

    arrow_readers.py pyarrow|duckdb|polars FOLDER

FOLDER contains a payload NAME.arrows and its cells NAME.csv for each sample. The lines of a CSV
file are "cell_id,x,y,phenotypes", with phenotypes as a signed integer as in SQL. For each sample
whose payload is right, print "NAME: number of cells". For every other one, print the error.
"""
import pathlib
import sys
import traceback

import numpy
import pyarrow

SCHEMA = pyarrow.schema([
    pyarrow.field('cell_id', pyarrow.uint32(), nullable=False),
    pyarrow.field('x', pyarrow.int32(), nullable=False),
    pyarrow.field('y', pyarrow.int32(), nullable=False),
    pyarrow.field('phenotypes', pyarrow.uint64(), nullable=False)])


def read_pyarrow(payload):
    """Read the columns, and check their places in the payload, which the other readers do not."""
    source = pyarrow.allocate_buffer(len(payload))    # at a multiple of 64
    numpy.frombuffer(source, numpy.uint8)[:] = numpy.frombuffer(payload, numpy.uint8)
    reader = pyarrow.ipc.open_stream(source)
    assert reader.schema.equals(SCHEMA, check_metadata=True), reader.schema
    batch, = reader
    batch.validate(full=True)
    for column in batch.columns:
        validity, values = column.buffers()
        assert validity is None
        assert values.size == len(column) * column.type.byte_width, 'buffer lengths are exact'
        if len(column) > 0:
            offset = values.address - source.address
            assert 0 < offset <= source.size - values.size, 'nothing is copied'
            assert offset % 64 == 0, 'columns are aligned'
    check_frame(payload, batch)
    return {name: batch.column(name).to_numpy(zero_copy_only=True) for name in batch.schema.names}


def check_frame(payload, batch):
    """Check the messages, the padding and the end of the stream, which readers skip."""
    messages = list(pyarrow.ipc.MessageReader.open_stream(payload))
    assert [message.type for message in messages] == ['schema', 'record batch']
    assert all(message.metadata_version == pyarrow.ipc.MetadataVersion.V5 for message in messages)
    body = b''.join(values + bytes(-len(values) % 64) for values in (
        column.buffers()[1].to_pybytes() for column in batch.columns))
    assert payload[576:] == body + bytes.fromhex('ffffffff00000000'), 'padding is zero, and the stream is closed'


def read_duckdb(payload):
    import duckdb
    cells = duckdb.connect().from_arrow(pyarrow.ipc.open_stream(payload).read_all())
    assert [str(kind) for kind in cells.types] == ['UINTEGER', 'INTEGER', 'INTEGER', 'UBIGINT'], cells.types
    return cells.order('cell_id').fetchnumpy()


def read_polars(payload):
    import polars
    cells = polars.read_ipc_stream(payload, use_pyarrow=False)
    assert cells.dtypes == [polars.UInt32, polars.Int32, polars.Int32, polars.UInt64], cells.dtypes
    return {name: cells[name].to_numpy() for name in cells.columns}


def compare(read, payload_path):
    columns = read(payload_path.read_bytes())
    with payload_path.with_suffix('.csv').open() as file:
        expected = [[int(value) for value in line.split(',')] for line in file]
    assert list(columns) == SCHEMA.names, list(columns)
    found = [[cell_id, x, y, mask - (mask >> 63 << 64)]
             for cell_id, x, y, mask in zip(*(columns[name].tolist() for name in SCHEMA.names))]
    for row, (one, other) in enumerate(zip(found, expected)):
        assert one == other, f'row {row}: {one}, not {other}'
    assert len(found) == len(expected), f'{len(found)} rows, not {len(expected)}'
    print(f'{payload_path.stem}: {len(found)}')


if __name__ == '__main__':
    reader, folder = sys.argv[1:]
    for payload_path in pathlib.Path(folder).glob('*.arrows'):
        try:
            compare(globals()['read_' + reader], payload_path)
        except Exception:
            print(f'{payload_path.stem}:', file=sys.stderr)
            traceback.print_exc()
