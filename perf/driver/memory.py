"""The private memory of a backend at its peak."""
import re
import threading

import server

# What targets name, and peers to compare with.
WORKLOADS = ('pack', 'pack_with_ids', 'pack_random', 'pack_spt', 'pack_spt_double', 'pack_arrow', 'pack_dense',
             'aggregate_baseline', 'string_agg', 'string_agg_ordered', 'copy_binary', 'json_agg', 'st_asmvt')


def status(pid):
    """The sizes in /proc/PID/status, in bytes."""
    return {name: int(kilobytes) * 1024 for name, kilobytes
            in re.findall(r'^(VmHWM|RssAnon|RssFile|RssShmem):\s*(\d+) kB', server.read(f'/proc/{pid}/status'), re.MULTILINE)}


def peak(workload):
    """Run a workload in a fresh backend; its memory over that of the idle backend, in two ways.

    VmHWM, the most that was resident, has in it the shared buffers that the
    backend touched. So these are all touched before, and what is shared is
    taken off. Beside it a thread samples RssAnon, which is private as it is.
    """
    with server.connect(workload.data) as connection:
        pid = connection.info.backend_pid
        tables = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
                                    "AND table_schema = %s AND table_name LIKE 'cells%%'", [workload.data]).fetchall()
        for table, in tables:
            connection.execute(f'SELECT count(*) FROM {table}')
        connection.execute('SELECT cell_empty()')       # loads the library
        with open(f'/proc/{pid}/clear_refs', 'w') as file:
            file.write('5')                             # VmHWM starts anew
        before = status(pid)

        sampled = [before['RssAnon']]
        done = threading.Event()

        def sample():
            while not done.wait(0.001):
                sampled.append(status(pid)['RssAnon'])
        sampler = threading.Thread(target=sample)
        sampler.start()
        try:
            connection.execute(workload.sql)
        finally:
            done.set()
            sampler.join()
        after = status(pid)
    by_mark = after['VmHWM'] - after['RssShmem'] - after['RssFile'] - before['RssAnon']
    by_samples = max(sampled) - before['RssAnon']
    return {'idle': before['RssAnon'], 'by_high_water_mark': by_mark, 'by_samples': by_samples, 'peak': max(by_mark, by_samples)}


def peaks(suite):
    """The peak of each of WORKLOADS, or why there is none."""
    found = {}
    for name in WORKLOADS:
        try:
            found[name] = peak(suite.get(name, f'cells_{suite.main}'))
        except (LookupError, OSError, server.psycopg.Error) as error:
            found[name] = {'error': server.first_line(error.args[0])}
    return found
