"""Create the tables, run all workloads in rounds, and write the report. benchmark/measure starts this program."""
import datetime
import gc
import json
import os
import signal
import sys

import cluster
import cold
import memory
import report
import server
import serving
import shapes
import workloads


def progress(message):
    print(f'{datetime.datetime.now():%H:%M:%S} {message}', file=sys.stderr, flush=True)


def number_of_cells(size):
    """The number of cells of a size such as 500k or 5m."""
    return int(size.replace('k', '000').replace('m', '000000'))


def make_data(suite):
    """Create the tables of every size, the real samples, the payloads that workloads read, and the studies."""
    server.create_extensions()
    for name, cells in suite.sizes.items():
        progress(f'making {name} cells')
        server.create_tissue(f'cells_{name}', cells, variants=name == suite.main)
    suite.cells.update(server.create_moldoveanu())
    for data in {f'cells_{suite.main}', f'cells_{suite.smallest}', 'moldoveanu'} & set(suite.cells):
        for table, why in server.create_payloads(data).items():
            suite.absent[data, table] = why
    data = f'cells_{suite.main}'
    absent = server.create_serving(data)
    if suite.wants(cluster.NAMES):
        progress('making three servers')
        absent |= cluster.create(data)
    if suite.shape_cells:
        progress('making the shapes of tables')
        absent |= server.create_shapes(data)
    for table, why in absent.items():
        suite.absent[data, table] = why
    if suite.smprofiler_cells:
        progress(f'making {suite.smprofiler_cells:,} cells in the tables of SMProfiler')
        suite.cells.update(server.create_smprofiler(f'cells_{suite.smallest}', suite.smprofiler_cells))
    server.warm_up()


def run_rounds(members, repeats, least=workloads.SHORT):
    """Run each workload once per round. The first round is a warm-up.

    Workloads run in the order of their time, so that the two sides of a
    comparison run close to each other. The workloads of serving, of shapes and
    of a cold table keep their order, which has the two sides next to each other.
    Every second round runs backwards, so that a workload does not always follow
    the same one. A workload that takes less than this number of seconds runs
    several times within its turn.
    """
    order = members
    for number in range(repeats + 1):
        progress(f'round {number} of {repeats}' if number else 'warming up')
        for workload in order:
            workload.measure(least if number else 0)
            gc.collect()
        if number == 0:
            order = sorted(order, key=lambda workload: (
                workload.data, workload.kind, 0 if workload.kind in ('serving', 'shape', 'cold') else sum(workload.times)))
            for workload in order:
                workload.times.clear()
        order = order[::-1]


def choose_tables(suite):
    """Leave out tables that no workload needs or that are too large for the machine. Return a notice for each of the latter."""
    notices = []
    for attribute, what, size, names in [
            ('smprofiler_cells', 'the tables of SMProfiler', server.SMPROFILER_BYTES, workloads.suite_names('smprofiler_*')),
            ('shape_cells', 'the shapes of tables', server.SHAPES_BYTES, shapes.NAMES + cold.NAMES)]:
        limit = server.exceeded(getattr(suite, attribute) * size)
        wanted = suite.wants(names)
        if limit and wanted:
            notices.append(f'{what} were left out: they would take more than {limit}')
        if limit or not wanted:
            setattr(suite, attribute, 0)
    return notices


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)    # end without a traceback
    repeats = int(os.environ['REPEATS'])
    sizes, notices = server.affordable({size: number_of_cells(size) for size in os.environ['SIZES'].split()})
    if not sizes:
        sys.exit('bench: ' + '; '.join(notices))
    suite = workloads.Suite(sizes, os.environ['ONLY'])
    machine = report.machine()
    notices += choose_tables(suite)
    settings = server.tune(suite.table_bytes())
    make_data(suite)
    if 'moldoveanu' not in suite.cells:
        notices.append('the real samples were skipped: ../shared/data does not exist')
    suite.add_files()
    suite.add_clients()
    serving.add_to(suite)
    if suite.wants(cluster.NAMES):
        cluster.add_to(suite)
    if suite.shape_cells:
        shapes.add_to(suite)
        cold.add_to(suite)
    suite.add_codings()
    if not suite.workloads:
        sys.exit('bench: no workload matches ONLY')
    run_rounds([workload for workload in suite.workloads if workload.kind != 'cold'], repeats)
    progress('measuring memory')
    peaks = memory.peaks(suite)
    on_disk = [workload for workload in suite.workloads if workload.kind == 'cold']
    if on_disk:
        progress('measuring a table that is not in memory')
        run_rounds(on_disk, repeats, least=0)

    result = report.collect(suite, peaks, machine, settings, notices, repeats)
    with os.fdopen(3, 'w') as file:
        json.dump(result, file, indent=1)
    print(report.markdown(result))
    if any(workload.error and workload.error.startswith('failed') for workload in suite.workloads):
        sys.exit('bench: a workload failed')


main()
