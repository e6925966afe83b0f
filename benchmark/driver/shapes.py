"""Shapes of tables: how long packing the rows of a table takes compared with counting them, with and without the scan.

The studies have no store, so that each call of cell_data packs. shapes.sql
creates the tables.
"""
import scans
import server

SAMPLE = 'S4'       # one of ten
COLUMNS = ', '.join(f'f{bit}' for bit in range(30))
MASK, BOOLEANS = 'column of phenotypes', '30 boolean columns'


def rows(table):
    """Visit every row of a table. An index-only scan would count without reading the table."""
    return f'BEGIN; SET LOCAL enable_indexonlyscan = off; SELECT count(*) FROM {table}; COMMIT'


def rows_of_sample(table):
    return f"SELECT count(*) FROM {table} WHERE sample = '{SAMPLE}'"


def pack(table, phenotypes):
    return f'SELECT octet_length(cell_pack(cell_id, x, y, {phenotypes})) FROM {table}'


def data(table, sample=SAMPLE, layout='compact'):
    return f"SELECT octet_length(cell_data('{table}', '{sample}', '{layout}'))"


def data_of_all(table):
    return f"SELECT sum(octet_length(payload)) FROM cell_data_samples('{table}')"


# Each group is a count, and the workloads that pack the rows that it counts: name, title, SQL.
GROUPS = [
    [('slide_rows', f'count(*): one sample, {MASK}', rows('cells_slide')),
     *((f'slide_{layout}', f'cell_data in layout {layout}: one sample, {MASK}', data('cells_slide', 'S1', layout))
       for layout in server.LAYOUTS)],
    [('random_rows', 'count(*): rows in random order', rows('cells_random')),
     ('random', 'cell_pack: rows in random order', pack('cells_random', 'phenotypes'))],
    [('slides_rows', f'count(*): ten samples, {MASK}', rows('cells_slides')),
     ('slides', f'cell_data_samples: ten samples, {MASK}', data_of_all('cells_slides'))],
    [('slides_sample_rows', f'count(*) of a sample by the index: ten samples, {MASK}', rows_of_sample('cells_slides')),
     ('slides_sample', f'cell_data of a sample by the index: ten samples, {MASK}', data('cells_slides'))],
    [('columns_rows', f'count(*): ten samples, {BOOLEANS}', rows('cells_columns')),
     ('columns', f'cell_data_samples: ten samples, {BOOLEANS}', data_of_all('cells_columns'))],
    [('columns_last', f'count(f29), the last column: ten samples, {BOOLEANS}', 'SELECT count(f29) FROM cells_columns'),
     ('columns_pack', f'cell_pack of all rows, with cell_phenotypes: {BOOLEANS}', pack('cells_columns', f'cell_phenotypes({COLUMNS})'))],
    [('columns_sample_rows', f'count(*) of a sample by the index: ten samples, {BOOLEANS}', rows_of_sample('cells_columns')),
     ('columns_sample', f'cell_data of a sample by the index: ten samples, {BOOLEANS}', data('cells_columns'))],
    [('partitions_rows', f'count(*): ten partitions, {BOOLEANS}', rows('cells_partitions')),
     ('partitions', f'cell_data_samples: ten partitions, {BOOLEANS}', data_of_all('cells_partitions'))],
    [('partitions_sample_rows', f'count(*) of a partition, {BOOLEANS}', rows_of_sample('cells_partitions')),
     ('partitions_sample', f'cell_data of a partition, {BOOLEANS}', data('cells_partitions'))],
    [('intense_rows', 'count(*): ten samples, at most a million cells, 30 intensities', rows('cells_intense')),
     ('intense', 'cell_data_samples in layout intensity', "SELECT sum(octet_length(payload)) FROM cell_data_samples('cells_intense', 'intensity')"),
     ('intense_subsample', 'The subsample of the study, a tenth of the cells', "SELECT octet_length(cell_data('cells_intense', NULL, 'subsample'))")],
]
GROUPS = [[(f'shape_{name}', title, sql) for name, title, sql in group] for group in GROUPS]
NAMES = [name for group in GROUPS for name, *_ in group]
# For each workload, with and without the scan, the count that it is compared with
COUNT_OF = {name + suffix: count for (count, *_), *packing in GROUPS for name, *_ in packing for suffix in ('', scans.SUFFIX)}
# Packings of one compact payload
PAYLOADS = [f'shape_{name}' for name in ('slide_compact', 'random', 'slides_sample', 'columns_sample', 'columns_pack', 'partitions_sample')]


def add_to(suite):
    """Add each count in front of the workloads that are compared with it."""
    data_set = f'cells_{suite.main}'
    for (name, title, sql), *packing in GROUPS:
        suite.add_statement('shape', name, title, data_set, sql)
        scans.add(suite, 'shape', data_set, *packing)
