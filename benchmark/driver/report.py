"""The result of a run: data for the JSON file, and the Markdown report made from the data."""
import datetime
import importlib.metadata
import os
import platform
import re
from statistics import median

import psycopg

import cold
import scans
import server
import shapes
import targets

EXPLANATION = '''\
All workloads ran interleaved on one private server: one round to warm up, then {repeats} rounds, each with every
workload. The server's buffers held all tables, except for the workloads named `cold_...`. It used parallel workers only
where a workload names them. A workload of less than a second runs once without being timed before it is timed. A time is
the median over the rounds; a ratio of two times is the median of the ratios within each round. "0.9 x the time" means 9 ms
against 10 ms of the peer; "3 x faster" means 1 ms against 3 ms. An MB is a million bytes. Except end to end, the server
computes each result but does not send it.

The executor computes an aggregate, or a scan does, which reads the pages of the table itself. The sections "... cells"
and "Layouts and codings" measure the executor: their sessions set `cell_binary.scan = off`, except for `pack_scan`. The
other sections measure the scan, which is on by default. `NAME{suffix}` is the workload `NAME` with the scan off. Targets that begin with
"scan" measure the scan.'''

SERVING_EXPLANATION = '''\
Each workload NAME is compared with NAME_without: the same work without the store, without a study of the table, or
without other sessions. The time does not include invalidating a payload or restoring a table. fsync is off, so a commit
does not wait for the disk; the relative cost of the store and the triggers is therefore higher than on a server with
fsync.'''

SHAPES_EXPLANATION = '''\
Each workload is compared with the count of the rows that it packs, which stands above it. Each of ten samples has a
tenth of the cells. No payload is stored, so each call packs. To count a whole table, the server reads its rows; to count
one of ten samples, it reads the index on the sample only. The last two columns show the same work with
`cell_binary.scan = off`.

For a table that is not in memory, the server restarts before each execution, and the kernel drops the table from its
page cache. The time does not include this.'''

SMPROFILER_EXPLANATION = '''\
{rows:,} rows of `expression_quantification`, {features} for each cell. The rate is in millions (M) of these rows per second.
The server used one process and no JIT, except where a workload names them.'''

CODING_EXPLANATION = '''\
Bytes per cell are the mean over the samples of a data set. The speed counts the data in layout compact, 16 bytes per
cell: the MB of it divided by the time that the layout takes beyond compact plus the time that the coding takes beyond
reading the payload. A dash means no slower than compact.'''


def machine():
    cpu = re.search(r'model name\s*: (.*)', server.read('/proc/cpuinfo'))
    return {
        'date': datetime.date.today().isoformat(),
        'cpu': cpu[1] if cpu else platform.machine(),
        'cores': os.cpu_count(),
        'memory_gb': round(server.memory_total() / 2**30),
        'kernel': platform.release(),
        'load_before': os.getloadavg()[0],
    }


def versions():
    """The versions of the server, its extensions, and the installed client libraries."""
    with server.connect() as connection:
        found = {'PostgreSQL': connection.execute('SHOW server_version').fetchone()[0]}
        found |= dict(connection.execute("SELECT extname, extversion FROM pg_extension WHERE extname <> 'plpgsql'").fetchall())
    for library in 'psycopg', 'numpy', 'pyarrow', 'adbc-driver-postgresql':
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            pass
    found['psycopg'] += f' ({psycopg.pq.__impl__})'
    return found


def figure(function, *arguments):
    """The figure, or None if there is none."""
    try:
        return function(*arguments)
    except LookupError:
        return None


def collect(suite, peaks, about, settings, notices, repeats):
    figures = targets.Figures(suite, peaks)
    rows = []
    for workload in suite.workloads:
        row = {key: getattr(workload, key) for key in ('kind', 'name', 'title', 'data', 'error', 'result', 'times')}
        if workload.times:
            reference = {'client': 'client_payload', 'serving': f'{workload.name}_without', 'smprofiler': 'smprofiler_rows',
                         'shape': shapes.COUNT_OF.get(workload.name), 'cold': cold.COUNT_OF.get(workload.name)}.get(workload.kind, 'pack')
            row |= {'median': median(workload.times), 'ratio': figure(figures.ratio, workload.name, reference, workload.data)}
        rows.append(row)
    codings = []
    for data in dict.fromkeys(workload.data for workload in suite.workloads if workload.kind == 'coding'):
        for layout in server.LAYOUTS:
            for coding in [(), *suite.codings(data)]:
                row = {'data': data, 'layout': layout, 'coding': ' '.join(map(str, coding)) or 'none'}
                try:
                    row['bytes_a_cell'] = figures.bytes_a_cell(data, layout, *coding)
                    row['compact_mb_per_second'] = figure(figures.speed, data, layout, *coding)
                except LookupError as error:
                    row['error'] = error.args[0]
                codings.append(row)
    return {
        'machine': about | {'load_after': os.getloadavg()[0]}, 'commit': os.environ['BENCH_COMMIT'], 'versions': versions(),
        'settings': settings, 'notices': notices, 'repeats': repeats, 'cells': suite.cells, 'main': f'cells_{suite.main}',
        'targets': [target.evaluate() for target in targets.targets(figures)],
        'workloads': rows, 'memory': peaks, 'codings': codings,
    }


def rounded(value):
    """The value with three significant digits."""
    if value is None:
        return '-'
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f'{value:,.{digits}f}'


def table(header, rows):
    lines = [header, ['---'] + ['---:'] * (len(header) - 1), *rows]
    return [*('| ' + ' | '.join(str(cell).replace('|', r'\|') for cell in line) + ' |' for line in lines), '']


def target_rows(result):
    for target in result['targets']:
        limit = f"{target['sign']} {target['limit']:g}{target['unit']}"
        if target['measured'] is None:
            yield target['what'], limit, target['why'], 'not measured'
        else:
            yield target['what'], limit, rounded(target['measured']) + target['unit'], 'yes' if target['met'] else '**no**'


def time_rows(result, kind, data):
    for row in result['workloads']:
        if (row['kind'], row['data']) != (kind, data):
            continue
        title = f"{row['title']} (`{row['name']}`)"
        if row['error']:
            yield title, row['error'], '', '', ''
        else:
            low, high = min(row['times']), max(row['times'])
            yield (title, rounded(row['median'] * 1e3), f'{rounded(low * 1e3)} … {rounded(high * 1e3)}',
                   rounded(row['median'] * 1e9 / result['cells'][data]), rounded(row['ratio']))


def shape_rows(result):
    """A row for each workload, with the figures of the same work without the scan at the end."""
    about = {row['name']: row for row in result['workloads'] if row['kind'] in ('shape', 'cold')}

    def cells(row):
        title, milliseconds, spread, _, ratio = next(time_rows({**result, 'workloads': [row]}, row['kind'], row['data']))
        return title, milliseconds, spread, ratio
    for name, row in about.items():
        if name.removesuffix(scans.SUFFIX) in about.keys() - {name}:
            continue
        without = about.get(name + scans.SUFFIX)
        _, milliseconds, _, ratio = cells(without) if without else 4 * ('',)
        yield *cells(row), milliseconds, ratio


def smprofiler_rows(result):
    for row in result['workloads']:
        if row['kind'] == 'smprofiler':
            rate = None if row['error'] else result['cells']['smprofiler'] * targets.SMPROFILER_FEATURES / 1e6 / row['median']
            title, milliseconds, spread, _, ratio = next(time_rows({**result, 'workloads': [row]}, 'smprofiler', 'smprofiler'))
            yield title, milliseconds, spread, rounded(rate), ratio


def memory_rows(result):
    for name, peak in result['memory'].items():
        if 'error' in peak:
            yield name, peak['error'], '', ''
        else:
            yield name, *(rounded(peak[key] / 1e6) for key in ('by_high_water_mark', 'by_samples', 'idle'))


def coding_rows(result):
    for row in result['codings']:
        names = row['data'], row['layout'], row['coding']
        if 'error' in row:
            yield *names, row['error'], ''
        else:
            yield *names, rounded(row['bytes_a_cell']), rounded(row['compact_mb_per_second'])


def markdown(result):
    about = result['machine']
    main = result['main']
    lines = [
        '# Benchmark of cell_binary', '',
        f"{about['date']}, commit {result['commit']}; {about['cpu']}, {about['cores']} cores, {about['memory_gb']} GB, "
        f"Linux {about['kernel']}; load average {about['load_before']:.1f} before and {about['load_after']:.1f} after. "
        + ', '.join(f'{name} {version}' for name, version in result['versions'].items()) + '.', '',
        EXPLANATION.format(repeats=result['repeats'], suffix=scans.SUFFIX), '',
        *(f'- {notice[0].upper()}{notice[1:]}.\n' for notice in result['notices']),
        '## Targets', '', f"Measured with {result['cells'][main]:,} cells unless the target names another number. The targets are set for 5,000,000 cells.", '',
        *table(['what', 'target', 'measured', 'met?'], target_rows(result)),
    ]
    for data, cells in result['cells'].items():
        rows = list(time_rows(result, 'server', data))
        if rows:
            lines += [f'## {cells:,} cells', '',
                      *table(['workload', 'ms', 'least … most', 'ns per cell', 'x the time of `pack`'], rows)]
    lines += [f"## End to end: {result['cells'][main]:,} cells as columns of a client in Python", '',
              *table(['client', 'ms', 'least … most', 'ns per cell', 'x the time of `client_payload`'],
                     time_rows(result, 'client', main)),
              f"## Serving: {result['cells'][main]:,} cells", '', SERVING_EXPLANATION, '',
              *table(['workload', 'ms', 'least … most', 'x the time of `..._without`'],
                     # Time per cell means nothing for an update of one row.
                     ((*row[:3], row[4]) for row in time_rows(result, 'serving', main))),
              *([f"## Shapes of tables: {result['cells'][main]:,} cells", '', SHAPES_EXPLANATION, '',
                 *table(['workload', 'ms', 'least … most', 'x the time of the count', 'without the scan: ms', 'x the time of the count'], shape_rows(result))]
                if any(shape_rows(result)) else []),
              *([f"## Tables of SMProfiler: {result['cells']['smprofiler']:,} cells", '',
                 SMPROFILER_EXPLANATION.format(rows=result['cells']['smprofiler'] * targets.SMPROFILER_FEATURES, features=targets.SMPROFILER_FEATURES), '',
                 *table(['workload', 'ms', 'least … most', 'M long rows/s', 'x the time of `smprofiler_rows`'], smprofiler_rows(result))]
                if 'smprofiler' in result['cells'] else []),
              f"## Private memory of the backend, {result['cells'][main]:,} cells", '',
              'The peak beyond the memory of the idle backend, measured in two ways: VmHWM less shared memory, and samples of RssAnon.', '',
              *table(['workload', 'MB by VmHWM', 'MB by samples', 'MB idle'], memory_rows(result)),
              '## Layouts and codings', '', CODING_EXPLANATION, '',
              *table(['data', 'layout', 'coding', 'bytes per cell', 'MB/s'], coding_rows(result))]
    return '\n'.join(lines)
