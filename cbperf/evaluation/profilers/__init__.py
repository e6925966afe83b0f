"""The custom profilers, by name: those here, and those of the folders in $CBPERF_PROFILERS, whose modules have them as PROFILERS."""

import importlib.util
import os
from pathlib import Path

from .base import Profiler
from .contexts import Contexts
from .heap import Heap
from .instructions import Instructions
from .sampling import CPU, FAULTS

ALL: dict[str, Profiler] = {profiler.name: profiler for profiler in (CPU, FAULTS, Instructions(), Heap(), Contexts())}


def load(folders: str) -> None:
    """The plug-ins of folders, separated as those of PATH are."""
    for path in sorted(path for folder in folders.split(os.pathsep) if folder for path in Path(folder).glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"cbperf_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
            ALL.update({profiler.name: profiler for profiler in module.PROFILERS})
        except Exception as error:
            raise UnknownProfiler(f"{path} can't be loaded: {type(error).__name__}: {error}") from None


class UnknownProfiler(Exception):
    """There is no profiler of that name: says which there are."""


def get(name: str) -> Profiler:
    if name not in ALL:
        load(os.environ.get("CBPERF_PROFILERS", ""))
    if name not in ALL:
        raise UnknownProfiler(f"there is no profiler {name}; there are {', '.join(ALL)}")
    return ALL[name]
