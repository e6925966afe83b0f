"""Allow one measurement at a time on a machine, because two would disturb each other."""

import contextlib
import os
import socket
import struct
import time
from collections.abc import Iterator

# In Linux's abstract namespace, all users of the same container see the socket, and it disappears with the process.
# Only tests set the variable, so that they do not wait for measurements.
ADDRESS = "\0cbperf measures" + os.environ.get("CBPERF_TEST_LOCK", "")


class Busy(Exception):
    pass


def holder() -> str:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)     # the holder never accepts
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
                    raise Busy(f"{holder()} is measuring on this machine; use --wait to wait for its end") from None
            time.sleep(0.2)
        lock.listen()
        yield
