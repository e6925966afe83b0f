"""Run an example of docs/export.md, and print the ETag of its payload and its peak memory.

    out_peak.py <EXAMPLE

The peak is a multiple of the payload's size.
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
    file.write('5')    # resets VmHWM
before = memory('VmRSS')
exec(example, made)
peak = memory('VmHWM') - before
print(f"\"{hashlib.sha256(made['payload']).hexdigest()}\" {peak / len(made['payload']):.2f}")
