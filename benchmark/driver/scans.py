"""Workloads that run with cell_binary.scan on and off: NAME is computed by a scan, NAME_without_scan by the executor."""
import re

import server

SUFFIX = '_without_scan'


def are_compared(sql):
    """Whether a file of the suite says that it runs with and without the scan."""
    return re.search(r'^-- scan: on and off$', sql, re.MULTILINE) is not None


def is_scanned(connection, sql):
    """Whether the planner uses a scan for the only SELECT of a statement."""
    call = re.search(r"\b(cell_data|cell_data_samples)\('(\w+)'(?:, (?:'(\w+)'|(NULL)))?", sql)
    if call:
        name = 'cell_subsample' if call[4] else call[1]
        found = connection.execute('SELECT coalesce(bool_or(scan), false) FROM cell_scans(%s, %s) WHERE call = %s', [call[2], call[3], name])
        return found.fetchone()[0]
    plan = server.execute(connection, re.sub(r'^SELECT\b', 'EXPLAIN SELECT', sql, flags=re.MULTILINE))
    return any('CellScan' in line for line, in plan)


def inspect(sql, expected):
    """A function that plans a statement, and raises an error if the planner does not use a scan as expected."""
    def check(connection):
        if is_scanned(connection, sql) != expected:
            raise ValueError(f'the planner {"does not use" if expected else "uses"} a scan')
    return check


def variants(name, title):
    """Whether the scan is on, the name and the title of a workload with and without the scan."""
    return (True, name, title), (False, name + SUFFIX, f'{title}, without the scan')


def add(suite, kind, data, *statements):
    """Add statements (name, title, SQL): first all with the scan, side by side, then all without it."""
    for number in range(2):
        for name, title, sql in statements:
            scan, variant, full_title = variants(name, title)[number]
            suite.add_statement(kind, variant, full_title, data, sql, scan=scan, inspect=inspect(sql, scan))
