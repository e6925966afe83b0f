"""The columns of a source that a map means, found by their names."""

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable

MICRO, MU = "\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"
SHOWN = 12      # columns in a message


def trimmed(name: str) -> str:
    """Return the name without spaces at its ends, and with one of the characters for micro."""
    return unicodedata.normalize("NFC", name).strip().replace(MICRO, MU)


def folded(name: str) -> str:
    return trimmed(name).casefold()


def dotted(name: str) -> str:
    """Return the name as R writes it, with dots for spaces and other characters."""
    return re.sub(r"[\W_]+", ".", folded(name)).strip(".")


# How equal two names are, from the strictest comparison on.
COMPARISONS: list[Callable[[str], str]] = [str, trimmed, folded, dotted]


def official(names: Iterable[str]) -> list[str]:
    """Give each column without a name the one that pandas gives it: Unnamed: 0 is the first."""
    given = list(names)
    return [
        name if name.strip() or (made := f"Unnamed: {position}") in given else made
        for position, name in enumerate(given)
    ]


def meant(wanted: str, names: list[str]) -> list[int]:
    """Return the positions of the columns with the wanted name.

    A name that is exactly equal is preferred to names that differ in spaces at the ends or in the
    character for micro, these to names that also differ in upper and lower case, and these to names
    with other characters between the words.
    """
    for comparison in COMPARISONS:
        key = comparison(wanted)
        if found := [place for place, name in enumerate(names) if comparison(name) == key]:
            return found
    return []


def matching(pattern: str, names: list[str], taken: set[int]) -> dict[str, list[int]]:
    """Return the positions of the columns that match a pattern, by what its * stands for.

    Columns at the positions in `taken` are left out, because they have names of their own.
    """
    # A word of the pattern may be followed by other characters than a space.
    parts = [r"[\W_]+".join(map(re.escape, part.split(" ")))
             for part in trimmed(pattern).split("*", 1)]
    expression = re.compile("(.*?)".join(parts), re.IGNORECASE | re.DOTALL)
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if place not in taken and (match := expression.fullmatch(trimmed(name))):
            found.setdefault(match[1].strip(" ._"), []).append(place)
    return found


def hint(missing: list[str], names: list[str], what: str = "columns") -> str:
    """Return the part of a message that says which names are similar to missing ones, or any."""
    by_key = {folded(name): name for name in reversed(names)}
    similar = dict.fromkeys(
        by_key[key] for name in missing[:3]
        for key in difflib.get_close_matches(folded(name), by_key, 2, 0.6))
    if similar:
        return f"; similar {what}: {', '.join(similar)}"
    shown = ", ".join(names[:SHOWN])
    more = len(names) - SHOWN
    return f"; the {what} are: {shown}" + (f" and {more:,} others" if more > 0 else "")
