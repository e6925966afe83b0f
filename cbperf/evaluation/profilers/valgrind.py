"""What the profilers that run under valgrind have in common."""

import os
from pathlib import Path

from .base import Target, Unavailable
from .programs import find, last_line, run


def command(tool: str, *options: str) -> list[str]:
    """The beginning of a command line. Without -q there would be messages, and with vgdb files in /tmp."""
    return [find("valgrind"), "-q", "--vgdb=no", f"--tool={tool}", *options]


def refuse_running(target: Target) -> None:
    if target.kind == "pid":
        raise Unavailable("valgrind can't attach to a process that runs; use the profilers cpu and faults")


def run_command(valgrind: list[str], argv: list[str], folder: Path) -> None:
    """Run a command under valgrind, whose files go into the folder. Its own input is empty, and its output thrown away.

    Python's hashes are not random then, for they would make each count another one.
    """
    files = [option.replace("=./", f"={folder}/") for option in valgrind]
    messages = folder / "messages"
    status = run([*files, *argv], messages, environment=os.environ | {"PYTHONHASHSEED": "0"})
    output = next(folder / option.partition("=./")[2] for option in valgrind if "=./" in option)
    if not status and not output.exists():
        raise Unavailable("the command became another program (exec), which valgrind does not follow; give that one")
    if status:
        raise Unavailable(f"the command ended with status {status} under valgrind: {last_line(messages)}")
