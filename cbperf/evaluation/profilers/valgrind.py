"""Functions shared by the profilers that use valgrind."""

import os
from pathlib import Path

from .base import Target, Unavailable
from .programs import find, last_line, run


def command(tool: str, *options: str) -> list[str]:
    """The start of a command line. -q suppresses messages, and --vgdb=no prevents files in /tmp."""
    return [find("valgrind"), "-q", "--vgdb=no", f"--tool={tool}", *options]


def refuse_running(target: Target) -> None:
    if target.kind == "pid":
        raise Unavailable("valgrind cannot attach to a running process; use the profilers cpu and faults")


def run_command(valgrind: list[str], argv: list[str], folder: Path) -> None:
    """Run a command under valgrind, whose files go to the folder. The command's input is empty and its output is discarded.

    PYTHONHASHSEED makes Python's hashes, and thereby the counts, repeatable.
    """
    files = [option.replace("=./", f"={folder}/") for option in valgrind]
    messages = folder / "messages"
    status = run([*files, *argv], messages, environment=os.environ | {"PYTHONHASHSEED": "0"})
    output = next(folder / option.partition("=./")[2] for option in valgrind if "=./" in option)
    if not status and not output.exists():
        raise Unavailable("the command became another program (exec), which valgrind does not follow; give that program")
    if status:
        raise Unavailable(f"the command ended with status {status} under valgrind: {last_line(messages)}")
