"""Run an example of docs/export.md. Print the ETag of the payload that it reads and its peak memory, as a multiple of
the payload.

    out_peak.py <EXAMPLE
"""
import hashlib
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
peak = memory('VmHWM') - before
print(f"\"{hashlib.sha256(made['payload']).hexdigest()}\" {peak / len(made['payload']):.2f}")
