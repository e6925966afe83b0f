"""The peak of a backend's private memory."""
import re

import processes
import server
import shapes
from observer import Observer

# The workloads that have a target for memory, and the peers.
WORKLOADS = ('pack', 'pack_with_ids', 'pack_random', 'pack_spt', 'pack_spt_double', 'pack_arrow', 'pack_dense',
             'aggregate_baseline', 'string_agg', 'string_agg_ordered', 'copy_binary', 'json_agg', 'st_asmvt',
             'smprofiler_pack', 'smprofiler_phenotypes', 'smprofiler_phenotypes_grouped_all', 'smprofiler_intensities',
             *shapes.PAYLOADS, *(f'shape_slide_{layout}' for layout in server.LAYOUTS[1:]), 'shape_columns')


def peak(workload):
    """Run a workload in a fresh backend. Return the peak beyond the memory of the idle backend, measured in two ways.

    One is the kernel's high-water mark. It includes the shared buffers that the
    backend has touched, so this function touches those of the workload's tables
    first. The other is the largest of the samples.
    """
    with server.connect(workload.data, workload.scan) as connection:
        pid = connection.info.backend_pid
        tables = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
                                    "AND table_schema = %s AND (table_name LIKE 'cells%%' OR table_schema = 'smprofiler')", [workload.data]).fetchall()
        connection.execute('SET enable_indexonlyscan = off')
        for table, in tables:
            if workload.data == 'smprofiler' or re.search(rf'\b{table}\b', workload.sql):
                connection.execute(f'SELECT count(*) FROM {table}')
        connection.execute('RESET enable_indexonlyscan')
        connection.execute('SELECT cell_empty()')       # load the library
        processes.reset_peak(pid)
        idle = processes.counters(pid).private
        with Observer([pid], 'backend') as observer:
            connection.execute(workload.sql)
        by_mark = observer.seen[pid].last.peak_private - idle
    by_samples = observer.peak[pid] - idle
    return {'idle': idle, 'by_high_water_mark': by_mark, 'by_samples': by_samples, 'peak': max(by_mark, by_samples)}


def peaks(suite):
    """The peak of each of WORKLOADS, or the reason why there is none."""
    found = {}
    for name in WORKLOADS:
        try:
            found[name] = peak(suite.get(name, 'smprofiler' if name.startswith('smprofiler_') else f'cells_{suite.main}'))
        except (LookupError, OSError, processes.Gone, server.psycopg.Error) as error:
            found[name] = {'error': server.first_line(error.args[0])}
    return found
