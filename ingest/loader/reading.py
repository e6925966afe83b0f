"""What the readers of formats are given, and what they yield."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import names as columns
from errors import LoadError
from lines import Form
from mapping import Table
from sources import Origin, at


@dataclass(frozen=True)
class Reading:
    """The settings that apply to all sources."""

    nulls: list[str]
    quotes: str | None
    decimal: str
    skip_lines: int
    go_on: Callable[[], None]     # raises an error to end the reading
    # The types that are read from CSV as text, which takes longer
    as_text: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Field:
    """A column of the source.

    In DuckDB, columns of CSV and SQLite have numbered names, so that no name in a file can be the
    same as a name that cbload makes.
    """

    name: str       # in the source
    called: str     # in DuckDB
    type: str


# What was found for each column of a map: nothing, or with the key "" the columns of the source
# with its name, which must be equal. If the column stands for many, each of them has a key.
T = TypeVar("T")
Found = dict[str, dict[str, list[T]]]


@dataclass(frozen=True)
class Rows:
    """What a reader yields, once or for each batch."""

    rows: str                           # SQL that yields the rows
    fields: Found[Field]                # of each column of the map
    number: str | None = None           # the column with the row number
    form: Form | None = None            # of CSV
    decimal: str = "."                  # of numbers in text


def each_of(found: Found[T]) -> Iterator[list[T]]:
    for keys in found.values():
        yield from keys.values()


def made_of(places: Found[int], field: Callable[[int], Field]) -> Found[Field]:
    return {
        name: {key: [field(place) for place in found] for key, found in keys.items()}
        for name, keys in places.items()
    }


def places_of(table: Table, names: list[str]) -> Found[int]:
    """Return the positions of each column of the map."""
    places: Found[int] = {}
    for column in sorted(table.columns, key=lambda column: bool(column.many)):
        if column.many:
            taken = {place for found in each_of(places) for place in found}
            places[column.name] = columns.matching(column.name, names, taken)
        else:
            found = columns.meant(column.name, names)
            places[column.name] = {"": found} if found else {}
    return places


def needed(
    table: Table, names: list[str], origin: Origin, elsewhere: str = "",
) -> Found[int]:
    """Return the positions of each column of the map, or raise an error if a column is missing."""
    places = places_of(table, names)
    missing = [
        column.name for column in table.columns if column.required and not places[column.name]
    ]
    if missing:
        hint = elsewhere or columns.hint(missing, names)
        raise LoadError(f"{at(origin)}there is no column {', '.join(missing)}{hint}")
    return places
