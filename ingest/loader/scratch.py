"""A folder for what DuckDB puts on disk and for standard input. What a killed cbload left is removed by the next one."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "cbload."
MARK = ".made by cbload"     # in each: other folders may be called so
YOUNG = 60     # seconds within which one that is not locked may be about to be


@contextlib.contextmanager
def locked(path: Path, how: int) -> Iterator[None]:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """As long as it is in use it is locked, which ends with the process."""
    sweep()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as made, locked(Path(made), fcntl.LOCK_SH):
        (Path(made) / MARK).touch()
        yield Path(made)


def sweep() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if status.st_uid == os.geteuid() and (path / MARK).is_file() and time.time() - status.st_mtime > YOUNG:
                with locked(path, fcntl.LOCK_EX):
                    shutil.rmtree(path)
