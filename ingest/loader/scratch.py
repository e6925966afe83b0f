"""The temporary folder of a cbload process, and the removal of folders of killed processes."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "cbload."
MARK = ".made by cbload"     # in each folder, because other folders may have such a name
YOUNG = 60     # seconds; a younger folder without a lock may be about to get one


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
    """Create a folder for DuckDB's temporary files and for standard input.

    The folder is locked while it is in use. The lock ends with the process.
    """
    sweep()
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX) as made,
        locked(Path(made), fcntl.LOCK_SH),
    ):
        (Path(made) / MARK).touch()
        yield Path(made)


def sweep() -> None:
    """Remove the folders that killed processes have left."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            mine = status.st_uid == os.geteuid() and (path / MARK).is_file()
            if mine and time.time() - status.st_mtime > YOUNG:
                with locked(path, fcntl.LOCK_EX):
                    shutil.rmtree(path)
