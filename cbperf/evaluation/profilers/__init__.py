"""The custom profilers by name: those of this package, and PROFILERS in the modules of the folders in $CBPERF_PROFILERS."""

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
    """Load the plug-ins of folders, which are separated as in PATH."""
    for path in sorted(path for folder in folders.split(os.pathsep) if folder for path in Path(folder).glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"cbperf_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
            ALL.update({profiler.name: profiler for profiler in module.PROFILERS})
        except Exception as error:
            raise UnknownProfiler(f"cannot load {path}: {type(error).__name__}: {error}") from None


class UnknownProfiler(Exception):
    """There is no profiler with this name; the message lists the profilers."""


def get(name: str) -> Profiler:
    if name not in ALL:
        load(os.environ.get("CBPERF_PROFILERS", ""))
    if name not in ALL:
        raise UnknownProfiler(f"there is no profiler {name}; the profilers are {', '.join(ALL)}")
    return ALL[name]
