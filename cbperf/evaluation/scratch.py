"""Temporary folders of this process. The next process removes those of a killed one."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


def make() -> Path:
    """Make a folder whose name has the PID of this process."""
    return Path(tempfile.mkdtemp(prefix=f"cbperf.{os.getpid()}."))


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    made = make()
    try:
        yield made
    finally:
        remove(made)


def sweep() -> None:
    """Remove this user's folders of processes that have ended, because copies of clusters contain hashes of passwords."""
    for path in Path(tempfile.gettempdir()).glob("cbperf.*"):
        with contextlib.suppress(OSError):
            owner = re.fullmatch(r"cbperf\.(\d+)\..*", path.name)
            if owner and not path.is_symlink() and not Path(f"/proc/{owner[1]}").exists() and (os.geteuid() == 0 or path.stat().st_uid == os.geteuid()):
                remove(path)
