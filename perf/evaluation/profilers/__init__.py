"""The custom profilers, by name. To add one: a class like those of base.Profiler, and its place in the list here."""

from .base import Profiler
from .contexts import Contexts
from .heap import Heap
from .instructions import Instructions
from .sampling import CPU, FAULTS

ALL: dict[str, Profiler] = {profiler.name: profiler for profiler in (CPU, FAULTS, Instructions(), Heap(), Contexts())}


class UnknownProfiler(Exception):
    """There is no profiler of that name: says which there are."""


def get(name: str) -> Profiler:
    if name not in ALL:
        raise UnknownProfiler(f"there is no profiler {name}; there are {', '.join(ALL)}")
    return ALL[name]
