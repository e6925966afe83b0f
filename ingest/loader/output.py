"""All output for people, with control characters escaped to protect the terminal."""

import contextlib
import sys
from typing import TextIO

from tqdm import tqdm

program = "cbload"     # the name before a complaint; embed sets its own
LONGEST = 5000     # characters of a line; a value in a file may have millions


def harmless(text: str) -> str:
    """Return the text as one line, with unprintable characters as escapes such as \\x1b.

    Unprintable are the C0 and C1 controls (among them ESC and newline), marks that change the
    direction of text, and bytes that are not UTF-8.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def say(text: str, file: TextIO) -> None:
    """Print one line above the progress bars."""
    tqdm.write(harmless(text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."), file=file)
    file.flush()


def complain(text: str) -> None:
    say(f"{program}: {text}", sys.stderr)


def prepare() -> None:
    """Print characters that the terminal's encoding lacks as escapes instead of failing."""
    for stream in sys.stdout, sys.stderr:
        with contextlib.suppress(AttributeError):     # a stream that a test has put there
            stream.reconfigure(errors="backslashreplace")
