"""All that people read of cbload is printed here: a name or a value from a file cannot give orders to a terminal."""

import contextlib
import sys
from typing import TextIO

from tqdm import tqdm


LONGEST = 5000     # characters of a line; a value may have millions


def harmless(text: str) -> str:
    """One line of it: whatever is not printed as itself is written as Python writes it, such as \\x1b. That is the C0 and C1
    controls, ESC and newlines among them, marks that change the direction of text, and bytes that are no UTF-8."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in text)


def say(text: str, file: TextIO) -> None:
    """A line, above the bars."""
    tqdm.write(harmless(text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."), file=file)
    file.flush()


def complain(text: str) -> None:
    say(f"cbload: {text}", sys.stderr)


def prepare() -> None:
    """A terminal that is not in UTF-8 gets what it lacks as escapes, and not an error."""
    for stream in sys.stdout, sys.stderr:
        with contextlib.suppress(AttributeError):     # a test's own stream
            stream.reconfigure(errors="backslashreplace")
