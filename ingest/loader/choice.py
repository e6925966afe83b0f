"""The choice of a preset for a source, by the tables and columns that the source has."""

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import annotated
import duckdb
import mapping
import sources
from errors import LoadError, Wrong
from readers import names_of
from reading import places_of

AUTO = "auto"


@dataclass
class Fit:
    """How well a preset fits a source."""

    preset: str
    found: list[str] = field(default_factory=list)      # columns of the source
    missing: list[str] = field(default_factory=list)    # tables or columns that it must have
    absent: int = 0         # columns that it may have, but has not

    @property
    def rank(self) -> tuple[bool, int, int]:
        return not self.missing, len(self.found) - len(self.missing), -self.absent


def chosen(
    given: str, folder: Path, quotes: str | None, skip: int, encoding: str,
) -> tuple[str, str]:
    """Return the preset that fits a source best, and why, or raise an error."""
    fits = [fit_of(name, given, folder, quotes, skip, encoding) for name in mapping.presets()]
    best = max(fits, key=lambda fit: fit.rank)
    equal = [fit.preset for fit in fits if fit.rank == best.rank]
    if best.missing:
        if not best.found:
            raise Wrong(f"no preset fits {given}: --presets lists them, and --map takes a map of "
                        "your own")
        raise Wrong(f"no preset fits {given}; the nearest is {best.preset}, but there is no "
                    f"{', '.join(best.missing)}")
    if len(equal) > 1:
        raise Wrong(f"several presets fit {given}: choose one of {', '.join(equal)}")
    found = ", ".join(dict.fromkeys(best.found))
    return best.preset, f"preset {best.preset}: the source has {found}"


def fit_of(
    name: str, given: str, folder: Path, quotes: str | None, skip: int, encoding: str,
) -> Fit:
    map = mapping.read(mapping.preset(name))
    fit = Fit(name)
    first = sources.expanded(given, map, folder, None)[0]
    if sources.is_annotated(first):
        annotated.load(True)
    there: set[str] = set()
    with ExitStack() as files, duckdb.connect() as engine:
        for table in map.tables:
            alone = replace(map, tables=[table])
            try:
                part = part_of(first, map, table)
                (origin,) = sources.origins(engine, part, alone, encoding, files)
                names = names_of(engine, table, origin, quotes, skip)
            except (LoadError, duckdb.Error, OSError):
                fit.missing.append(f"table {table.name}")
                continue
            for column, places in places_of(table, names).items():
                fit.absent += not places
                if places:
                    there.add(column.casefold())
                    fit.found += [names[place] for found in places.values() for place in found[:1]]
            fit.missing += [
                column.name for column in table.columns
                if column.required and column.name.casefold() not in there]
    # A position can be in one of several columns.
    if not fit.missing and not any(column.casefold() in there for column in map.positions):
        fit.missing = map.positions
    return fit


def part_of(source: sources.Source, map: mapping.Map, table: mapping.Table) -> sources.Source:
    """Return the source with the file of one table only."""
    if not source.files:
        return source
    return replace(source, files=(source.files[map.tables.index(table)],))
