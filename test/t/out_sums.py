"""Run the examples of docs/export.md, and print sums of the tables, frames and files they make.

    out_sums.py DATABASE... <EXAMPLES

EXAMPLES is JSON, {heading: code}. Each example runs in its own process and folder. The output lines
are "DATABASE: HEADING: THING: SUMS". SUMS are the number of cells, the sum of x, the sum of y, "or"
and "exclusive or" of the phenotypes (signed as in SQL), and for each feature the number of positive
cells and the sum of their x. The command fails if an example copies a column without need.
"""
import functools
import json
import operator
import os
import sys
import tempfile

import adbc_driver_postgresql.dbapi
import anndata
import duckdb
import numpy
import pandas
import psycopg
import pyarrow
import pyarrow.compute
import pyarrow.parquet
import spatialdata

NUMBERS = ['x', 'y', 'phenotypes']


def sums(columns, features):
    """Add up lists of Python integers and booleans, so that no library can compute wrong sums."""
    x, y, masks = (columns[name] for name in NUMBERS)
    assert {type(value) for value in (*x, *y, *masks)} == {int}, 'integers are still integers'
    positives = [columns[feature] for feature in features]
    assert {type(value) for positive in positives for value in positive} == {bool}
    reduced = [functools.reduce(operation, masks) for operation in (operator.or_, operator.xor)]
    numbers = [len(x), sum(x), sum(y), *(mask - (mask >> 63 << 64) for mask in reduced)]
    for positive in positives:
        numbers += [sum(positive), sum(value for value, yes in zip(x, positive) if yes)]
    return '|'.join(map(str, numbers))    # as psql does


def of_table(table, features):
    assert table.schema.field('phenotypes').type == pyarrow.uint64(), table.schema
    return sums({name: table[name].to_pylist() for name in (*NUMBERS, *features)}, features)


def of_frame(frame, features):
    assert frame['phenotypes'].dtype in ('uint64', pandas.UInt64Dtype()), frame.dtypes
    return sums({name: frame[name].tolist() for name in (*NUMBERS, *features)}, features)


def of_anndata(adata, features):
    assert adata.obs_names.name == 'cell_id' and adata.obs_names.is_unique
    x, y = adata.obsm['spatial'].T
    return of_frame(adata.obs.assign(x=x, y=y), [feature.replace('/', '_') for feature in features])


def of_parquet(path, features):
    """Yield the sums of a file as two libraries read it.

    Filters on the masks use the statistics in the file, which must be unsigned, too.
    """
    table = pyarrow.parquet.read_table(path)
    yield 'read by pyarrow', of_table(table, features)
    rows = duckdb.sql(f"SELECT * FROM '{path + '/*.parquet' if os.path.isdir(path) else path}'")
    assert str(rows.types[rows.columns.index('phenotypes')]) == 'UBIGINT', rows.types
    yield 'read by duckdb', sums(dict(zip(rows.columns, zip(*rows.fetchall()))), features)
    with_bit_63 = sum(mask >> 63 for mask in table['phenotypes'].to_pylist())
    assert pyarrow.parquet.read_table(path, filters=[('phenotypes', '>=', pyarrow.scalar(1 << 63, 'uint64'))]).num_rows == with_bit_63
    assert len(rows.filter('phenotypes >= 1::UBIGINT << 63').fetchall()) == with_bit_63


def assert_views(made, columns):
    """Check that the numbers in a table or frame are views into the payload."""
    payload = numpy.frombuffer(made['payload'], numpy.uint8)
    for name in NUMBERS:
        assert numpy.shares_memory(payload, columns[name].to_numpy()), f'{name} is copied'


def check_slide(made):
    assert_views(made, made['cells'])
    assert_views(made, made['slide'])
    assert numpy.shares_memory(made['mask'], made['cells']['phenotypes'].to_numpy())
    yield 'slide', of_table(made['slide'], made['features'])


def check_cells(made):
    """Check an example whose result is the cells."""
    cells = made['cells']
    assert_views(made, cells)
    masks = cells['phenotypes'].to_pylist()
    for bit, feature in enumerate(made['features']):
        cells = cells.append_column(feature, [[mask >> bit & 1 == 1 for mask in masks]])
    yield 'cells', of_table(cells, made['features'])


def check_parquet(made):
    downloaded = duckdb.sql("SELECT extension_name FROM duckdb_extensions() WHERE loaded AND install_mode <> 'STATICALLY_LINKED'")
    assert downloaded.fetchall() == []
    return of_parquet('S1.parquet', made['features'])


def check_pandas(made):
    frame, features = made['frame'], made['features']
    assert_views(made, frame)
    yield 'frame', of_frame(frame, features)
    joined = frame.astype({'phenotypes': 'UInt64'}).merge(pandas.DataFrame({'cell_id': [-1]}), how='outer')
    assert joined['phenotypes'].isna().sum() == 1
    yield 'joined', of_frame(joined.dropna().astype(dict.fromkeys(['x', 'y'], int) | dict.fromkeys(features, bool)), features)


def check_anndata(made):
    adata, features = made['adata'], made['features']
    yield 'adata', of_anndata(adata, features)
    yield 'h5ad', of_anndata(anndata.read_h5ad('S1.h5ad'), features)
    adata.write_zarr('adata.zarr')
    yield 'zarr', of_anndata(anndata.read_zarr('adata.zarr'), features)


def check_spatialdata(made):
    for name, spatial in ('spatial', made['spatial']), ('zarr', spatialdata.read_zarr('S1.zarr')):
        points = spatial.points['cells']
        assert list(spatialdata.transformations.get_transformation(points, get_all=True)) == ['pixels']
        yield name, of_frame(points.compute(), made['features'])
    yield from of_parquet('S1.zarr/points/cells/points.parquet', made['features'])


def check_masks(made):
    """Check the statements of the document about phenotypes with bit 63."""
    mask = made['mask']
    one = numpy.array([1])
    assert fails(TypeError, lambda: mask & one) and (mask + one).dtype == float
    assert fails(TypeError, lambda: pandas.Series(mask) >> 1)
    series = pandas.Series(mask.tolist(), dtype=pandas.ArrowDtype(pyarrow.uint64()))
    assert fails((pyarrow.ArrowInvalid, OverflowError), lambda: series & 1 << 63)
    assert (series & numpy.uint64(1 << 63)).tolist() == [1 << 63]
    assert fails(OverflowError, lambda: pyarrow.compute.field('phenotypes') == 1 << 63)
    duckdb.sql(f'CREATE TABLE one AS SELECT {mask[0]}::UBIGINT AS phenotypes')
    value = lambda expression: duckdb.sql(f'SELECT {expression} FROM one').fetchall()[0][0]
    assert value('phenotypes >> 63 & 1') == 1 and value('1::UBIGINT << 63') == 1 << 63
    assert fails(duckdb.Error, lambda: value('1 << 63')) and fails(duckdb.Error, lambda: value('phenotypes::BIGINT'))
    assert value('phenotypes::BIT::BIGINT') == int(mask[0]) - (1 << 64)
    return ()


def fails(exception, function):
    try:
        function()
    except exception:
        return True


CHECKS = {
    'Export': check_slide,
    'Parquet with pyarrow': check_parquet,
    'Parquet with DuckDB': check_parquet,
    'pandas': check_pandas,
    'AnnData': check_anndata,
    'SpatialData': check_spatialdata,
    'Large samples': check_cells,
    'ADBC': check_cells,
    'Phenotypes with bit 63': check_masks,
}


def print_sums(heading, code):
    made = {'print': lambda *values: None}
    exec(code, made)
    for thing, numbers in CHECKS[heading](made):
        print(f"{os.environ['PGDATABASE']}: {heading}: {thing}: {numbers}", flush=True)


def in_process(function, *arguments):
    """Call a function in a forked process and a temporary folder. Return whether it succeeded.

    A fork is safe, because the loaded libraries start no threads before they are used.
    """
    process = os.fork()
    if process == 0:
        try:
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                function(*arguments)
                os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    return os.waitpid(process, 0)[1] == 0


if __name__ == '__main__':
    examples = json.load(sys.stdin)
    ok = True
    for os.environ['PGDATABASE'] in sys.argv[1:]:
        for heading, code in examples.items():
            ok = in_process(print_sums, heading, code) and ok
    sys.exit(0 if ok else 1)
