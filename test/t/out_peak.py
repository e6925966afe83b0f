"""Run an example of docs/reference.md, "Out", and print the memory that it takes at the peak, in sizes of the payload.

    out_peak.py <EXAMPLE
"""
import sys

import adbc_driver_postgresql.dbapi
import psycopg
import pyarrow


def memory(field):
    with open('/proc/self/status') as file:
        return 1024 * next(int(line.split()[1]) for line in file if line.startswith(field))


example = sys.stdin.read()
made = {'print': lambda *values: None}
with open('/proc/self/clear_refs', 'w') as file:
    file.write('5')    # the peak up to here is forgotten
before = memory('VmRSS')
exec(example, made)
print((memory('VmHWM') - before) / len(made['payload']))
