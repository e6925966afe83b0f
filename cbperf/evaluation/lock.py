"""One measurement on a machine at a time: two would measure each other."""

import contextlib
import os
import socket
import struct
import time
from collections.abc import Iterator

# In Linux's abstract namespace: all users see it (but not from another container), and it is gone with the process, however that ends.
# Only tests set the variable: they are no measurements.
ADDRESS = "\0cbperf measures" + os.environ.get("CBPERF_TEST_LOCK", "")


class Busy(Exception):
    pass


def holder() -> str:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)     # it never accepts
        client.connect(ADDRESS)
        pid, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return f"process {pid}"
    return "another process"


@contextlib.contextmanager
def measuring(wait: bool) -> Iterator[None]:
    """Hold the lock; if another process does, wait for it or raise Busy."""
    with socket.socket(socket.AF_UNIX) as lock:
        while True:
            try:
                lock.bind(ADDRESS)
                break
            except OSError:
                if not wait:
                    raise Busy(f"{holder()} measures on this machine: --wait waits for its end") from None
            time.sleep(0.2)
        lock.listen()
        yield
